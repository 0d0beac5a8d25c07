package journaltest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// Model is an order that keeps everything, and does everything the slow way.
type Model struct {
	Items []journal.Entry  // each one message or event
	Next  uint64           // the position of the next message
	Seen  map[RunID]uint64 // how many lines of each run there have been

	sent   int // lines made up
	buffer *journal.Buffer
	used   int // bytes of it
}

// RunID is a publisher's run (P15).
type RunID struct{ Name, ID string }

// NewModel returns an empty order.
func NewModel() *Model { return &Model{Next: 1, Seen: map[RunID]uint64{}} }

// Add adds an entry at the end of the order.
func (m *Model) Add(e journal.Entry) {
	run := RunID{e.From, e.Run}
	e.Pos = m.Next
	for _, item := range Items(e) {
		item.Pos = m.Next
		switch {
		case item.Event != nil:
		case item.Run != "" && item.First <= m.Seen[run]:
			continue
		default:
			m.Next++
		}
		m.Items = append(m.Items, item)
	}
	if e.Run != "" {
		m.Seen[run] = max(m.Seen[run], e.First+uint64(e.Count)-1)
	}
}

// message returns what Texts says of the message at a position.
func (m *Model) message(pos uint64) string {
	after := sort.Search(len(m.Items), func(i int) bool { return m.Items[i].Pos > pos })
	return Texts(m.Items[after-1 : after])[0] // events are before their position's message
}

// Start returns with which item a reader begins that wants from, of a journal that keeps those from
// the index oldest on; and how many messages of those wanted are missing (P12).
func (m *Model) Start(from protocol.From, filter protocol.Filter, oldest int) (index int, missing uint64) {
	first := m.Next
	if oldest < len(m.Items) {
		first = m.Items[oldest].Pos
	}
	pos := m.Next
	switch {
	case from.First():
		return oldest, 0
	case from.Last() > 0:
		left := from.Last()
		for i := len(m.Items) - 1; i >= oldest && left > 0; i-- {
			if it := &m.Items[i]; it.Event == nil && filter.Match(it.Topic) {
				pos = it.Pos
				left--
			}
		}
	case from.Position() > 0 && from.Position() <= m.Next:
		pos = from.Position()
	default:
		return len(m.Items), 0
	}
	if pos < first {
		return oldest, first - pos
	}
	index = slices.IndexFunc(m.Items[oldest:], func(e journal.Entry) bool { return e.Pos >= pos })
	if index < 0 {
		return len(m.Items), 0
	}
	return oldest + index, 0
}

// Oldest returns the index of the first item that the journal keeps, where the model has all that
// was appended to it.
func (m *Model) Oldest(b *Rig) int {
	r := b.Open(protocol.FromFirst(), "")
	defer r.Release()
	kept := 0
	for {
		entries, sealed := r.s.Entries(0)
		for _, e := range entries {
			kept += max(1, e.Count)
		}
		if !sealed {
			return len(m.Items) - kept
		}
		r.Leave()
	}
}

// RandomFrom is where a reader may want to begin.
func (m *Model) RandomFrom(rng *rand.Rand) (from protocol.From, filter string) {
	filter = []string{"", "", "a", "a.*", ">", "none"}[rng.IntN(6)]
	return []protocol.From{
		{}, protocol.FromFirst(), protocol.FromLast(1 + rng.Uint64N(9)), protocol.FromLast(1 + rng.Uint64N(m.Next)),
		protocol.FromPosition(1 + rng.Uint64N(m.Next+5)),
	}[rng.IntN(5)], filter
}

// RandomEntry is an event, or some lines, of a run or not, some of them perhaps sent again.
func (m *Model) RandomEntry(rng *rand.Rand) journal.Entry {
	name := fmt.Sprint("p", rng.IntN(3))
	if rng.IntN(6) == 0 {
		return Joined(name)
	}
	e := journal.Entry{From: name, Topic: []string{"", "a", "a.b", "c"}[rng.IntN(4)], Count: rng.IntN(5)}
	if rng.IntN(60) == 0 {
		e.Count = 1500
	}
	if rng.IntN(2) == 0 {
		e.Run, e.First = []string{"r", "q"}[rng.IntN(20)/19], 1
		if seen, ok := m.Seen[RunID{name, e.Run}]; ok {
			e.First = 1 + seen - min(seen, uint64(max(0, rng.IntN(8)-4)))
		}
	}
	rest := ""
	switch rng.IntN(6) {
	case 0, 1:
		rest = strings.Repeat("x", rng.IntN(60_000)/max(1, e.Count)) + []string{"", "\r"}[rng.IntN(2)]
	case 2:
		rest = []string{"\r", "tab\t", "\"žluťoučký\"\x01"}[rng.IntN(3)]
	}
	for i := range e.Count {
		text := fmt.Sprint("free ", m.sent)
		if m.sent++; e.Run != "" {
			text = fmt.Sprint(e.Run, " ", e.First+uint64(i))
		}
		if rng.IntN(12) > 0 { // or it is an empty line
			e.Lines = append(e.Lines, text+rest...)
		}
		e.Lines = append(e.Lines, '\n')
	}
	return e
}

// InBuffer returns an entry as a busy publisher has it, or as a quiet one: with its lines in a Buffer,
// behind earlier ones, or not. The Buffer is the journal's alone once the next one is begun.
func (m *Model) InBuffer(rng *rand.Rand, e journal.Entry) journal.Entry {
	if e.Count == 0 || rng.IntN(2) == 0 {
		return e
	}
	if m.buffer == nil || m.used+len(e.Lines) > journal.BufferSize {
		m.buffer.Release()
		m.buffer, m.used = journal.NewBuffer(), 0
	}
	end := m.used + copy(m.buffer.Bytes()[m.used:], e.Lines)
	e.Buffer, e.Lines = m.buffer, m.buffer.Bytes()[m.used:end]
	m.used = end
	return e
}

// againstAModel appends what chance brings, without waiting for it, and reads it all with readers
// that come at any time.
func againstAModel(t *testing.T, b *Rig) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	m := NewModel()
	first := b.Open(protocol.FromFirst(), "")
	var got []string
	var late []*Reader
	const entries = 500
	var acked atomic.Int32
	for n := range entries {
		e := m.RandomEntry(rng)
		m.Add(e)
		require.NoError(t, b.Append(context.Background(), m.InBuffer(rng, e), func(err error) {
			if err == nil {
				acked.Add(1)
			}
		}))
		got = append(got, first.Rest()...) // so that there is room
		if n%50 == 0 {
			late = append(late, b.Open(protocol.From{}, ""))
		}
		for _, r := range late {
			if n%8 == 0 {
				r.check(t, m, 1<<30) // so that nobody waits for it
			}
			r.check(t, m, rng.IntN(4))
		}
	}
	require.Eventually(t, func() bool {
		got = append(got, first.Rest()...)
		for _, r := range late {
			r.check(t, m, 1<<30)
		}
		return acked.Load() == entries
	}, testTimeout, time.Millisecond, "everything is acknowledged")
	for run, seen := range m.Seen {
		require.Equal(t, seen+1, b.NextLine(run.Name, run.ID), "P15")
	}
	b.Close()
	require.Equal(t, Texts(m.Items), append(got, first.Rest()...), "P9, P10: everything, in the one order")
	for _, r := range late {
		r.check(t, m, 1<<30)
		require.True(t, r.Ended(), "every reader finds the end")
		require.Equal(t, m.Next, r.Start.Next, "after the last message")
	}
}

// check reads up to n entries, of which the messages have to be those of the order from the
// reader's place on.
func (r *Reader) check(t *testing.T, m *Model, n int) {
	for range n {
		items, ok := r.Read()
		if !ok {
			return
		}
		for _, item := range items {
			if strings.HasSuffix(item, " joined") {
				continue
			}
			var pos uint64
			fmt.Sscan(item, &pos)
			require.Equal(t, r.Start.Next, pos, "P10: no gap")
			require.Equal(t, m.message(pos), item, "P9")
			r.Start.Next++
		}
	}
}
