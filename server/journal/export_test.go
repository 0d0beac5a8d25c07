package journal

import "time"

// What a few tests look at besides what a Journal shows. They have the rig of journaltest, which is
// outside of this package.

const (
	EntryOverhead      = entryOverhead
	MaxSegmentSize     = maxSegmentSize
	MaxSegmentMessages = maxSegmentMessages
	MaxSegmentRendered = maxSegmentRendered
	BackpressureEvery  = backpressureEvery
)

func (m *Memory) Segments() []*Segment { return m.segments }
func (m *Memory) Size() int            { return m.size }
func (m *Memory) Next() uint64         { return m.next }
func (m *Memory) Runs() int            { return m.dedup.count }

// TellAgain has the next who finds no room tell so.
func (m *Memory) TellAgain() { m.told = nil }

// SetClock is as if the last entry had been appended then.
func (m *Memory) SetClock(last time.Time) { m.last = last }

func (s *Segment) Pos() uint64    { return s.pos }
func (s *Segment) Size() int      { return s.size }
func (s *Segment) Acquired() bool { return s.refs.Load() > 0 }
func (s *Segment) All() []Entry   { return s.entries }
func (e *Entry) Size() int        { return e.size() }
func (e *Entry) Rendered() int    { return e.rendered() }
func (d *Dedup) Count() int       { return d.count }
