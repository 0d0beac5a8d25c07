package feed

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// reader is a cursor, and what it has to bring, rendered the slow way.
type reader struct {
	*Cursor
	topics  protocol.Filter
	format  protocol.Format
	at      int    // the index of the next message or event
	pending []item // what comes before that one
	passed  uint64
}

type random struct {
	*rig
	rng     *rand.Rand
	all     *journaltest.Model
	seen    int // of the entries heard
	readers []*reader
}

func TestAgainstANaiveRendering(t *testing.T) {
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := &random{rig: newRig(t, journal.MinHistory, Config{}), all: journaltest.NewModel(), rng: rand.New(rand.NewPCG(seed, 0))}
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
			r.j.Close()
			for len(r.readers) > 0 {
				f := r.readers[0]
				for r.read(f, 1<<30) {
				}
				_, err := next(f.Cursor)
				require.ErrorIs(t, err, io.EOF)
				r.closeFirst()
			}
			require.Empty(t, r.feeds)
			require.Zero(t, r.cached)
		})
	}
}

func (r *random) append() {
	_ = r.j.Try(r.all.InBuffer(r.rng, r.all.RandomEntry(r.rng))) // where a cursor is in the way, there is no room
	for _, e := range r.j.Heard()[r.seen:] {
		require.Equal(r.t, r.all.Next, e.Pos)
		r.all.Add(e)
		r.seen++
	}
}

func (r *random) openOne() {
	if len(r.readers) == 8 {
		return
	}
	from, filter := r.all.RandomFrom(r.rng)
	format := formats[r.rng.IntN(len(formats))]
	f := &reader{Cursor: r.open(filter, format, from), topics: journaltest.Filter(r.t, filter), format: format}
	var missing uint64
	f.at, missing = r.all.Start(from, f.topics, r.all.Oldest(r.j))
	if missing > 0 {
		gap := &protocol.Event{Kind: protocol.Gap, Missing: missing}
		f.pending = []item{{bytes: string(format.AppendEvent(nil, gap))}}
		require.Equal(r.t, from.Position()+missing, f.Start(), "P12: after what is no longer kept")
	}
	r.readers = append(r.readers, f)
}

// expect renders what a reader has to bring, so many bytes at least.
func (r *random) expect(f *reader, n int) string {
	var text strings.Builder
	for _, p := range f.pending {
		text.WriteString(p.bytes)
	}
	for ; text.Len() < n && f.at < len(r.all.Items); f.at++ {
		p := renderItem(&r.all.Items[f.at], f.topics, f.format)
		text.WriteString(p.bytes)
		f.pending = append(f.pending, p)
	}
	return text.String()
}

// read takes up to n bytes, if there are any, and compares. Where there are none it may park.
func (r *random) read(f *reader, n int) bool {
	if f.parked {
		require.Empty(r.t, r.expect(f, 1), "P10: it is woken for what it wants")
		return false
	}
	wake, _ := r.wakes.Load(f.Cursor)
	select {
	case <-wake.(chan struct{}):
	default:
	}
	for f.segment != nil && len(f.preamble) == 0 {
		data, complete := f.data()
		if f.off < len(data) {
			break
		}
		if !complete || f.move() != nil {
			require.Empty(r.t, r.expect(f, 1), "P10: it has brought everything")
			if !complete && r.rng.IntN(2) == 0 {
				require.True(r.t, f.park())
			}
			return false
		}
	}
	if f.segment == nil {
		return false
	}
	data, err := next(f.Cursor)
	require.NoError(r.t, err)
	want := r.expect(f, len(data))
	require.GreaterOrEqual(r.t, len(want), len(data))
	if want[:len(data)] != string(data) {
		require.Equal(r.t, want[:len(data)], string(data))
	}
	n = min(n, len(data))
	if r.rng.IntN(4) == 0 {
		f.LetGo()
	}
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
	if len(r.readers) > 0 {
		f := r.readers[r.rng.IntN(len(r.readers))]
		r.read(f, 1+r.rng.IntN(1+r.rng.IntN(200_000)))
	}
}

func (r *random) closeOne() {
	if len(r.readers) > 0 {
		i := r.rng.IntN(len(r.readers))
		r.readers[0], r.readers[i] = r.readers[i], r.readers[0]
		r.closeFirst()
	}
}

func (r *random) closeFirst() {
	f := r.readers[0]
	require.Equal(r.t, f.passed, f.Close(), "Close tells how many messages were passed")
	r.readers = r.readers[1:]
}
