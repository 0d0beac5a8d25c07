package journal

import (
	"context"
	"sync"
	"sync/atomic"
)

// Segment is a stretch of the order. Entries are added at its end until it is sealed; what is in it
// never changes.
type Segment struct {
	// Static after construction.
	Seq     uint64  // its number in the chain, growing by one; 0 for one of a Backlog
	pos     uint64  // the position of its first message
	backlog Backlog // of one that is not in the chain

	// Readers that have acquired it. It goes from and to zero with the journal's lock held.
	refs atomic.Int32

	// Guarded by the journal's lock.
	next     *Segment
	size     int       // bytes
	text     int       // bytes of its lines
	buffers  []*Buffer // held
	msgs     int
	rendered int // bytes

	mu      sync.Mutex // also held with the journal's lock by the one who appends
	entries []Entry
	sealed  bool
}

// Backlog fetches, for one reader, what a journal does not keep at hand. Its methods are for one
// goroutine at a time.
type Backlog interface {
	// Next returns what comes next: a segment of NewBacklog, or the place in the journal's own
	// segments where the reader goes on, acquired for it. With that, or with an error, such as why
	// ctx ended, the Backlog has ended.
	Next(ctx context.Context) (Start, error)
	// Close ends it before that.
	Close()
}

// NewBacklog returns a sealed segment for the reader of p alone. The entries are the segment's from
// then on.
func NewBacklog(entries []Entry, p Backlog) *Segment {
	return &Segment{backlog: p, entries: entries, sealed: true}
}

// FillBacklog is NewBacklog of as many of the entries as a segment should hold, and returns those that
// are left.
func FillBacklog(entries []Entry, p Backlog) (s *Segment, left []Entry) {
	s = &Segment{backlog: p, sealed: true}
	for len(entries) > 0 && s.size < maxSegmentSize && s.msgs < maxSegmentMessages && s.rendered < maxSegmentRendered {
		part := entries[0].cut(s.room(&entries[0]))
		s.add(&part)
		if entries[0].Count == 0 {
			entries = entries[1:]
		}
	}
	return s, entries
}

// Entries returns the entries from the index n on, and whether the segment is sealed: nothing will
// follow them. They are shared and must not be changed.
func (s *Segment) Entries(n int) (entries []Entry, sealed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[n:len(s.entries):len(s.entries)], s.sealed
}

// Acquire acquires, for n more readers, a segment that the caller has acquired.
func (s *Segment) Acquire(n int) { s.refs.Add(int32(n)) }

func (s *Segment) add(e *Entry) {
	s.mu.Lock()
	s.entries = append(s.entries, *e)
	s.mu.Unlock()
	s.size += e.size()
	if b := e.Buffer; b != nil {
		b.size = 0 // it is counted
		if n := len(s.buffers); n == 0 || s.buffers[n-1] != b {
			b.Hold()
			s.buffers = append(s.buffers, b)
		}
	}
	s.text += len(e.Lines)
	s.msgs += e.Count
	s.rendered += e.rendered()
}

// room returns how many messages of e the segment has room for, at least one.
func (s *Segment) room(e *Entry) int {
	n := maxSegmentMessages - s.msgs
	if rendered := e.rendered(); s.rendered+rendered > maxSegmentRendered {
		n = min(n, e.Count*(maxSegmentRendered-s.rendered)/rendered)
	}
	return max(n, 1)
}

// drop lets go of what the segment holds, which no reader can see any more: somebody may hold on to
// the segment itself, and through it would keep all that came after.
func (s *Segment) drop() {
	for _, b := range s.buffers {
		b.Release()
	}
	s.buffers = nil
	s.next = nil
	s.mu.Lock()
	s.entries = nil
	s.mu.Unlock()
}

func (s *Segment) seal() {
	s.mu.Lock()
	s.sealed = true
	s.mu.Unlock()
}
