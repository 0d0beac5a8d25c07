package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// origins is a journal of which the first 99 messages are no longer kept.
func origins(entries ...journal.Entry) Origin {
	next := uint64(100)
	for i := range entries {
		entries[i].Pos = next
		next += uint64(entries[i].Count)
	}
	return Origin{ID: "the-journal", First: 100, Next: next, Entries: func(take func(*journal.Entry) error) error {
		for _, e := range entries {
			if err := take(&e); err != nil {
				return err
			}
		}
		return nil
	}}
}

// What was copied is one order with what comes then: its positions, events and runs.
func TestCopy(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	large := journaltest.OfRun("r", 8, "ada: "+strings.Repeat(strings.Repeat("x", 60<<10)+" ", 40)+"last") // more than a message holds
	require.NoError(t, Copy(t.Context(), small(n), origins(
		journal.Entry{From: "eve", Run: "old", First: 5}, // of lines that are no longer kept
		journal.Entry{Event: &protocol.Event{Kind: protocol.Joined, Role: protocol.Publisher, Name: "ada"}},
		journaltest.OfRun("r", 1, "ada: one two three four five six seven"), large,
	)))
	j := connect(t, small(n))
	require.Equal(t, "the-journal", j.ID())
	require.EqualValues(t, 100+7+41, j.Next())
	for run, want := range map[string]uint64{"ada r": 7 + 41 + 1, "eve old": 5, "eve new": 1} {
		name, id, _ := strings.Cut(run, " ")
		next, err := j.NextLine(t.Context(), name, id)
		require.NoError(t, err)
		require.Equal(t, want, next, "P15: %s", run)
	}
	rig := journaltest.NewRig(t, j)
	r := rig.Open(protocol.FromFirst(), "")
	require.EqualValues(t, 100, r.Start.Next, "P12")
	r.Release()
	for round := range 10 { // the stream forgets what was copied
		fill(t, j, 20*round, 20)
		j.saved(t)
	}
	sameState(t, j, connect(t, small(n)))
}

// An empty journal is one, too.
func TestCopyOfNothing(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	require.NoError(t, Copy(t.Context(), small(n), origins()))
	j := connect(t, small(n))
	require.EqualValues(t, 100, j.Next())
	fill(t, j, 0, 3)
	require.EqualValues(t, 106, j.Next())
}

// A stream that is there is left as it is; of a copy that was broken off, nobody takes a part for
// all of it.
func TestCopyIsRefused(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for name, spoil := range map[string]func(*Origin){
		"broken off": func(o *Origin) {
			o.Entries = func(func(*journal.Entry) error) error { return errors.New("broken off") }
		},
		"there are no messages from position 100 to 104": func(o *Origin) {
			all := o.Entries
			o.Entries = func(take func(*journal.Entry) error) error {
				return all(func(e *journal.Entry) error {
					e.Pos += 5
					return take(e)
				})
			}
		},
		"the stream goes on at position 102, and the journal at 103": func(o *Origin) { o.Next++ },
	} {
		o := origins(journaltest.OfRun("r", 1, "ada: one two"))
		spoil(&o)
		err := Copy(t.Context(), small(n), o)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "copy again to go on with it, or delete it (nats stream rm test) to begin anew")
		_, err = Connect(t.Context(), small(n))
		require.ErrorContains(t, err, "the stream test is not complete")
		other := origins()
		other.ID = "another"
		require.ErrorContains(t, Copy(t.Context(), small(n), other), "the stream test is the copy of another journal, the-journal, that is not complete")
		later := origins()
		later.First++ // the journal has dropped its oldest file since
		require.ErrorContains(t, Copy(t.Context(), small(n), later), "the stream test was begun when the journal began at another position than 101")
		deleteStream(t, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := origins(journaltest.OfRun("r", 1, "ada: one two"))
	all := o.Entries
	o.Entries = func(take func(*journal.Entry) error) error {
		defer cancel()
		return all(take)
	}
	require.ErrorIs(t, Copy(ctx, small(n), o), context.Canceled)
	_, err := Connect(t.Context(), small(n))
	require.ErrorContains(t, err, "the stream test is not complete")
	deleteStream(t, n)

	require.NoError(t, Copy(t.Context(), small(n), o), "what is left of the others does not matter")
	require.ErrorContains(t, Copy(t.Context(), small(n), origins()), "the stream test is there already, and a journal can only be copied to a new one")
	require.EqualValues(t, 102, connect(t, small(n)).Next())
}

// A copy that is broken off again and again, at drawn places, becomes the same as one that is not:
// every line, event and run once, in its place.
func TestCopyGoesOn(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var entries []journal.Entry
	for next := uint64(1); len(entries) < 300; {
		switch rng.IntN(6) {
		case 0:
			entries = append(entries, journaltest.Joined("ada"))
		case 1:
			entries = append(entries, journaltest.Left("ada"))
		case 2:
			entries = append(entries, journaltest.Rejected("ada", "r", next))
			next++
		case 3:
			entries = append(entries, journaltest.OfRun("r", next, "ada: one two"))
			next += 2
		case 4:
			entries = append(entries, journaltest.Lines("bob: the same again"))
		case 5:
			entries = append(entries, journaltest.Lines("eve: "+strings.Repeat(strings.Repeat("x", rng.IntN(30<<10))+" ", 10)+"last"))
		}
	}
	n := startNode(t)
	cfg := n.config()
	cfg.History = 64 << 20
	o := origins(entries...)
	for done := 0; ; {
		done += rng.IntN(60)
		if done >= len(entries) {
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		part, count, stops := o, 0, rng.IntN(2) == 0
		part.Entries = func(take func(*journal.Entry) error) error {
			return o.Entries(func(e *journal.Entry) error {
				if count++; count > done {
					if stops {
						cancel()
					}
					return errors.New("broken off")
				}
				return take(e)
			})
		}
		require.ErrorContains(t, Copy(ctx, cfg, part), "broken off")
		cancel()
		_, err := Connect(t.Context(), cfg)
		require.ErrorContains(t, err, "the stream test is not complete")
	}
	require.NoError(t, Copy(t.Context(), cfg, o))
	whole := cfg
	whole.Stream = "whole"
	require.NoError(t, Copy(t.Context(), whole, o))
	got, want := connect(t, cfg), connect(t, whole)
	require.Equal(t, o.Next, got.Next())
	require.Equal(t, kept(t, want), kept(t, got))
	for _, j := range []*Journal{got, want} {
		next, err := j.NextLine(t.Context(), "ada", "r")
		require.NoError(t, err)
		require.Equal(t, entries[lastOfRun(entries)].First+uint64(entries[lastOfRun(entries)].Count), next, "P15")
	}
}

func kept(t *testing.T, j *Journal) []string {
	return journaltest.NewRig(t, j).Kept(protocol.FromFirst(), "")
}

func lastOfRun(entries []journal.Entry) int {
	i := len(entries) - 1
	for entries[i].Run == "" {
		i--
	}
	return i
}

// deleteStream does what the message says.
func deleteStream(t *testing.T, n *node) {
	t.Helper()
	nc, err := nats.Connect(n.url)
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), n.config().Stream))
}

func TestSplit(t *testing.T) {
	e := journal.Entry{First: 7, Count: 5, Lines: []byte("aa\nbb\ncc\n\nd\n")}
	var texts []string
	for rest := e; ; {
		part := split(&rest, 7)
		require.Equal(t, bytes.Count(part.Lines, []byte{'\n'}), part.Count)
		texts = append(texts, fmt.Sprintf("%d %q", part.First, part.Lines))
		if rest.Count == 0 {
			break
		}
	}
	require.Equal(t, []string{`7 "aa\nbb\n"`, `9 "cc\n\nd\n"`}, texts)
}
