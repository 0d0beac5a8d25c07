package feed

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// ErrSlow is what Next returns when the cursor was cut off (P16).
var ErrSlow = errors.New("held publishers up")

// Cursor is one subscriber's place in a feed. Its methods are for one
// goroutine at a time, its owner, except where they say otherwise. While it is
// parked it needs no goroutine: being woken, a new one may own it.
type Cursor struct {
	// Static after construction.
	ctx   context.Context
	set   *Set
	feed  *feed
	start uint64

	// Owned by the owner.
	preamble []byte // to be sent first
	block    *block // nil while parked, so that it need not stay in memory, and at the end
	off      int    // in the block
	before   int    // messages of the block that were not for this cursor, or are counted in lines
	lines    uint64 // messages sent, those of the block behind before left out

	// Guarded by the Set's lock.
	segment *journal.Segment // written by the owner alone; nil at the end
	slot    int              // in feed.parked; -1 when not parked
	wake    func()           // called when it is unparked
	cut     func()           // nil when it was called

	// Guarded by the Set's lock too: when publishers were first found waiting for
	// the cursor at this place, zero for not.
	pressed   time.Time
	pressedAt uint64

	passed  atomic.Uint64 // bytes
	excused atomic.Bool   // has had nothing to send since it was opened or parked
	stopped atomic.Pointer[error]
}

// Start returns the position of the first message that can come (P12).
func (c *Cursor) Start() uint64 { return c.start }

// Next returns all there is to send that is contiguous in memory. The bytes do
// not change until the next call of Next or Close. Where there is nothing, it parks the cursor and returns nothing:
// from then on the cursor belongs to whoever its wake function lets call Next
// again. It waits only for what the journal has to fetch first, until the ctx of
// Open ends. The error is io.EOF at the end of a closed journal, ErrSlow when the
// cursor was cut off, what Interrupt was given, or why nothing can be fetched.
func (c *Cursor) Next() ([]byte, error) {
	for {
		if err := c.stopped.Load(); err != nil {
			return nil, *err
		}
		if len(c.preamble) > 0 {
			c.excused.Store(false)
			return c.preamble, nil
		}
		if c.block == nil {
			return nil, io.EOF
		}
		data, complete := c.set.read(c.block)
		switch {
		case c.off < len(data):
			if c.excused.Load() {
				c.excused.Store(false)
			}
			return data[c.off:], nil
		case !complete:
			if c.park() {
				return nil, nil
			}
		default:
			if err := c.move(); err != nil {
				if why := c.stopped.Load(); why != nil { // meanwhile
					err = *why
				}
				return nil, err
			}
		}
	}
}

// Advance passes the first n bytes of what Next returned.
func (c *Cursor) Advance(n int) {
	c.passed.Add(uint64(n))
	if len(c.preamble) > 0 {
		c.preamble = c.preamble[n:]
		return
	}
	c.off += n
}

// move goes on to the next segment. The error is io.EOF where there is none.
func (c *Cursor) move() error {
	c.lines += uint64(c.block.messages(c.off) - c.before)
	next, err := c.set.journal.Advance(c.ctx, c.segment)
	c.set.mu.Lock()
	c.set.releaseLocked(c)
	c.segment = next.Segment
	if c.segment == nil {
		c.set.mu.Unlock()
		if err == nil {
			err = io.EOF
		}
		return err
	}
	c.block = c.set.acquireLocked(c.feed, c.segment)
	c.set.mu.Unlock()
	c.begin(&next)
	return nil
}

// begin goes to a place in the segment that the cursor has come to.
func (c *Cursor) begin(place *journal.Place) {
	if place.Missing > 0 {
		c.preamble = c.feed.format.AppendEvent(nil, &protocol.Event{Kind: protocol.Gap, Missing: place.Missing})
	}
	c.off, c.before = 0, 0
	if place.Entry > 0 || place.Line > 0 {
		c.set.read(c.block)
		c.off, c.before = c.block.at(place.Entry, place.Line)
	}
}

// park parks the cursor, unless there may be something new.
func (c *Cursor) park() bool {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	msgs, all := c.block.all(c.off)
	if c.stopped.Load() != nil || !all {
		return false
	}
	c.lines += uint64(msgs - c.before)
	c.before = msgs
	c.set.releaseLocked(c)
	c.feed.park(c)
	c.excused.Store(true)
	return true
}

func (c *Cursor) stop(err error) { c.stopped.CompareAndSwap(nil, &err) }

// Interrupt makes Next return err, which is not nil, now and from then on. It may be called on
// any goroutine, and more than once: the first error counts.
func (c *Cursor) Interrupt(err error) {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	c.stop(err)
	if c.feed.unpark(c) {
		c.set.wakeLocked(c)
	}
}

// Close ends the cursor and returns how many messages it has passed.
func (c *Cursor) Close() (lines uint64) {
	if c.block != nil {
		c.lines += uint64(c.block.messages(c.off) - c.before)
	}
	if c.segment != nil {
		c.set.journal.Release(c.segment)
	}
	c.set.close(c)
	return c.lines
}
