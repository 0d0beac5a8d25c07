// Package feed renders the journal for its subscribers: once for each pair of filter and format,
// shared by all subscribers that asked for that pair.
//
// What a feed renders of one journal segment is a block: append-only bytes that depend on nothing
// but the segment, the filter and the format. So a block that is gone from memory can be made
// again, and a subscriber is no more than a Cursor: a segment it has acquired and an offset in its
// block.
package feed

import (
	"container/list"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// Config says how a Set behaves.
type Config struct {
	// Cache is how many bytes of rendered blocks are kept for the subscribers that come to them
	// later; at least 4 MiB, also for 0.
	Cache int
	// CutSlow cuts a cursor off as soon as publishers wait for it, instead of letting them wait
	// (P16).
	CutSlow bool
}

// Set is all the feeds of one journal. It may be used concurrently.
type Set struct {
	cfg     Config
	journal journal.Journal
	held    *semaphore.Weighted // blocks that cursors are in, those of a Past left out

	mu sync.Mutex
	index
	active cursors // those that are not parked

	// While Appended looks: how many cursors may be woken directly, and those that are to be.
	directs int
	woken   []*Cursor

	spare  spare
	cache  *list.List // of *block, in the order of their making
	cached int        // bytes in cache

	// Where all parked cursors wait: none of them wants what is before. So they hold nothing of the
	// journal, and nobody has to look through it for them.
	opened bool             // there was a cursor; before, the journal may have been one that is not there yet
	tail   *journal.Segment // acquired; nil at the end of the journal
	seen   int              // entries of the tail

	gaps uint64 // how many cursors were told (P12)
}

// feed is guarded by its Set's lock.
type feed struct {
	key
	blocks  map[uint64]*block // by the segment's Seq
	cursors int
	parked  cursors        // those that wait for something new
	places  map[uint64]int // how many of the others are in a segment, by its Seq
}

// NewSet returns the feeds of j, and watches it.
func NewSet(j journal.Journal, cfg Config) *Set {
	cfg.Cache = max(cfg.Cache, 4<<20)
	s := &Set{cfg: cfg, journal: j, index: newIndex(), cache: list.New(), held: semaphore.NewWeighted(maxHeld())}
	j.Watch(s)
	return s
}

// Open returns a cursor that begins at from. wake is called, once each time Next has returned
// nothing, when Next is worth another call; it is called with a lock held, and must do no more than
// start or wake the goroutine that does so. cut is called, at most once and on another goroutine,
// when the cursor is cut off for being slow; it must make the write end that the cursor's owner is
// in, and must not block. With nil the cursor is never cut off. The error is journal.ErrClosed, or
// why ctx ended before the journal knew the position. ctx bounds what the cursor waits for later,
// too.
func (s *Set) Open(ctx context.Context, filter protocol.Filter, format protocol.Format, from protocol.From, wake, cut func()) (*Cursor, error) {
	place, err := s.journal.Open(ctx, from, filter)
	if err != nil {
		return nil, err
	}
	c := &Cursor{ctx: ctx, set: s, start: place.Next, wake: wake, cut: cut}
	c.excused.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened {
		end, err := s.journal.Open(ctx, protocol.From{}, protocol.Filter{}) // which does not wait any more
		if err != nil {
			s.journal.Release(place.Segment)
			return nil, err
		}
		s.opened, s.tail, s.seen = true, end.Segment, end.Entry
	}
	k := key{filter, format}
	c.feed = s.feeds[k]
	if c.feed == nil {
		c.feed = &feed{key: k, blocks: map[uint64]*block{}, places: map[uint64]int{}}
		s.add(c.feed)
	}
	c.feed.cursors++
	if s.tail != nil {
		c.live = s.tail.Seq
	}
	s.active.add(c)
	c.begin(&place)
	return c, nil
}

// close forgets a cursor, and its feed with the last one.
func (s *Set) close(c *Cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := c.feed
	c.home().remove(c)
	c.enterLocked(nil)
	s.releaseLocked(c)
	if f.cursors--; f.cursors > 0 {
		return
	}
	for _, b := range f.blocks {
		s.forgetLocked(b)
	}
	s.remove(f)
}

// Appended wakes those who wait for what is new.
func (s *Set) Appended(e *journal.Entry) {
	s.mu.Lock()
	if e.Event == nil && len(e.Lines) <= directSize {
		s.directs = maxDirects
	}
	s.lookLocked()
	woken := s.woken
	s.woken, s.directs = nil, 0
	s.mu.Unlock()
	for _, c := range woken {
		c.direct()
	}
}

// How many cursors whoever appends sends to by itself, and of how little, in bytes: more is sent by
// others at the same time, while the next lines come in.
const (
	maxDirects = 2
	directSize = 4 << 10
)

// Closed wakes everyone: there is an end to find.
func (s *Set) Closed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookLocked()
	for _, f := range s.feeds {
		s.wakeLocked(f, 0)
	}
}

// slowAfter is how long publishers must have waited for a cursor that stays in one segment before
// it counts as slow: one that replays the history at full speed is where the room is short too.
const slowAfter = 100 * time.Millisecond

// Backpressure cuts off the cursors that have been in the oldest segment for too long, unless they
// have had nothing to send: it is not their client that keeps them there then.
func (s *Set) Backpressure(oldest *journal.Segment) {
	var cuts []func()
	defer func() {
		for _, cut := range cuts {
			cut() // without the lock
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookLocked()
	now := time.Now()
	for _, c := range s.active {
		switch {
		case c.segment != oldest || c.excused.Load() || c.cut == nil:
		case c.expendable, s.cfg.CutSlow && c.pressedIn == oldest.Seq && now.Sub(c.pressed) >= slowAfter:
			c.stop(ErrSlow)
			cuts = append(cuts, c.cut)
			c.cut = nil
		case c.pressedIn != oldest.Seq:
			c.pressed, c.pressedIn = now, oldest.Seq
		}
	}
}
