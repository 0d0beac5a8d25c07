package journal

import "sync"

// Segment is a stretch of the order. Entries are added at its end until it is
// sealed; what is in it never changes.
type Segment struct {
	// Static after construction.
	Seq uint64 // its number in the chain, growing by one
	pos uint64 // the position of its first message

	// Guarded by the journal's lock.
	refs int // readers that have acquired it
	next *Segment
	size int // bytes
	msgs int

	mu      sync.Mutex // also held with the journal's lock by the one who appends
	entries []Entry
	sealed  bool
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
