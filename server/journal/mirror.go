package journal

import (
	"context"

	"pubsublab/protocol"
)

// Mirror is this process's copy of the newest part of an order that is decided elsewhere. A Journal
// that reads its order back embeds it for its readers. One goroutine adds to it.
type Mirror struct{ chain }

// NewMirror returns an empty copy that keeps up to limit bytes, at least MinHistory, of an order of
// which next is the next position.
func NewMirror(limit int, next uint64) *Mirror { return &Mirror{newChain(limit, next)} }

// Next returns the position of the next message.
func (m *Mirror) Next() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.next
}

// Has reports whether the message before pos is in the copy, with all that happened after it.
func (m *Mirror) Has(pos uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hasLocked(pos)
}

func (m *Mirror) hasLocked(pos uint64) bool { return m.segments[0].pos < pos && pos <= m.next }

// Resume finds the place of a reader that has just had the message before pos, and acquires that
// segment for it. It is not ok where the copy has not got that message. A copy that has ended is as
// good as any.
func (m *Mirror) Resume(pos uint64) (p Start, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hasLocked(pos) {
		return Start{}, false
	}
	p = m.atLocked(pos)
	p.Segment.refs.Add(1)
	return p, true
}

// Add adds the next entry of the order, without those of its lines that are sent again; its Time is
// decided. It waits for room like Journal.Append, and returns ErrClosed, or why ctx ended.
func (m *Mirror) Add(ctx context.Context, e Entry) error {
	return m.add(ctx, e, func(e Entry) Entry { return e }, func(error) {})
}

// Skip adds a gap in place of messages that cannot be had any more (P12).
func (m *Mirror) Skip(ctx context.Context, missing uint64) error {
	gap := Entry{Event: &protocol.Event{Kind: protocol.Gap, Missing: missing}}
	return m.add(ctx, gap, func(e Entry) Entry {
		m.next += missing
		return e
	}, func(error) {})
}

// End makes readers find an end after the last entry. A second End does nothing.
func (m *Mirror) End() { m.end() }
