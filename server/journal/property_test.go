package journal_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// reading is a reader, and which item of the model it gets next.
type reading struct {
	*journaltest.Reader
	at int
}

type property struct {
	*rig
	t        *testing.T
	all      *journaltest.Model
	rng      *rand.Rand
	readings []*reading
}

func TestAgainstAModel(t *testing.T) {
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			p := &property{
				rig: newRig(t, journal.MinHistory), t: t, all: journaltest.NewModel(), rng: rand.New(rand.NewPCG(seed, 0)),
			}
			for range 1000 {
				switch n := p.rng.IntN(20); {
				case n < 9:
					p.append()
				case n < 10:
					p.append()
					p.openOne()
				case n < 19:
					p.readSome()
				default:
					p.checkSize()
				}
			}
			p.Close()
			for _, f := range p.readings {
				p.follow(f, 1<<30)
				require.True(t, f.Ended(), "every reader finds the end")
				require.Equal(t, len(p.all.Items), f.at, "after the last item")
			}
		})
	}
}

// append tries to append, and checks what it says of room.
func (p *property) append() {
	e := p.all.RandomEntry(p.rng)
	placed := p.all.InBuffer(p.rng, e)
	need := placed.Size()
	p.memory.TellAgain()
	asked := len(p.Asked())
	oldest, size, limit := p.memory.Segments()[0], p.memory.Size(), journal.MinHistory
	err := p.Try(placed)
	if err != nil {
		require.Nil(p.t, e.Event, "events never wait")
		require.True(p.t, p.memory.Segments()[0].Acquired(), "it waits for a reader only")
		require.Equal(p.t, []uint64{p.memory.Segments()[0].Seq}, p.Asked()[asked:])
		require.Greater(p.t, p.memory.Size()+need, limit)
		return
	}
	if e.Event == nil { // events tell that there is too little room, but do not wait
		require.Len(p.t, p.Asked(), asked)
	}
	p.all.Add(e)
	require.Equal(p.t, p.all.Next, p.memory.Next())
	if e.Run != "" {
		require.Equal(p.t, p.all.Seen[journaltest.RunID{Name: e.From, ID: e.Run}]+1, p.NextLine(e.From, e.Run), "P15")
	}
	if oldest != p.memory.Segments()[0] {
		require.Greater(p.t, size+need, limit, "nothing is dropped while there is room")
	}
}

func (p *property) openOne() {
	from, filter := p.all.RandomFrom(p.rng)
	r := p.Open(from, filter)
	at, missing := p.all.Start(from, journaltest.Filter(p.t, filter), p.all.Oldest(p.Rig))
	require.Equal(p.t, missing, r.Start.Missing, "from=%s topic=%s", from, filter)
	f := &reading{r, at}
	if len(p.readings) < 6 {
		p.readings = append(p.readings, f)
		return
	}
	p.follow(f, 50) // the one who goes again soon
	f.Release()
}

// follow reads up to n entries, and compares.
func (p *property) follow(f *reading, n int) {
	for range n {
		got, ok := f.Read()
		if !ok {
			require.Equal(p.t, len(p.all.Items), f.at, "P10: a reader is told everything")
			return
		}
		require.LessOrEqual(p.t, f.at+len(got), len(p.all.Items))
		want := journaltest.Texts(p.all.Items[f.at : f.at+len(got)])
		require.Equal(p.t, want, got, "P9: in the one order")
		f.at += len(got)
	}
}

func (p *property) readSome() {
	if len(p.readings) == 0 {
		return
	}
	i := p.rng.IntN(len(p.readings))
	p.follow(p.readings[i], p.rng.IntN(80))
	if p.rng.IntN(30) == 0 {
		p.readings[i].Release()
		p.readings = append(p.readings[:i], p.readings[i+1:]...)
	}
}

func (p *property) checkSize() {
	sum, events, segments := 0, 0, p.memory.Segments()
	for i, s := range segments {
		sum += s.Size()
		entries, sealed := s.Entries(0)
		require.Equal(p.t, i < len(segments)-1, sealed)
		for _, e := range entries {
			if e.Event != nil {
				events++
			}
		}
	}
	require.Equal(p.t, sum, p.memory.Size())
	require.LessOrEqual(p.t, p.memory.Size(), journal.MinHistory+events*journal.EntryOverhead, "only events go beyond the limit")
}
