package journal

import (
	"context"
	"crypto/rand"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"pubsublab/protocol"
)

const (
	// MinHistory is the smallest size of a Memory journal, in bytes.
	MinHistory = 1 << 20

	// A segment is sealed at either limit. The second bounds what a segment of
	// tiny lines becomes once each line has a prefix.
	maxSegmentSize     = 256 << 10
	maxSegmentMessages = 4096

	// pressAgain is how often an Append that waits tells so: a reader may have
	// come into the segment since, or have become slow in it.
	pressAgain = 100 * time.Millisecond
)

// Memory is a Journal in this process's memory: the order is that of the
// calls of Append, and an entry is acknowledged before Append returns.
type Memory struct {
	id      string
	limit   int
	watcher Watcher

	mu        sync.Mutex
	segments  []*Segment // oldest first, never empty; only the last is not sealed
	size      int        // of all segments, bytes
	next      uint64     // the position of the next message
	last      time.Time
	runs      *runs
	closed    bool
	pressing  *Segment      // the segment that readers were last told to leave
	pressNext time.Time     // when they may be told again
	waiting   int           // Appends that wait for room
	room      chan struct{} // closed and replaced when there may be room, or no hope of it
}

// NewMemory returns an empty journal that keeps up to limit bytes, at least
// MinHistory. The order begins at position 1.
func NewMemory(limit int) *Memory {
	return &Memory{
		id:       strings.ToLower(rand.Text()[:16]),
		limit:    max(limit, MinHistory),
		segments: []*Segment{{Seq: 1, pos: 1}},
		next:     1,
		runs:     newRuns(),
		room:     make(chan struct{}),
	}
}

func (m *Memory) ID() string { return m.id }

func (m *Memory) Watch(w Watcher) { m.watcher = w }

func (m *Memory) Append(ctx context.Context, e Entry, done func(error)) error {
	m.mu.Lock()
	pressed, err := m.makeRoomLocked(ctx, &e)
	if err != nil {
		m.mu.Unlock()
		return err
	}
	e = m.runs.admit(e)
	if e.Count == 0 && e.Event == nil {
		m.mu.Unlock()
		done(nil)
		return nil
	}
	e.Pos = m.next
	e.Time = m.nowLocked()
	if e.Event != nil {
		event := *e.Event
		event.Time = e.Time
		e.Event = &event
	}
	for rest := e; ; {
		m.addLocked(rest.cut(maxSegmentMessages - m.tailLocked().msgs))
		if rest.Count == 0 {
			break
		}
	}
	m.mu.Unlock()
	done(nil)
	m.watcher.Appended(&e)
	if pressed != nil {
		m.watcher.Pressed(pressed)
	}
	return nil
}

// addLocked adds an entry to the last segment, and seals that when it is full.
func (m *Memory) addLocked(e Entry) {
	tail := m.tailLocked()
	tail.add(&e)
	m.size += e.size()
	m.next += uint64(e.Count)
	if tail.size >= min(maxSegmentSize, m.limit/8) || tail.msgs >= maxSegmentMessages {
		tail.next = &Segment{Seq: tail.Seq + 1, pos: m.next}
		m.segments = append(m.segments, tail.next)
		tail.seal()
	}
}

// makeRoomLocked drops the oldest segments that nobody reads until e fits, and
// waits for readers to leave them. It lets go of the lock meanwhile. Events do
// not wait: they are few and small, and one client's arrival or departure must
// not hang on how fast another one reads. They only return the segment that has
// to be left; but so that they too are bounded, nobody may join far beyond the
// limit.
func (m *Memory) makeRoomLocked(ctx context.Context, e *Entry) (pressed *Segment, err error) {
	size, limit := e.size(), m.limit
	if e.Event != nil && e.Event.Kind == protocol.Joined {
		limit = 2 * limit
	}
	for !m.closed {
		for m.size+size > m.limit && len(m.segments) > 1 && m.segments[0].refs == 0 {
			m.size -= m.segments[0].size
			m.segments[0].drop()
			m.segments[0] = nil
			m.segments = m.segments[1:]
		}
		if m.size+size <= m.limit || len(m.segments) == 1 {
			return nil, nil
		}
		oldest, room := m.pressLocked(), m.room
		if e.Event != nil && (m.size+size <= limit || e.Event.Kind == protocol.Left) {
			return oldest, nil
		}
		m.waiting++
		m.mu.Unlock()
		if oldest != nil {
			m.watcher.Pressed(oldest)
		}
		again := time.NewTimer(pressAgain)
		select {
		case <-room:
		case <-again.C:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		again.Stop()
		m.mu.Lock()
		m.waiting--
		if err != nil {
			return nil, err
		}
	}
	return nil, ErrClosed
}

// pressLocked returns the oldest segment if readers are to be told to leave it.
// However many Appends wait, that is done once and then from time to time: it
// costs a look at each reader.
func (m *Memory) pressLocked() *Segment {
	now := time.Now()
	if m.pressing == m.segments[0] && now.Before(m.pressNext) {
		return nil
	}
	m.pressing, m.pressNext = m.segments[0], now.Add(pressAgain)
	return m.pressing
}

func (m *Memory) wakeLocked() {
	if m.waiting > 0 {
		close(m.room)
		m.room = make(chan struct{})
	}
}

// nowLocked is the wall clock, kept from running backwards along the order.
func (m *Memory) nowLocked() time.Time {
	if now := time.Now().UTC().Round(0); now.After(m.last) {
		m.last = now
	}
	return m.last
}

func (m *Memory) tailLocked() *Segment { return m.segments[len(m.segments)-1] }

func (m *Memory) Open(from protocol.From, filter protocol.Filter) (Place, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Place{}, ErrClosed
	}
	var p Place
	switch {
	case from.First():
		p = Place{Segment: m.segments[0], Next: m.segments[0].pos}
	case from.Last() > 0:
		p = m.lastLocked(from.Last(), filter)
	case from.Position() > 0 && from.Position() <= m.next:
		p = m.atLocked(from.Position())
	default:
		tail := m.tailLocked()
		p = Place{Segment: tail, Entry: len(tail.entries), Next: m.next}
	}
	p.Segment.refs++
	return p, nil
}

// atLocked finds a position from 1 to the next one.
func (m *Memory) atLocked(pos uint64) Place {
	oldest := m.segments[0].pos
	if pos < oldest {
		return Place{Segment: m.segments[0], Next: oldest, Missing: oldest - pos}
	}
	// Events after the last message before pos may be in an earlier segment
	// than pos itself: take the first segment that covers it.
	i := sort.Search(len(m.segments)-1, func(i int) bool {
		entries := m.segments[i].entries
		return entries[len(entries)-1].covers(pos)
	})
	s := m.segments[i]
	p := Place{Segment: s, Next: pos}
	p.Entry = sort.Search(len(s.entries), func(i int) bool { return s.entries[i].covers(pos) })
	if p.Entry < len(s.entries) && s.entries[p.Entry].Pos < pos {
		p.Line = int(pos - s.entries[p.Entry].Pos)
	}
	return p
}

// lastLocked finds the place of the last n matching messages. The search goes
// on without the lock, so that nobody waits for it.
func (m *Memory) lastLocked(n uint64, filter protocol.Filter) Place {
	segments := slices.Clone(m.segments)
	entries, _ := segments[len(segments)-1].Entries(0) // the end, as of now
	next := m.next
	m.mu.Unlock()
	found := next
	matches := map[string]bool{} // there are fewer topics than entries, and long filters
search:
	for i := len(segments) - 1; n > 0; i-- {
		for j := len(entries) - 1; j >= 0; j-- {
			e := &entries[j]
			if e.Event != nil {
				continue
			}
			match, known := matches[e.Topic]
			if !known {
				match = filter.Match(e.Topic)
				matches[e.Topic] = match
			}
			if !match {
				continue
			}
			if uint64(e.Count) >= n {
				found = e.Pos + uint64(e.Count) - n
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
	m.mu.Lock()
	return m.atLocked(max(found, m.segments[0].pos))
}

func (m *Memory) Advance(s *Segment) *Segment {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := s.next
	if next != nil {
		next.refs++
	}
	m.releaseLocked(s)
	return next
}

func (m *Memory) Release(s *Segment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.releaseLocked(s)
}

func (m *Memory) releaseLocked(s *Segment) {
	s.refs--
	if s.refs == 0 && s == m.segments[0] {
		m.wakeLocked()
	}
}

func (m *Memory) NextLine(name, run string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs.next(name, run)
}

func (m *Memory) Close() {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.closed = true
	m.tailLocked().seal()
	m.wakeLocked()
	m.mu.Unlock()
	m.watcher.Closed()
}
