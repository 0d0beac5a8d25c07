package disk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// segment is a file of the journal.
type segment struct {
	number uint64 // they follow each other
	first  uint64 // the position of the first message in it, or after it
	end    int64  // where its frames end: for the last, those that can be read
	size   int64  // bytes
	headed bool   // its snapshot can be read
	sealed bool   // another file has come, which says where this one ends
}

const (
	suffix    = ".journal"
	newSuffix = ".new" // of one that is being made
)

func fileName(number uint64) string { return fmt.Sprintf("%010d", number) + suffix }

// fileNumbers returns the numbers of the journal's files, in their order, and the names of those
// that were never completed. Other files are somebody else's.
func fileNumbers(fs fileSystem) (numbers []uint64, unfinished []string, err error) {
	names, err := fs.List()
	for _, name := range names {
		digits, ok := strings.CutSuffix(strings.TrimSuffix(name, newSuffix), suffix)
		number, err := strconv.ParseUint(digits, 10, 64)
		switch {
		case !ok || err != nil || !strings.HasPrefix(name, fileName(number)):
		case strings.HasSuffix(name, newSuffix):
			unfinished = append(unfinished, name)
		default:
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, unfinished, err
}

// rotate goes on in a new file, when there is room for it. It is not ok when the journal has ended.
func (j *Journal) rotate() bool {
	return j.sync() && j.untilRoom(func() error {
		if err := j.dropOldest(); err != nil {
			return err
		}
		last := j.files[len(j.files)-1]
		made, err := j.create(last.number+1, j.off)
		if err != nil {
			return err
		}
		if err := j.file.Close(); err != nil {
			return err
		}
		j.use(made)
		return nil
	})
}

// made is a file that was made, with a snapshot in it.
type made struct {
	file file
	segment
}

// create makes a file that begins with what is known now. It has its name only when all of it is on
// the disk, so that one with a name is never torn at its beginning.
func (j *Journal) create(number uint64, end int64) (m made, err error) {
	b := append([]byte(banner), make([]byte, headerSize)...)
	b = (&snapshot{j.id, end, j.dedup}).append(b)
	f := frame{kind: kindSnapshot, off: int64(len(banner)), pos: j.next, synced: int64(len(banner)), time: j.time, payload: b[len(banner)+headerSize:]}
	f.seal(number, b[len(banner):])
	m.segment = segment{number: number, first: j.next, end: f.end(), size: f.end() + j.fileSize, headed: true}
	name := fileName(number)
	defer func() {
		if err != nil && m.file != nil {
			m.file.Close()
		}
	}()
	m.file, err = j.fs.Create(name+newSuffix, m.size)
	if err == nil {
		_, err = m.file.WriteAt(b, 0)
	}
	if err == nil {
		err = m.file.Sync()
	}
	if noRoom(err) {
		if err := j.fs.Remove(name + newSuffix); err != nil {
			return m, err
		}
	}
	if err == nil {
		err = j.fs.Rename(name+newSuffix, name)
	}
	if err == nil {
		err = j.fs.Sync()
	}
	return m, err
}

// use has the next frame go to this file, the last one.
func (j *Journal) use(m made) {
	j.file, j.number, j.room, j.off, j.synced = m.file, m.number, m.size, m.end, m.end
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.files) > 0 {
		j.files[len(j.files)-1].sealed = true
	}
	j.files = append(j.files, m.segment)
}

// dropOldest makes room for another file. What is in those that go was kept as long as it was to
// be.
func (j *Journal) dropOldest() error {
	total := j.fileSize
	for _, f := range j.files {
		total += f.size
	}
	for total > j.cfg.Size && len(j.files) > 1 {
		oldest := j.files[0]
		j.mu.Lock()
		j.files = j.files[1:] // nobody begins to read it any more
		j.mu.Unlock()
		if err := j.fs.Remove(fileName(oldest.number)); err != nil {
			return err
		}
		if err := j.fs.Sync(); err != nil { // before the next one goes, so that none in between is missing
			return err
		}
		total -= oldest.size
	}
	return nil
}
