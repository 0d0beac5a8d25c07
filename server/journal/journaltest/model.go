package journaltest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// model is an order that does everything the slow way.
type model struct {
	items []string          // as Texts has them
	lines map[uint64]string // the messages among them, by position
	next  uint64
	runs  map[string]*modelRun // by name
}

type modelRun struct {
	id   string
	seen uint64 // lines
}

func (m *model) add(e journal.Entry) {
	if e.Event != nil {
		m.items = append(m.items, fmt.Sprintf("%d %s joined", m.next, e.Event.Name))
		return
	}
	r := m.runs[e.From]
	if e.Run != "" && (r == nil || r.id != e.Run) {
		r = &modelRun{id: e.Run}
		m.runs[e.From] = r
	}
	number := e.First
	for line := range strings.Lines(string(e.Lines)) {
		if e.Run != "" {
			if number++; number-1 <= r.seen {
				continue
			}
		}
		m.lines[m.next] = Texts([]journal.Entry{{Pos: m.next, From: e.From, Topic: e.Topic, Lines: []byte(line)}})[0]
		m.items = append(m.items, m.lines[m.next])
		m.next++
	}
	if e.Run != "" {
		r.seen = max(r.seen, e.First+uint64(e.Count)-1)
	}
}

// againstAModel appends what chance brings, without waiting for it, and reads
// it all with readers that come at any time.
func againstAModel(t *testing.T, b *Bench) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	m := &model{lines: map[uint64]string{}, next: 1, runs: map[string]*modelRun{}}
	first := b.Open(protocol.FromFirst(), "")
	var got []string
	var late []*Reader
	const entries = 500
	var acked atomic.Int32
	for n := range entries {
		e := m.randomEntry(rng, n)
		m.add(e)
		require.NoError(t, b.Append(context.Background(), e, func(err error) {
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
	}, patience, time.Millisecond, "everything is acknowledged")
	name := fmt.Sprint("p", rng.IntN(3))
	if r := m.runs[name]; r != nil {
		require.Equal(t, r.seen+1, b.NextLine(name, r.id), "P15")
	}
	b.Close()
	require.Equal(t, m.items, append(got, first.Rest()...), "P9, P10: everything, in the one order")
	for _, r := range late {
		r.check(t, m, 1<<30)
		require.True(t, r.Ended(), "every reader finds the end")
		require.Equal(t, m.next, r.Place.Next, "after the last message")
	}
}

// check reads up to n entries, of which the messages have to be those of the
// order from the reader's place on.
func (r *Reader) check(t *testing.T, m *model, n int) {
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
			require.Equal(t, r.Place.Next, pos, "P10: no gap")
			require.Equal(t, m.lines[pos], item, "P9")
			r.Place.Next++
		}
	}
}

func (m *model) randomEntry(rng *rand.Rand, n int) journal.Entry {
	name := fmt.Sprint("p", rng.IntN(3))
	if rng.IntN(6) == 0 {
		return Joined(name)
	}
	e := journal.Entry{From: name, Topic: []string{"", "a", "a.b", "c"}[rng.IntN(4)], Count: rng.IntN(4)}
	if rng.IntN(60) == 0 {
		e.Count = 1500
	}
	if rng.IntN(2) == 0 {
		e.Run, e.First = []string{"r", "q"}[rng.IntN(20)/19], 1
		if r := m.runs[name]; r != nil && r.id == e.Run {
			e.First = 1 + r.seen - min(r.seen, uint64(max(0, rng.IntN(8)-4)))
		}
	}
	long := ""
	if rng.IntN(3) == 0 {
		long = strings.Repeat("x", rng.IntN(60_000)/max(1, e.Count))
	}
	for i := range e.Count {
		text := fmt.Sprint("free ", n, ".", i)
		if e.Run != "" {
			text = fmt.Sprint(e.Run, " ", e.First+uint64(i))
		}
		e.Lines = append(e.Lines, text+long+"\n"...)
	}
	return e
}
