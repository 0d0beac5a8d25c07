package feed

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// follower is a cursor, and what it has to bring, rendered the slow way.
type follower struct {
	*Cursor
	topics  protocol.Filter
	format  protocol.Format
	at      int     // the index of the next message or event
	pending []piece // what comes before that one
	passed  uint64
}

type random struct {
	*bench
	rng       *rand.Rand
	items     []journal.Entry // one message or event each
	seen      int             // of the log's entries
	followers []*follower
}

func TestAgainstANaiveRendering(t *testing.T) {
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := &random{bench: newBench(t, journal.MinHistory, Config{}), rng: rand.New(rand.NewPCG(seed, 0))}
			for range 2000 {
				switch n := r.rng.IntN(40); {
				case n < 20:
					r.append()
				case n < 22:
					r.openOne()
				case n < 39:
					r.readOne()
				default:
					r.closeOne()
				}
			}
			r.j.Close(context.Background())
			for len(r.followers) > 0 {
				f := r.followers[0]
				for r.read(f, 1<<30) {
				}
				_, err := f.Next()
				require.ErrorIs(t, err, io.EOF)
				r.closeFirst()
			}
			require.Empty(t, r.feeds)
			require.Zero(t, r.cached)
		})
	}
}

func (r *random) append() {
	name := fmt.Sprint("p", r.rng.IntN(4))
	e := joined(name)
	if r.rng.IntN(8) > 0 {
		e = journal.Entry{From: name, Topic: []string{"", "a", "a.b", "c"}[r.rng.IntN(4)], Count: 1 + r.rng.IntN(5)}
		for range e.Count {
			e.Lines = append(e.Lines, []string{"", "\r", "short", "tab\t", "\"žluťoučký\"\x01", strings.Repeat("long", r.rng.IntN(3000))}[r.rng.IntN(6)]+"\n"...)
		}
	}
	_ = r.try(e) // where a cursor is in the way, there is no room
	for _, e := range r.log.entries[r.seen:] {
		r.seen++
		if e.Event != nil {
			r.items = append(r.items, e)
			continue
		}
		pos := e.Pos
		for line := range strings.Lines(string(e.Lines)) {
			one := e
			one.Pos, one.Lines, one.Count = pos, []byte(line), 1
			r.items = append(r.items, one)
			pos++
		}
	}
}

// oldest is the index of the first item that the journal still has.
func (r *random) oldest() int {
	p, err := r.j.Open(context.Background(), protocol.FromFirst(), protocol.Filter{})
	require.NoError(r.t, err)
	kept := 0
	for {
		entries, sealed := p.Segment.Entries(0)
		for _, e := range entries {
			kept += max(1, e.Count)
		}
		if !sealed {
			r.j.Release(p.Segment)
			return len(r.items) - kept
		}
		p, err = r.j.Advance(context.Background(), p.Segment)
		require.NoError(r.t, err)
	}
}

func (r *random) openOne() {
	if len(r.followers) == 8 {
		return
	}
	next := uint64(1)
	for _, e := range r.log.entries {
		next += uint64(e.Count)
	}
	from := []protocol.From{
		{}, {}, protocol.FromFirst(), protocol.FromLast(1 + r.rng.Uint64N(9)), protocol.FromLast(1 + r.rng.Uint64N(next)), protocol.FromPosition(1 + r.rng.Uint64N(next)),
	}[r.rng.IntN(6)]
	filter := []string{"", "", "a", "a.*", ">", "none"}[r.rng.IntN(6)]
	format := formats[r.rng.IntN(4)]
	f := &follower{Cursor: r.open(filter, format, from), topics: parseFilter(r.t, filter), format: format}
	oldest := r.oldest()
	f.at = oldest
	for f.at < len(r.items) && r.items[f.at].Pos < f.Start() {
		f.at++
	}
	switch {
	case from == protocol.From{}:
		require.Equal(r.t, next, f.Start(), "P12")
		f.at = len(r.items)
	case from.Last() > 0:
		last := uint64(0)
		for _, e := range r.items[f.at:] {
			if e.Event == nil && f.topics.Match(e.Topic) {
				last++
			}
		}
		require.LessOrEqual(r.t, last, from.Last(), "P12: no more than the last so many")
	case from.Position() > 0 && f.Start() != from.Position():
		require.Equal(r.t, oldest, f.at, "P12: what is no longer kept")
		gap := &protocol.Event{Kind: protocol.Gap, Missing: f.Start() - from.Position()}
		f.pending = []piece{{bytes: string(format.AppendEvent(nil, gap))}}
	}
	r.followers = append(r.followers, f)
}

// expect renders what a follower has to bring, so many bytes at least.
func (r *random) expect(f *follower, n int) string {
	var text strings.Builder
	for _, p := range f.pending {
		text.WriteString(p.bytes)
	}
	for ; text.Len() < n && f.at < len(r.items); f.at++ {
		p, e := piece{}, r.items[f.at]
		switch {
		case e.Event != nil:
			p.bytes = string(f.format.AppendEvent(nil, e.Event))
		case f.topics.Match(e.Topic):
			m := &protocol.Message{Pos: e.Pos, Time: e.Time, From: e.From, Topic: e.Topic, Line: strings.TrimSuffix(string(e.Lines), "\n")}
			p = piece{e.Pos, string(f.format.AppendMessage(nil, m)), true}
		}
		text.WriteString(p.bytes)
		f.pending = append(f.pending, p)
	}
	return text.String()
}

// read takes up to n bytes, if there are any, and compares.
func (r *random) read(f *follower, n int) bool {
	for f.block != nil && len(f.preamble) == 0 {
		data, complete := r.Set.read(f.block)
		if f.off < len(data) {
			break
		}
		if !complete || f.move() != nil {
			require.Empty(r.t, r.expect(f, 1), "P10: it has brought everything")
			return false
		}
	}
	if f.segment == nil {
		return false
	}
	data, err := f.Next()
	require.NoError(r.t, err)
	want := r.expect(f, len(data))
	require.GreaterOrEqual(r.t, len(want), len(data))
	if want[:len(data)] != string(data) {
		require.Equal(r.t, want[:len(data)], string(data))
	}
	n = min(n, len(data))
	f.Advance(n)
	for n > 0 {
		p := &f.pending[0]
		k := min(n, len(p.bytes))
		n -= k
		if p.bytes = p.bytes[k:]; p.bytes != "" {
			break
		}
		if p.message {
			f.passed++
		}
		f.pending = f.pending[1:]
	}
	return true
}

func (r *random) readOne() {
	if len(r.followers) > 0 {
		f := r.followers[r.rng.IntN(len(r.followers))]
		r.read(f, 1+r.rng.IntN(1+r.rng.IntN(200_000)))
	}
}

func (r *random) closeOne() {
	if len(r.followers) > 0 {
		i := r.rng.IntN(len(r.followers))
		r.followers[0], r.followers[i] = r.followers[i], r.followers[0]
		r.closeFirst()
	}
}

func (r *random) closeFirst() {
	f := r.followers[0]
	require.Equal(r.t, f.passed, f.Close(), "Close tells how many messages were passed")
	r.followers = r.followers[1:]
}
