package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"time"
)

// MinHistory is the smallest size of a journal's history, in bytes.
const MinHistory = 1 << 20

// Memory is a Journal in this process's memory: the order is that of the calls of Append, and an
// entry is acknowledged before Append returns.
type Memory struct {
	chain
	id string

	// Guarded by the chain's lock.
	last   time.Time
	dedup  *Dedup
	shared *Buffer // where lines are copied to that came in no Buffer; nil before the first
	used   int     // bytes of it
}

// NewMemory returns an empty journal that keeps up to limit bytes, at least MinHistory. The order
// begins at position 1.
func NewMemory(limit int) *Memory {
	return &Memory{chain: newChain(limit, 1), id: NewID(), dedup: NewDedup(RunsPerName)}
}

// NewID returns a random name for an order.
func NewID() string { return strings.ToLower(rand.Text()[:16]) }

func (m *Memory) ID() string { return m.id }

func (m *Memory) Append(ctx context.Context, e Entry, done func(error)) error {
	return m.add(ctx, e, m.decideLocked, done)
}

// decideLocked gives e its place: that of this call.
func (m *Memory) decideLocked(e Entry) Entry {
	e = m.dedup.Admit(e)
	e.Time = m.nowLocked()
	if e.Buffer == nil && e.Count > 0 {
		m.copyLocked(&e)
	}
	return e
}

// copyLocked copies the lines of an entry to those of others. So who sends little holds no Buffer.
func (m *Memory) copyLocked(e *Entry) {
	if len(e.Lines) > BufferSize {
		e.Lines = bytes.Clone(e.Lines)
		return
	}
	if m.shared == nil || len(e.Lines) > BufferSize-m.used {
		m.shared.Release()
		m.shared, m.used = NewBuffer(), 0
		m.shared.shared = true
	}
	end := m.used + copy(m.shared.data[m.used:], e.Lines)
	e.Lines, e.Buffer = m.shared.data[m.used:end:end], m.shared
	m.used = end
}

// nowLocked is the wall clock, kept from running backwards along the order.
func (m *Memory) nowLocked() time.Time {
	if now := time.Now().UTC().Round(0); now.After(m.last) {
		m.last = now
	}
	return m.last
}

func (m *Memory) NextLine(_ context.Context, name, run string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dedup.Next(name, run), nil
}

func (m *Memory) Close(context.Context) { m.end() }
