package feed

import (
	"bytes"
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

// Cursor is one subscriber's place in a feed. Its methods are for one goroutine at a time, its
// owner, except where they say otherwise. While it is parked it needs no goroutine: being woken, a
// new one may own it.
type Cursor struct {
	// Static after construction.
	ctx   context.Context
	set   *Set
	feed  *feed
	start uint64
	live  uint64 // the Seq of the last segment when it was opened

	// Owned by the owner.
	preamble []byte // to be sent first
	told     int    // bytes of it that are sent
	block    *block // nil when it is not being sent, so that it need not stay in memory
	entry    int    // of the segment, where to go on instead of at off, leaving out so many of its lines
	line     int
	off      int // in the block
	before   int // messages of the block that were not for this cursor, or are counted in lines

	// Written by the owner, with the Set's lock held.
	lines uint64 // messages sent, those of the block behind before left out

	passed atomic.Int64 // what off was when the owner last passed something in the segment; 0 for nothing yet

	// Guarded by the Set's lock.
	begun   spot             // where in the segment it began
	shown   Progress         // what was last said of it, so that it never goes back
	segment *journal.Segment // acquired, written by the owner alone; nil while parked, and at the end
	parked  bool
	slot    int    // in its home
	wake    func() // called when it is unparked
	direct  func() // called instead, by whoever appended little, without a lock; nil for never
	cut     func() // nil when it was called

	expendable bool // cut off as soon as publishers wait for it

	// Guarded by the Set's lock too: since when publishers have been waiting for the cursor to
	// leave a segment.
	pressed   time.Time
	pressedIn uint64

	excused atomic.Bool // has had nothing to send since it was opened or parked
	stopped atomic.Pointer[error]
}

// Start returns the position of the first message that can come (P12).
func (c *Cursor) Start() uint64 { return c.start }

// Expendable makes publishers never wait for the cursor: it is cut off as soon as they would,
// whatever Config.CutSlow says. It is called right after Open.
func (c *Cursor) Expendable() {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	c.expendable = true
}

// Direct has send called instead of the wake function of Open, on the goroutine that appended what the
// cursor waited for, when that is little. No lock is held, but send must not wait for anybody, except
// for its turn in Next, which others give up without waiting: what would have to wait is for another
// goroutine. Direct is called right after Open.
func (c *Cursor) Direct(send func()) {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	c.direct = send
}

// Next returns all there is to send for now, or as many pieces as there is room for. It asks for that
// room, an empty run, when there is something to put in, so that nobody holds one who waits; a lock
// is held then. The bytes do not change until the next call of Next, LetGo or Close, one of which
// must follow without waiting for anybody: few blocks are held at once, and others wait for their
// turn. Where there is nothing, it parks the cursor and returns nothing: from then on the cursor
// belongs to whoever its wake function lets call Next again. It waits only for its turn, and for
// what the journal has to fetch first, until the ctx of Open ends. The error is io.EOF at the end of
// a closed journal, ErrSlow when the cursor was cut off, what Interrupt was given, or why nothing
// can be fetched.
func (c *Cursor) Next(room func() [][]byte) ([][]byte, error) {
	for {
		if err := c.stopped.Load(); err != nil {
			return nil, *err
		}
		if len(c.preamble) > 0 {
			c.excused.Store(false)
			return append(room(), c.preamble[c.told:]), nil
		}
		if c.segment == nil {
			return nil, io.EOF
		}
		c.hold()
		run, complete := c.set.read(c.block, c.off, room)
		switch {
		case len(run) > 0:
			if c.excused.Load() {
				c.excused.Store(false)
			}
			return run, nil
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
	if len(c.preamble) == 0 {
		c.off += n
		c.passed.Store(int64(c.off))
	} else if c.told += n; c.told == len(c.preamble) {
		c.preamble, c.told = nil, 0
	}
}

// RestOfLine returns a copy of what is left of the line in the middle of which the cursor is, if it
// is.
func (c *Cursor) RestOfLine() []byte {
	if len(c.preamble) > 0 {
		if c.told > 0 {
			return bytes.Clone(c.preamble[c.told:])
		}
		return nil
	}
	if c.segment == nil || c.off == 0 {
		return nil
	}
	c.hold()
	return c.block.restOfLine(c.off)
}

// LetGo lets go of what Next returned, so that a cursor whose subscriber has to be waited for keeps
// nothing in memory. What was passed of it may be told Advance later.
func (c *Cursor) LetGo() {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	c.set.releaseLocked(c)
}

// hold has the cursor be in its segment's block, where it is to go on.
func (c *Cursor) hold() {
	if c.block == nil {
		c.block = c.set.acquire(c.feed, c.segment)
		c.set.read(c.block, 0, func() [][]byte { return nil })
	}
	if c.entry > 0 || c.line > 0 {
		c.off, c.before = c.block.at(c.entry, c.line)
		c.entry, c.line = 0, 0
	}
}

// move goes on to the next segment. The error is io.EOF where there is none.
func (c *Cursor) move() error {
	lines := uint64(c.block.messages(c.off) - c.before)
	var next journal.Start
	var err error
	fetches := c.segment.Seq == 0
	if fetches {
		next, err = c.set.journal.Advance(c.ctx, c.segment)
	}
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	if !fetches { // nor does it wait, and Progress may look at the segment until now
		next, err = c.set.journal.Advance(c.ctx, c.segment)
	}
	c.lines += lines
	passed := c.block
	c.set.releaseLocked(c)
	c.begin(&next)
	c.set.passedLocked(c, passed)
	if c.segment == nil && err == nil {
		err = io.EOF
	}
	return err
}

// begin goes to a place that the journal has acquired for the cursor. It needs the Set's lock.
func (c *Cursor) begin(place *journal.Start) {
	if place.Missing > 0 {
		c.set.gaps++
		c.preamble = c.feed.format.AppendEvent(nil, &protocol.Event{Kind: protocol.Gap, Missing: place.Missing})
	}
	c.enterLocked(place.Segment)
	c.entry, c.line = place.Entry, place.Line
	c.off, c.before = 0, 0
	c.begun = spot{place.Entry, place.Line}
	c.passed.Store(0)
}

// enterLocked goes to another segment, or to none.
func (c *Cursor) enterLocked(segment *journal.Segment) {
	places := c.feed.places
	if c.segment != nil {
		if places[c.segment.Seq]--; places[c.segment.Seq] == 0 {
			delete(places, c.segment.Seq)
		}
	}
	if c.segment = segment; segment != nil {
		places[segment.Seq]++
	}
}

func (c *Cursor) stop(err error) { c.stopped.CompareAndSwap(nil, &err) }

// Interrupt makes Next return err, which is not nil, now and from then on. It may be called on any
// goroutine, and more than once: the first error counts.
func (c *Cursor) Interrupt(err error) {
	c.set.mu.Lock()
	defer c.set.mu.Unlock()
	c.stop(err)
	if c.parked {
		c.feed.parked.remove(c)
		c.parked = false
		c.set.active.add(c)
		c.wake()
	}
}

// Close ends the cursor and returns how many messages it has passed.
func (c *Cursor) Close() (lines uint64) {
	if c.segment != nil {
		if c.off > 0 {
			c.hold()
			c.lines += uint64(c.block.messages(c.off) - c.before)
		}
		c.set.journal.Release(c.segment)
	}
	c.set.close(c)
	return c.lines
}
