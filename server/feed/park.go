package feed

import (
	"context"

	"pubsublab/protocol"
)

// lookLocked goes on to the end of the journal, and wakes the parked cursors that want what it
// finds, there.
func (s *Set) lookLocked() {
	for s.tail != nil {
		entries, sealed := s.tail.Entries(s.seen)
		for i := range entries {
			s.each(&entries[i], func(f *feed) { s.wakeLocked(f, s.seen+i) })
		}
		s.seen += len(entries)
		if !sealed {
			return
		}
		next, _ := s.journal.Advance(context.Background(), s.tail) // nothing to fetch, so no error
		s.tail, s.seen = next.Segment, 0
	}
}

// Wake lets the parked cursors of a format go on. They find nothing new, and park again; what else
// their owners have to send can be sent meanwhile.
func (s *Set) Wake(format protocol.Format) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookLocked()
	for k, f := range s.feeds {
		if k.format == format && s.tail != nil {
			s.wakeLocked(f, s.seen)
		}
	}
}

// wakeLocked lets the parked cursors of a feed go on, with an entry of the tail. At the end of the
// journal they find nothing more.
func (s *Set) wakeLocked(f *feed, entry int) {
	if s.tail != nil {
		s.tail.Acquire(len(f.parked))
	}
	for _, c := range f.parked {
		c.enterLocked(s.tail)
		c.entry, c.begun, c.parked = entry, spot{entry: entry}, false
		s.active.add(c)
		if s.directs > 0 && c.direct != nil {
			s.directs--
			s.woken = append(s.woken, c)
		} else {
			c.wake()
		}
	}
	clear(f.parked)
	f.parked = f.parked[:0]
}

// park parks the cursor, unless there may be something new: only one that has passed all that was
// looked at for the parked may join them, or nobody would ever wake it for the rest.
func (c *Cursor) park() bool {
	s := c.set
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookLocked()
	msgs, entries, all := c.block.all(c.off)
	if c.stopped.Load() != nil || !all || c.segment != s.tail || entries != s.seen {
		return false
	}
	c.lines += uint64(msgs - c.before)
	c.off, c.before = 0, 0
	c.passed.Store(0)
	s.releaseLocked(c)
	s.active.remove(c)
	c.feed.parked.add(c)
	c.enterLocked(nil)
	c.parked = true
	c.excused.Store(true)
	s.journal.Release(s.tail) // that of the Set is left
	return true
}

// cursors is a list in no order. A cursor is in one of them, its home.
type cursors []*Cursor

func (l *cursors) add(c *Cursor) {
	c.slot = len(*l)
	*l = append(*l, c)
}

func (l *cursors) remove(c *Cursor) {
	last := len(*l) - 1
	(*l)[c.slot] = (*l)[last]
	(*l)[c.slot].slot = c.slot
	(*l)[last] = nil
	*l = (*l)[:last]
}

func (c *Cursor) home() *cursors {
	if c.parked {
		return &c.feed.parked
	}
	return &c.set.active
}
