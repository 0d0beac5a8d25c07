package disk

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// A file of a journal is banner, and frames one right behind the other; behind the last are zeros.
// A frame holds all that was appended while the one before it was written. Its header, in little
// endian:
//
//	 0  magic, and the kind of the frame
//	 4  CRC-32C of the file's number, the frame's place, and all of the frame that follows
//	 8  the length of what is behind the header, in bytes
//	12  how many messages there are in it
//	16  the position of the first of them, or of the next one where there are none
//	24  up to where the file was known to be on the disk when the frame was written
//	32  the time of all its entries, in nanoseconds since 1970
const (
	banner     = bannerText + "1\n"
	bannerText = "pubsublab journal " // and then the version

	// magic is nowhere in a line, a name or a topic: it is no UTF-8, and has a NUL.
	magic      = "\xf5\x00j"
	headerSize = 40

	// maxPayload is more than any frame has behind its header, in bytes: the largest is a snapshot
	// of 65,536 runs.
	maxPayload = 32 << 20
)

// What a frame holds.
const (
	kindEntries  = 'e'
	kindSnapshot = 's' // of what is known at this place; each file begins with one
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is one of a file's. Its payload must not be changed.
type frame struct {
	kind    byte
	off     int64 // its place in the file
	pos     uint64
	count   int
	synced  int64
	time    time.Time
	payload []byte
}

func (f *frame) end() int64   { return f.off + headerSize + int64(len(f.payload)) }
func (f *frame) next() uint64 { return f.pos + uint64(f.count) }

// seal writes the header of a frame into the beginning of data, behind which the payload is.
func (f *frame) seal(number uint64, data []byte) {
	copy(data, magic)
	data[3] = f.kind
	le := binary.LittleEndian
	le.PutUint32(data[8:], uint32(len(data)-headerSize))
	le.PutUint32(data[12:], uint32(f.count))
	le.PutUint64(data[16:], f.pos)
	le.PutUint64(data[24:], uint64(f.synced))
	le.PutUint64(data[32:], uint64(f.time.UnixNano()))
	le.PutUint32(data[4:], checksum(number, f.off, data))
}

// checksum is of a frame at a place, so that what belongs elsewhere is none here.
func checksum(number uint64, off int64, data []byte) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:], number)
	binary.LittleEndian.PutUint64(place[8:], uint64(off))
	sum := crc32.Update(0, castagnoli, place[:])
	sum = crc32.Update(sum, castagnoli, data[:4])
	return crc32.Update(sum, castagnoli, data[8:])
}

// parseFrame reads the frame that data, which is at that offset of a file, begins with. It is not
// ok where there is none, or too little of it: then it may be one if data had size bytes.
func parseFrame(number uint64, off int64, data []byte) (f frame, size int, ok bool) {
	if len(data) < headerSize {
		return f, headerSize, false
	}
	le := binary.LittleEndian
	length := le.Uint32(data[8:])
	if string(data[:3]) != magic || length > maxPayload {
		return f, 0, false
	}
	size = headerSize + int(length)
	if len(data) < size {
		return f, size, false
	}
	data = data[:size:size]
	if checksum(number, off, data) != le.Uint32(data[4:]) {
		return f, size, false
	}
	return frame{
		kind: data[3], off: off, count: int(le.Uint32(data[12:])), pos: le.Uint64(data[16:]), synced: int64(le.Uint64(data[24:])),
		time: time.Unix(0, int64(le.Uint64(data[32:]))).UTC(), payload: data[headerSize:],
	}, size, true
}

// chunk is how many bytes are read at once, or as many as a frame has.
const chunk = 256 << 10

// scanner reads the frames of a file in their order.
type scanner struct {
	// Static after construction.
	file   file
	number uint64 // of the file
	limit  int64  // where the file ends, or what may be read of it
	sure   bool   // there are frames up to the limit, unless something is damaged

	off  int64  // behind the last frame
	torn int64  // at the end: how many bytes a crash has left there unfinished
	buf  []byte // what was read from off on
}

// at returns the bytes from off on, at least size unless the limit comes first.
func (s *scanner) at(off int64, size int) ([]byte, error) {
	left := s.limit - off
	if skip := off - s.off; skip >= 0 && skip <= int64(len(s.buf)) {
		if have := s.buf[skip:]; len(have) >= size || int64(len(have)) >= left {
			return have, nil
		}
	}
	size = int(min(int64(max(size, chunk)), max(left, 0)))
	s.buf, s.off = make([]byte, size), off // frames are parts of it, and stay
	n, err := s.file.ReadAt(s.buf, off)
	if n == size {
		err = nil
	}
	return s.buf, err
}

// frameAt returns the frame at an offset, if there is one.
func (s *scanner) frameAt(off int64) (f frame, ok bool, err error) {
	data, err := s.at(off, headerSize)
	for err == nil {
		var size int
		if f, size, ok = parseFrame(s.number, off, data); ok || size <= len(data) || off+int64(size) > s.limit {
			return f, ok, nil
		}
		data, err = s.at(off, size)
	}
	return f, false, err
}

// search returns the first frame from an offset on, if there is one.
func (s *scanner) search(off int64) (f frame, ok bool, err error) {
	for off < s.limit {
		data, err := s.at(off, len(magic))
		if err != nil {
			return f, false, err
		}
		i := bytes.Index(data, []byte(magic))
		if i < 0 {
			off += int64(max(1, len(data)-len(magic)+1))
			continue
		}
		off += int64(i)
		if f, ok, err = s.frameAt(off); ok || err != nil {
			return f, ok, err
		}
		off++
	}
	return f, false, nil
}

// next returns the next frame, and how many bytes before it are damaged. At the end it is not ok,
// and off is where that is: everything from there on was never known to be on the disk, or, with
// damage, cannot be read. Where it is not sure what the file has, a frame that cannot be read is
// damaged if a later one knows that it was on the disk; else it is what a crash has left unfinished.
func (s *scanner) next() (f frame, damaged int64, ok bool, err error) {
	off := s.off
	f, ok, err = s.frameAt(off)
	if !ok && err == nil && off < s.limit {
		if !s.sure {
			if s.torn, err = s.used(off); s.torn == 0 {
				return f, 0, false, err
			}
		}
		f, ok, err = s.search(off + 1)
		for later := f; ok && !s.sure && later.synced <= off; {
			later, ok, err = s.search(later.end())
		}
		switch {
		case ok:
			damaged, s.torn = f.off-off, 0
		case s.sure:
			damaged = s.limit - off
		}
	}
	if !ok || err != nil {
		s.seek(off)
		return f, damaged, false, err
	}
	s.seek(f.end())
	return f, damaged, true, nil
}

// used returns how many bytes there are from an offset on, up to the last that is not zero.
func (s *scanner) used(off int64) (n int64, err error) {
	data := make([]byte, chunk)
	for at := off; at < s.limit && err == nil; at += int64(len(data)) {
		data = data[:min(int64(len(data)), s.limit-at)]
		var read int
		if read, err = s.file.ReadAt(data, at); read == len(data) {
			err = nil
		}
		if text := bytes.TrimRight(data, "\x00"); len(text) > 0 {
			n = at + int64(len(text)) - off
		}
	}
	return n, err
}

// seek goes to an offset.
func (s *scanner) seek(off int64) {
	if skip := off - s.off; skip >= 0 && skip <= int64(len(s.buf)) {
		s.buf = s.buf[skip:]
	} else {
		s.buf = nil
	}
	s.off = off
}
