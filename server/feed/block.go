package feed

import (
	"bytes"
	"container/list"
	"iter"
	"sort"
	"sync"
	"unsafe"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// block is what a feed renders of one segment: pieces that are sent one behind the other. Long lines
// are not copied into it: their pieces are the journal's own bytes, which stay for as long as
// anybody has acquired the segment.
type block struct {
	feed *feed
	seq  uint64 // of the segment

	mu      sync.Mutex
	segment *journal.Segment // nil when all of it is rendered
	pieces  []piece          // append-only: what has been handed out never changes while a cursor is in it
	memory  [][]byte         // what is rendered is in these; only the last has room
	ends    []end            // one for each entry rendered
	topic   string           // what wants was asked last, and said
	asked   bool
	wanted  bool

	// Guarded by the Set's lock.
	size  int           // bytes that the cache counts for it
	place *list.Element // in the cache; nil when it is no longer there
	refs  int           // cursors in it
}

// piece is bytes of a block that are contiguous in memory.
type piece struct {
	data []byte
	end  int // where it ends in the block
}

// end is where an entry ends in a block.
type end struct{ off, msgs int }

// What a block costs besides its bytes. A feed for which nothing ever comes makes blocks too, and
// they have to leave the cache like others.
const (
	blockOverhead = 512
	endSize       = int(unsafe.Sizeof(end{}))
	pieceSize     = int(unsafe.Sizeof(piece{}))
)

// gatherFrom is how long the lines of an entry are, on average, that are not copied, in bytes. To
// gather two pieces for a line takes the system about as long as to copy so much.
const gatherFrom = 4096

// wants reports whether the feed wants messages of this topic.
func (b *block) wants(topic string) bool {
	if !b.asked || topic != b.topic {
		b.asked, b.topic, b.wanted = true, topic, b.feed.filter.Match(topic)
	}
	return b.wanted
}

// gathers reports whether the lines of an entry are sent from where they are in the journal.
func (b *block) gathers(e *journal.Entry) bool {
	return b.feed.format.Verbatim() && len(e.Lines) >= e.Count*gatherFrom
}

// estimate returns about how many bytes an entry is rendered to, mostly a little more than it is:
// memory that has to grow is cleared and copied more than once.
func (b *block) estimate(e *journal.Entry) int {
	if e.Event != nil || !b.wants(e.Topic) {
		return 0
	}
	prefix := [...]int{
		protocol.Plain:   len("[FROM  #] : "),
		protocol.Stamped: len("[2026-11-22T10:15:04.123456Z FROM  #] : "),
		protocol.TSV:     len("18446744073709551615\t2026-11-22T10:15:04.123456Z\t\t\t"),
		protocol.JSON:    len(`{"pos":1234567890,"time":"2026-11-22T10:15:04.123456Z","from":"","topic":"","line":""}`),
		protocol.SSE:     len("id: 1234567890\ndata: \n\n" + `{"pos":1234567890,"time":"2026-11-22T10:15:04.123456Z","from":"","topic":"","line":""}`),
	}[b.feed.format]
	heads := e.Count * (prefix + len(e.From) + len(e.Topic))
	if b.gathers(e) {
		return heads
	}
	return len(e.Lines) + heads
}

// read renders what the segment has and the block has not. It returns the pieces from an offset on, as
// many as there is room for, and whether the block is all there will be.
func (s *Set) read(b *block, off int, room func() [][]byte) (run [][]byte, complete bool) {
	b.mu.Lock()
	grown := 0
	if b.segment != nil {
		grown = b.render(&s.spare)
	}
	for data := range b.from(off) {
		if len(run) == 0 {
			run = room()
		}
		if len(run) == cap(run) {
			break
		}
		run = append(run, data)
	}
	complete = b.segment == nil
	b.mu.Unlock()
	if grown > 0 {
		s.mu.Lock()
		if b.place != nil {
			b.size += grown
			s.cached += grown
		}
		for front := s.cache.Front(); s.cached > s.cfg.Cache && front != nil; front = s.cache.Front() {
			s.forgetLocked(front.Value.(*block))
		}
		s.mu.Unlock()
	}
	return run, complete
}

// render appends what is new in the segment, and returns by how many bytes the block has grown.
func (b *block) render(spare *spare) (grown int) {
	entries, sealed := b.segment.Entries(len(b.ends))
	before := pieceSize*cap(b.pieces) + endSize*cap(b.ends)
	msgs := 0
	if n := len(b.ends); n > 0 {
		msgs = b.ends[n-1].msgs
	}
	for i := range entries {
		e := &entries[i]
		if e.Event != nil || b.wants(e.Topic) {
			memory, more := b.room(b.estimate(e), spare)
			had := cap(*memory)
			grown += more + b.append(memory, e)
			if now := cap(*memory); now != had { // the estimate was too small, and pieces keep the old one
				grown += now
			}
			msgs += e.Count
		}
		b.ends = append(b.ends, end{b.len(), msgs})
	}
	if sealed {
		b.segment = nil
	}
	return grown + pieceSize*cap(b.pieces) + endSize*cap(b.ends) - before
}

// room returns memory for so many bytes, and by how many the block has grown for it.
func (b *block) room(size int, spare *spare) (memory *[]byte, grown int) {
	const least, most = 512, 128 << 10 // unless more is needed
	last := len(b.memory) - 1
	if last < 0 || cap(b.memory[last])-len(b.memory[last]) < size {
		like := least
		if last >= 0 {
			like = min(2*cap(b.memory[last]), most)
		}
		b.memory = append(b.memory, spare.get(max(size, like)))
		last++
		grown = cap(b.memory[last])
	}
	return &b.memory[last], grown
}

// append appends an entry, of which what is rendered goes to memory, and returns by how many bytes
// the block has grown for what is not in there.
func (b *block) append(memory *[]byte, e *journal.Entry) (grown int) {
	from, format := len(*memory), b.feed.format
	if e.Event != nil {
		*memory = format.AppendEvent(*memory, e.Event)
		b.add((*memory)[from:])
		return 0
	}
	batch := &protocol.Batch{Pos: e.Pos, Time: e.Time, From: e.From, Topic: e.Topic, Lines: e.Lines, Count: e.Count}
	if !b.gathers(e) {
		*memory = format.AppendBatch(*memory, batch)
		b.add((*memory)[from:])
		return 0
	}
	var room [protocol.MaxHead]byte
	head := format.Head(room[:0], batch)
	for pos, lines := e.Pos, e.Lines; len(lines) > 0; pos++ {
		n := bytes.IndexByte(lines, '\n') + 1
		*memory = head.Append(*memory, pos)
		b.add((*memory)[from:])
		from = len(*memory)
		if n > 1 && lines[n-2] == '\r' { // readers drop one CR before the LF
			b.add(lines[: n-1 : n-1])
			*memory = append(*memory, "\r\n"...)
		} else {
			b.add(lines[:n:n])
		}
		lines = lines[n:]
	}
	b.add((*memory)[from:])
	return len(e.Lines)
}

// add adds a piece, or extends the last one by what is right behind it in memory.
func (b *block) add(data []byte) {
	if len(data) == 0 {
		return
	}
	end := b.len() + len(data)
	if n := len(b.pieces); n > 0 {
		last := &b.pieces[n-1]
		if size := len(last.data); cap(last.data) > size && &last.data[:size+1][size] == &data[0] {
			last.data, last.end = last.data[:size+len(data)], end
			return
		}
	}
	b.pieces = append(b.pieces, piece{data, end})
}

// len returns how many bytes are rendered.
func (b *block) len() int {
	if n := len(b.pieces); n > 0 {
		return b.pieces[n-1].end
	}
	return 0
}

// from goes through the bytes from an offset on.
func (b *block) from(off int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i := sort.Search(len(b.pieces), func(i int) bool { return b.pieces[i].end > off })
		for ; i < len(b.pieces); i++ {
			p := &b.pieces[i]
			if !yield(p.data[max(0, len(p.data)-(p.end-off)):]) {
				return
			}
		}
	}
}

// all reports whether the first off bytes are all that is rendered for now, of how many entries, and
// how many messages they are. There is more when another cursor has had it rendered.
func (b *block) all(off int) (msgs, entries int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.segment == nil || off < b.len() {
		return 0, 0, false
	}
	if entries = len(b.ends); entries > 0 {
		msgs = b.ends[entries-1].msgs
	}
	return msgs, entries, true
}

// at returns the offset of a line of an entry that has been rendered, or of the end, and how many
// messages are before it.
func (b *block) at(entry, line int) (off, msgs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if entry > 0 {
		off, msgs = b.ends[entry-1].off, b.ends[entry-1].msgs
	}
	if entry == len(b.ends) || b.ends[entry].msgs == msgs {
		return off, msgs // an event, or filtered out
	}
	left, terminator := line, []byte(b.feed.format.Terminator())
	for data := range b.from(off) {
		for ; left > 0; left-- {
			i := bytes.Index(data, terminator)
			if i < 0 {
				break
			}
			off += i + len(terminator)
			data = data[i+len(terminator):]
		}
		if left == 0 {
			break
		}
		off += len(data)
	}
	return off, msgs + line
}

// messages returns how many messages end before the offset.
func (b *block) messages(off int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, line, msgs := b.findLocked(off)
	return msgs + line
}

// findLocked returns the entry in which an offset is, how many of its messages end before it, and how
// many of the entries before.
func (b *block) findLocked(off int) (entry, line, msgs int) {
	entry = sort.Search(len(b.ends), func(i int) bool { return b.ends[i].off > off })
	var before end
	if entry > 0 {
		before = b.ends[entry-1]
	}
	if entry == len(b.ends) || b.ends[entry].msgs == before.msgs {
		return entry, 0, before.msgs
	}
	left := off - before.off
	for data := range b.from(before.off) {
		n := min(left, len(data))
		line += bytes.Count(data[:n], []byte(b.feed.format.Terminator()))
		if left -= n; left == 0 {
			break
		}
	}
	return entry, line, before.msgs
}

// restOfLine returns a copy of what is left of the line in the middle of which an offset is, if it
// is.
func (b *block) restOfLine(off int) (rest []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	end := []byte(b.feed.format.Terminator())
	from := max(0, off-len(end))
	for data := range b.from(from) {
		if rest = append(rest, data...); bytes.HasPrefix(rest, end) {
			return nil
		}
		if i := bytes.Index(rest, end); i >= 0 { // a part of it may be sent
			return rest[off-from : i+len(end)]
		}
	}
	return nil
}
