package feed

import (
	"context"
	"runtime"

	"pubsublab/server/journal"
)

// maxHeld is in how many blocks cursors may be at once. All but a few of those who are in one wait
// for a processor, and one that has left the cache takes memory.
func maxHeld() int64 { return int64(max(4, 2*runtime.GOMAXPROCS(0))) }

// acquire returns the block of a segment, an empty one if there is none, for a cursor to be in. One
// that was dropped meanwhile is made again, with the same bytes at the same offsets. Where cursors
// are in maxHeld others, it waits for its turn.
func (s *Set) acquire(f *feed, segment *journal.Segment) *block {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := f.blocks[segment.Seq]
	if segment.Seq > 0 && (b == nil || b.refs == 0) {
		s.mu.Unlock()
		s.held.Acquire(context.Background(), 1)
		s.mu.Lock()
		if b = f.blocks[segment.Seq]; b != nil && b.refs > 0 { // meanwhile
			s.held.Release(1)
		}
	}
	if b == nil {
		b = &block{feed: f, seq: segment.Seq, segment: segment, size: blockOverhead}
		if segment.Seq > 0 { // one of a Backlog is nobody else's
			b.place = s.cache.PushBack(b)
			s.cached += b.size
			f.blocks[b.seq] = b
		}
	}
	b.refs++
	return b
}

// releaseLocked takes a cursor out of the block it is in, if any. What Next returned is not valid
// any more.
func (s *Set) releaseLocked(c *Cursor) {
	if b := c.block; b != nil {
		c.block = nil
		if b.refs--; b.refs == 0 && b.seq > 0 {
			s.held.Release(1)
		}
		s.recycleLocked(b)
	}
}

// recycleLocked keeps the memory of a block that nobody can see any more for another one, as far as
// the cache has room.
func (s *Set) recycleLocked(b *block) {
	if b.refs == 0 && b.place == nil {
		for _, memory := range b.memory {
			s.spare.put(memory, s.cfg.Cache-s.cached)
		}
		b.pieces, b.memory = nil, nil
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

// passedLocked drops a block that a cursor has passed when no other one of its feed is behind, so that
// its memory is used again while it is in the processor's cache. What was history when the cursor
// was opened stays: who comes for that is seldom alone.
func (s *Set) passedLocked(c *Cursor, b *block) {
	if b.seq < c.live {
		return
	}
	for seq := range b.feed.places {
		if seq <= b.seq {
			return
		}
	}
	s.forgetLocked(b)
}
