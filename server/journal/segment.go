package journal

import (
	"context"
	"sync"
)

// Segment is a stretch of the order. Entries are added at its end until it is
// sealed; what is in it never changes.
type Segment struct {
	// Static after construction.
	Seq  uint64 // its number in the chain, growing by one; 0 for one of a Past
	pos  uint64 // the position of its first message
	past Past   // of one that is not in the chain

	// Guarded by the journal's lock.
	refs int // readers that have acquired it
	next *Segment
	size int // bytes
	msgs int

	mu      sync.Mutex // also held with the journal's lock by the one who appends
	entries []Entry
	sealed  bool
}

// Past fetches, for one reader, what a journal does not keep at hand. Its methods
// are for one goroutine at a time.
type Past interface {
	// Next returns what comes next: a segment of NewPast, or the place in the
	// journal's own segments where the reader goes on, acquired for it. With that,
	// or with an error, such as why ctx ended, the Past has ended.
	Next(ctx context.Context) (Place, error)
	// Close ends it before that.
	Close()
}

// NewPast returns a sealed segment for the reader of p alone. The entries are the
// segment's from then on.
func NewPast(entries []Entry, p Past) *Segment {
	return &Segment{past: p, entries: entries, sealed: true}
}

// Entries returns the entries from the index n on, and whether the segment is
// sealed: nothing will follow them. They are shared and must not be changed.
func (s *Segment) Entries(n int) (entries []Entry, sealed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[n:len(s.entries):len(s.entries)], s.sealed
}

// Grown tells whether there is more than n entries, or no more to wait for.
func (s *Segment) Grown(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries) > n || s.sealed
}

func (s *Segment) add(e *Entry) {
	s.mu.Lock()
	s.entries = append(s.entries, *e)
	s.mu.Unlock()
	s.size += e.size()
	s.msgs += e.Count
}

// drop lets go of what the segment holds: somebody may hold on to the segment
// itself, and through it would keep all that came after.
func (s *Segment) drop() {
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
