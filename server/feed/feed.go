// Package feed renders the journal for its subscribers: once for each pair of
// filter and format, shared by all subscribers that asked for that pair.
//
// What a feed renders of one journal segment is a block: append-only bytes
// that depend on nothing but the segment, the filter and the format. So a
// block that is gone from memory can be made again, and a subscriber is no
// more than a Cursor: a segment it has acquired and an offset in its block.
package feed

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// Config says how a Set behaves.
type Config struct {
	// Cache is how many bytes of rendered blocks are kept for the subscribers
	// that come to them later; at least 4 MiB, also for 0.
	Cache int
	// CutSlow cuts a cursor off as soon as publishers wait for it, instead of
	// letting them wait (P16).
	CutSlow bool
}

// Set is all the feeds of one journal. It may be used concurrently.
type Set struct {
	cfg     Config
	journal journal.Journal

	mu     sync.Mutex
	feeds  map[key]*feed
	spare  sync.Pool  // of *[]byte: memory of blocks that are gone
	cache  *list.List // of *block, in the order of their making
	cached int        // bytes in cache
}

type key struct {
	filter protocol.Filter
	format protocol.Format
}

// feed is guarded by its Set's lock, but for blockSize.
type feed struct {
	key
	blocks    map[uint64]*block // by the segment's Seq
	cursors   map[*Cursor]struct{}
	parked    []*Cursor    // those that wait for something new
	topic     string       // of the last entry
	matched   bool         // whether the filter wants it
	blockSize atomic.Int64 // what a block may become: a little more than the largest of late, so that it need not grow
}

// NewSet returns the feeds of j, and watches it.
func NewSet(j journal.Journal, cfg Config) *Set {
	cfg.Cache = max(cfg.Cache, 4<<20)
	s := &Set{cfg: cfg, journal: j, feeds: map[key]*feed{}, cache: list.New()}
	j.Watch(s)
	return s
}

// Open returns a cursor that begins at from. wake is called, once each time
// Next has returned nothing, when Next is worth another call; it is called with
// a lock held, and must do no more than start or wake the goroutine that does
// so. cut is called, at most once and on another goroutine, when the cursor is
// cut off for being slow; it must make the write end that the cursor's owner is
// in, and must not block. With nil the cursor is never cut off. The error is
// journal.ErrClosed, or why ctx ended before the journal knew the position. ctx
// bounds what the cursor waits for later, too.
func (s *Set) Open(ctx context.Context, filter protocol.Filter, format protocol.Format, from protocol.From, wake, cut func()) (*Cursor, error) {
	place, err := s.journal.Open(ctx, from, filter)
	if err != nil {
		return nil, err
	}
	c := &Cursor{ctx: ctx, set: s, start: place.Next, segment: place.Segment, slot: -1, wake: wake, cut: cut}
	c.excused.Store(true)
	s.mu.Lock()
	k := key{filter, format}
	c.feed = s.feeds[k]
	if c.feed == nil {
		c.feed = &feed{key: k, blocks: map[uint64]*block{}, cursors: map[*Cursor]struct{}{}, matched: filter.Match("")}
		s.feeds[k] = c.feed
	}
	c.feed.cursors[c] = struct{}{}
	c.block = s.acquireLocked(c.feed, c.segment)
	s.mu.Unlock()
	c.begin(&place)
	return c, nil
}

// close forgets a cursor, and its feed with the last one.
func (s *Set) close(c *Cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := c.feed
	f.unpark(c)
	if c.block != nil {
		s.releaseLocked(c)
	}
	delete(f.cursors, c)
	if len(f.cursors) > 0 {
		return
	}
	for _, b := range f.blocks {
		s.forgetLocked(b)
	}
	delete(s.feeds, f.key)
}

// Appended wakes those who wait for e.
func (s *Set) Appended(e *journal.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.feeds {
		if f.wants(e) {
			s.wakeAllLocked(f)
		}
	}
}

// Closed wakes everyone: there is an end to find.
func (s *Set) Closed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.feeds {
		s.wakeAllLocked(f)
	}
}

// slowAfter is how long publishers must have waited for a cursor that passed
// nothing meanwhile before it counts as slow: one that replays the history at
// full speed is where the room is short too.
const slowAfter = 100 * time.Millisecond

// Pressed makes the cursors in the oldest segment leave it: those that wait
// for something new have only to move on. The others are slow if they pass
// nothing, unless they have had nothing to send: it is not their client that
// keeps them.
func (s *Set) Pressed(oldest *journal.Segment) {
	var cuts []func()
	defer func() {
		for _, cut := range cuts {
			cut() // without the lock
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, f := range s.feeds {
		for c := range f.cursors {
			switch {
			case c.segment != oldest:
			case f.unpark(c):
				s.wakeLocked(c)
			case !s.cfg.CutSlow || c.excused.Load() || c.cut == nil:
			case c.pressed.IsZero() || c.pressedAt != c.passed.Load():
				c.pressed, c.pressedAt = now, c.passed.Load()
			case now.Sub(c.pressed) >= slowAfter:
				c.stop(ErrSlow)
				cuts = append(cuts, c.cut)
				c.cut = nil
			}
		}
	}
}

func (f *feed) wants(e *journal.Entry) bool {
	if e.Event != nil {
		return f.format.Events() || e.Event.Kind == protocol.Gap
	}
	if e.Topic != f.topic {
		f.topic, f.matched = e.Topic, f.filter.Match(e.Topic)
	}
	return f.matched
}

func (s *Set) wakeAllLocked(f *feed) {
	for _, c := range f.parked {
		c.slot = -1
		s.wakeLocked(c)
	}
	clear(f.parked)
	f.parked = f.parked[:0]
}

// wakeLocked lets a cursor go on that was parked. Should its block have left the
// cache meanwhile, the new one has the same bytes at the same offsets.
func (s *Set) wakeLocked(c *Cursor) {
	c.block = s.acquireLocked(c.feed, c.segment)
	c.wake()
}

func (f *feed) park(c *Cursor) {
	c.slot = len(f.parked)
	f.parked = append(f.parked, c)
}

// unpark tells whether the cursor was parked.
func (f *feed) unpark(c *Cursor) bool {
	if c.slot < 0 {
		return false
	}
	last := len(f.parked) - 1
	f.parked[c.slot] = f.parked[last]
	f.parked[c.slot].slot = c.slot
	f.parked[last] = nil
	f.parked = f.parked[:last]
	c.slot = -1
	return true
}
