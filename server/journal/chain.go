package journal

import (
	"context"
	"errors"
	"slices"
	"sort"
	"sync"
	"time"

	"pubsublab/protocol"
)

const (
	// A segment is sealed at any of these limits. The first is of the bytes in it; with what else is in
	// their Buffers they may be twice as many. The last bounds what it becomes in the format that is
	// the longest, once each line has a prefix.
	maxSegmentSize     = 256 << 10
	maxSegmentMessages = 4096
	maxSegmentRendered = 768 << 10

	// backpressureEvery is how often who waits for room tells so: a reader may have come into the
	// oldest segment since, or have become slow in it.
	backpressureEvery = 100 * time.Millisecond
)

// chain is the newest part of an order, as readers see it: what all journals have in common,
// wherever their order is decided.
type chain struct {
	limit int

	mu       sync.Mutex
	watcher  Watcher
	segments []*Segment // oldest first, never empty; only the last is not sealed
	size     int        // of all segments, bytes
	next     uint64     // the position of the next message
	closed   bool
	told     *Segment      // the segment that readers were last told to leave
	tellNext time.Time     // when they may be told again
	waiting  int           // how many wait for room
	room     chan struct{} // closed and replaced when there may be room, or no hope of it
}

// newChain returns an empty chain that keeps up to limit bytes, at least MinHistory, of an order of
// which next is the next position.
func newChain(limit int, next uint64) chain {
	return chain{
		limit:    max(limit, MinHistory),
		watcher:  nobody{},
		segments: []*Segment{{Seq: 1, pos: next}},
		next:     next,
		room:     make(chan struct{}),
	}
}

// nobody is the Watcher until there is one.
type nobody struct{}

func (nobody) Appended(*Entry)       {}
func (nobody) Backpressure(*Segment) {}
func (nobody) Closed()               {}

func (c *chain) Watch(w Watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watcher = w
}

// add waits for room for e, until ctx ends, and adds what decide makes of it, with the lock held:
// nothing for an entry without messages or event.
func (c *chain) add(ctx context.Context, e Entry, decide func(Entry) Entry, done func(error)) error {
	c.mu.Lock()
	pressed, err := c.makeRoomLocked(ctx, &e)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	e = decide(e)
	if e.Count == 0 && e.Event == nil {
		c.mu.Unlock()
		done(nil)
		return nil
	}
	e.Pos = c.next
	if e.Event != nil {
		event := *e.Event
		event.Time = e.Time
		e.Event = &event
	}
	for rest := e; ; {
		c.addLocked(rest.cut(c.tailLocked().room(&rest)))
		if rest.Count == 0 {
			break
		}
	}
	watcher := c.watcher
	if e.Buffer != nil {
		e.Buffer.Hold() // for the watcher: e may leave the history any time now
		defer e.Buffer.Release()
	}
	c.mu.Unlock()
	done(nil)
	watcher.Appended(&e)
	if pressed != nil {
		watcher.Backpressure(pressed)
	}
	return nil
}

// addLocked adds an entry to the last segment, and seals that when it is full.
func (c *chain) addLocked(e Entry) {
	tail := c.tailLocked()
	c.size += e.size()
	tail.add(&e)
	c.next += uint64(e.Count)
	full, text := min(maxSegmentSize, c.limit/8), tail.text+entryOverhead*len(tail.entries)
	if text >= full || tail.size >= 2*full || tail.msgs >= maxSegmentMessages || tail.rendered >= maxSegmentRendered {
		tail.next = &Segment{Seq: tail.Seq + 1, pos: c.next}
		c.segments = append(c.segments, tail.next)
		tail.seal()
	}
}

// Health reports that nobody can join just now: even events have no room left, because a reader
// holds the oldest segment.
func (c *chain) Health() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size+entryOverhead > 2*c.limit && len(c.segments) > 1 && c.segments[0].refs.Load() > 0 {
		return errors.New("nobody can join: a subscriber that does not read holds twice the history")
	}
	return nil
}

// makeRoomLocked drops the oldest segments that nobody reads until e fits, and waits for readers to
// leave them. It lets go of the lock meanwhile. Events do not wait: they are few and small, and one
// client's arrival or departure must not hang on how fast another one reads. They only return the
// segment that has to be left; but so that they too are bounded, nobody may join far beyond the
// limit.
func (c *chain) makeRoomLocked(ctx context.Context, e *Entry) (pressed *Segment, err error) {
	size, limit := e.size(), c.limit
	if e.Event != nil && e.Event.Kind == protocol.Joined {
		limit = 2 * limit
	}
	for !c.closed {
		for c.size+size > c.limit && len(c.segments) > 1 && c.segments[0].refs.Load() == 0 {
			c.size -= c.segments[0].size
			c.segments[0].drop()
			c.segments[0] = nil
			c.segments = c.segments[1:]
		}
		if c.size+size <= c.limit || len(c.segments) == 1 {
			return nil, nil
		}
		oldest, room, watcher := c.backpressureLocked(), c.room, c.watcher
		if e.Event != nil && (c.size+size <= limit || e.Event.Kind == protocol.Left) {
			return oldest, nil
		}
		c.waiting++
		c.mu.Unlock()
		if oldest != nil {
			watcher.Backpressure(oldest)
		}
		again := time.NewTimer(backpressureEvery)
		select {
		case <-room:
		case <-again.C:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		again.Stop()
		c.mu.Lock()
		c.waiting--
		if err != nil {
			return nil, err
		}
	}
	return nil, ErrClosed
}

// backpressureLocked returns the oldest segment if readers are to be told to leave it. However many
// wait for room, that is done once and then from time to time: it costs a look at each reader.
func (c *chain) backpressureLocked() *Segment {
	now := time.Now()
	if c.told == c.segments[0] && now.Before(c.tellNext) {
		return nil
	}
	c.told, c.tellNext = c.segments[0], now.Add(backpressureEvery)
	return c.told
}

func (c *chain) wakeLocked() {
	if c.waiting > 0 {
		close(c.room)
		c.room = make(chan struct{})
	}
}

func (c *chain) tailLocked() *Segment { return c.segments[len(c.segments)-1] }

func (c *chain) Open(_ context.Context, from protocol.From, filter protocol.Filter) (Start, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return Start{}, ErrClosed
	}
	var p Start
	switch {
	case from.First():
		p = Start{Segment: c.segments[0], Next: c.segments[0].pos}
	case from.Last() > 0:
		p = c.lastLocked(from.Last(), filter)
	case from.Position() > 0 && from.Position() <= c.next:
		p = c.atLocked(from.Position())
	default:
		tail := c.tailLocked()
		p = Start{Segment: tail, Entry: len(tail.entries), Next: c.next}
	}
	p.Segment.refs.Add(1)
	return p, nil
}

// atLocked finds a position from 1 to the next one.
func (c *chain) atLocked(pos uint64) Start {
	oldest := c.segments[0].pos
	if pos < oldest {
		return Start{Segment: c.segments[0], Next: oldest, Missing: oldest - pos}
	}
	// Events after the last message before pos may be in an earlier segment than pos itself: take
	// the first segment that covers it.
	i := sort.Search(len(c.segments)-1, func(i int) bool {
		entries := c.segments[i].entries
		return entries[len(entries)-1].covers(pos)
	})
	s := c.segments[i]
	p := Start{Segment: s, Next: pos}
	p.Entry = sort.Search(len(s.entries), func(i int) bool { return s.entries[i].covers(pos) })
	if p.Entry == len(s.entries) {
		return p
	}
	switch e := &s.entries[p.Entry]; {
	case e.Event != nil && e.Event.Kind == protocol.Gap: // asked for are those of the missing from pos on
		return Start{Segment: s, Entry: p.Entry + 1, Next: e.Pos, Missing: e.Pos - pos}
	case e.Pos < pos:
		p.Line = int(pos - e.Pos)
	}
	return p
}

// lastLocked finds the place of the last n matching messages. The search goes on without the lock,
// so that nobody waits for it.
func (c *chain) lastLocked(n uint64, filter protocol.Filter) Start {
	segments := slices.Clone(c.segments)
	entries, _ := segments[len(segments)-1].Entries(0) // the end, as of now
	next := c.next
	c.mu.Unlock()
	found := next
	matches := map[string]bool{} // there are fewer topics than entries, and long filters
	const maxMatches = 1024
search:
	for i := len(segments) - 1; n > 0; i-- {
		for j := len(entries) - 1; j >= 0; j-- {
			e := &entries[j]
			if e.Event != nil {
				continue
			}
			match, known := matches[e.Topic]
			if !known {
				if len(matches) == maxMatches {
					clear(matches)
				}
				match = filter.Match(e.Topic)
				matches[e.Topic] = match
			}
			if !match {
				continue
			}
			if uint64(e.Count) >= n {
				found = e.Pos + uint64(e.Count) - n
				n = 0
				break search
			}
			found = e.Pos
			n -= uint64(e.Count)
		}
		if i == 0 {
			break
		}
		entries, _ = segments[i-1].Entries(0)
	}
	c.mu.Lock()
	p := c.atLocked(max(found, c.segments[0].pos))
	p.Short = n
	return p
}

func (c *chain) Advance(ctx context.Context, s *Segment) (Start, error) {
	if s.backlog != nil {
		return s.backlog.Next(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := Start{Segment: s.next}
	if s.next != nil {
		p.Next = s.next.pos
		s.next.refs.Add(1)
	}
	c.releaseLocked(s)
	return p, nil
}

func (c *chain) Release(s *Segment) {
	if s.backlog != nil {
		s.backlog.Close()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.releaseLocked(s)
}

func (c *chain) releaseLocked(s *Segment) {
	if s.refs.Add(-1) == 0 && s == c.segments[0] {
		c.wakeLocked()
	}
}

// end makes readers find an end after the last entry.
func (c *chain) end() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.tailLocked().seal()
	c.wakeLocked()
	watcher := c.watcher
	c.mu.Unlock()
	watcher.Closed()
}
