package feed

import (
	"bytes"
	"container/list"
	"slices"
	"sort"
	"sync"
	"unsafe"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// block is what a feed renders of one segment.
type block struct {
	feed *feed
	seq  uint64 // of the segment

	mu      sync.Mutex
	segment *journal.Segment // nil when all of it is rendered
	data    []byte           // append-only: what has been handed out never changes while a cursor is in it
	marks   []mark           // one for each entry rendered

	// Guarded by the Set's lock.
	size  int           // bytes that the cache counts for it
	place *list.Element // in the cache; nil when it is no longer there
	refs  int           // cursors in it
}

// mark is the end of an entry in a block.
type mark struct{ off, msgs int }

// What a block costs besides its bytes. A feed for which nothing ever comes
// makes blocks too, and they have to leave the cache like others.
const (
	blockOverhead = 512
	markSize      = int(unsafe.Sizeof(mark{}))
)

// acquireLocked returns the block of a segment, an empty one if there is none,
// for a cursor to be in.
func (s *Set) acquireLocked(f *feed, segment *journal.Segment) *block {
	b := f.blocks[segment.Seq]
	if b == nil {
		b = &block{feed: f, seq: segment.Seq, segment: segment, size: blockOverhead}
		if segment.Seq > 0 { // one of a Past is nobody else's
			b.place = s.cache.PushBack(b)
			s.cached += b.size
			f.blocks[b.seq] = b
		}
	}
	b.refs++
	return b
}

// releaseLocked takes a cursor out of the block it is in. What Next returned is
// not valid any more.
func (s *Set) releaseLocked(c *Cursor) {
	b := c.block
	c.block = nil
	b.refs--
	s.recycleLocked(b)
}

// recycleLocked keeps the memory of a block that nobody can see any more for
// another one: to clear new memory takes longer than to fill it.
func (s *Set) recycleLocked(b *block) {
	if b.refs == 0 && b.place == nil && cap(b.data) > 0 {
		data := b.data
		b.data = nil
		s.spare.Put(&data)
	}
}

// forgetLocked drops a block from the cache. Cursors in it go on with it.
func (s *Set) forgetLocked(b *block) {
	if b.place == nil {
		return
	}
	s.cached -= b.size
	s.cache.Remove(b.place)
	b.place = nil
	delete(b.feed.blocks, b.seq)
	s.recycleLocked(b)
}

// read renders what the segment has and the block has not, and returns all of
// the block's bytes, and whether they are all there will be.
func (s *Set) read(b *block) (data []byte, complete bool) {
	b.mu.Lock()
	grown := 0
	if b.segment != nil {
		grown = b.render(&s.spare)
	}
	data, complete = b.data, b.segment == nil
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
	return data, complete
}

// render appends what is new in the segment, and returns by how many bytes the
// block's memory has grown.
func (b *block) render(spare *sync.Pool) int {
	entries, sealed := b.segment.Entries(len(b.marks))
	size := cap(b.data)
	before := size + markSize*cap(b.marks)
	coming := len(b.data)
	for i := range entries {
		coming += len(entries[i].Lines)
	}
	like := int(b.feed.blockSize.Load())
	if size < like && coming > like/8 {
		if old, ok := spare.Get().(*[]byte); ok && cap(*old) >= like && cap(*old) <= 2*like {
			b.data = append((*old)[:0], b.data...)
		} else {
			b.data = slices.Grow(b.data, like-len(b.data))
		}
	}
	msgs := 0
	if n := len(b.marks); n > 0 {
		msgs = b.marks[n-1].msgs
	}
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Event != nil:
			b.data = b.feed.format.AppendEvent(b.data, e.Event)
		case b.feed.filter.Match(e.Topic):
			b.data = b.feed.format.AppendBatch(b.data, &protocol.Batch{
				Pos: e.Pos, Time: e.Time, From: e.From, Topic: e.Topic, Lines: e.Lines, Count: e.Count,
			})
			msgs += e.Count
		}
		b.marks = append(b.marks, mark{len(b.data), msgs})
	}
	if sealed {
		b.feed.blockSize.Store(int64(max(len(b.data)+len(b.data)/16, like-like/16)))
		b.segment = nil
	}
	return cap(b.data) + markSize*cap(b.marks) - before
}

// all tells whether the first off bytes are all there is for now, and how many
// messages they are then. There is more in the block when another cursor has had
// it rendered, or in its segment.
func (b *block) all(off int) (msgs int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.segment == nil || off < len(b.data) || b.segment.Grown(len(b.marks)) {
		return 0, false
	}
	if n := len(b.marks); n > 0 {
		msgs = b.marks[n-1].msgs
	}
	return msgs, true
}

// at returns the offset of a line of an entry that has been rendered, or of the
// end, and how many messages are before it.
func (b *block) at(entry, line int) (off, msgs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if entry > 0 {
		off, msgs = b.marks[entry-1].off, b.marks[entry-1].msgs
	}
	if entry == len(b.marks) || b.marks[entry].msgs == msgs {
		return off, msgs // an event, or filtered out
	}
	for range line {
		off += bytes.IndexByte(b.data[off:], '\n') + 1
	}
	return off, msgs + line
}

// messages returns how many messages end before the offset.
func (b *block) messages(off int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := sort.Search(len(b.marks), func(i int) bool { return b.marks[i].off > off })
	var m mark
	if i > 0 {
		m = b.marks[i-1]
	}
	if i < len(b.marks) && b.marks[i].msgs > m.msgs {
		m.msgs += bytes.Count(b.data[m.off:off], []byte{'\n'})
	}
	return m.msgs
}
