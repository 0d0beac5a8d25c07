package jetstream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func from(producer string, number uint64, entries ...journal.Entry) *message {
	return &message{producer: producer, number: number, entries: entries}
}

func TestOrderAcceptsWhatFollows(t *testing.T) {
	o := newOrder(checkpointEvery)
	now := time.Now().UTC()
	for i, c := range []struct {
		producer string
		number   uint64
		accepted bool
	}{
		{"a", 2, false}, {"a", 1, true}, {"a", 1, false}, {"b", 1, true}, {"a", 3, false}, {"a", 2, true}, {"a", 3, true},
		{"b", 3, false}, {"a", 2, false}, {"", 0, false}, {"b", 2, true},
	} {
		entries := o.take(now, from(c.producer, c.number, journaltest.Lines("ada: one two")), 100)
		assert.Equal(t, c.accepted, len(entries) == 1, "message %d", i)
		assert.True(t, !c.accepted || entries[0].Count == 2)
	}
	assert.EqualValues(t, 11, o.next)
	assert.EqualValues(t, 11, o.seq)
}

// Entries that share a message are accepted one by one: what is sent again need
// not be in the same company.
func TestOrderAcceptsApartOfAMessage(t *testing.T) {
	o := newOrder(checkpointEvery)
	entries := func(from, to int) (list []journal.Entry) {
		for n := from; n <= to; n++ {
			list = append(list, journaltest.Lines(fmt.Sprintf("ada: %d", n)))
		}
		return list
	}
	var got []string
	for _, c := range []struct{ from, to, accepted int }{
		{1, 3, 3}, {2, 3, 0}, {2, 5, 2}, {7, 9, 0}, {6, 6, 1}, {1, 8, 2}, {4, 8, 0}, {8, 9, 1}, {10, 9, 0},
	} {
		accepted := o.take(time.Now(), from("a", uint64(c.from), entries(c.from, c.to)...), 100)
		require.Len(t, accepted, c.accepted, "%v", c)
		got = append(got, journaltest.Texts(accepted)...)
	}
	require.Equal(t, []string{
		"1 ada: 1", "2 ada: 2", "3 ada: 3", "4 ada: 4", "5 ada: 5", "6 ada: 6", "7 ada: 7", "8 ada: 8", "9 ada: 9",
	}, got)
}

func TestOrderTimesNeverRunBackwards(t *testing.T) {
	o := newOrder(checkpointEvery)
	now := time.Now().UTC()
	for i, at := range []time.Duration{0, time.Second, -time.Hour, 2 * time.Second} {
		entries := o.take(now.Add(at), from("a", uint64(i+1), journaltest.Lines("ada: one")), 100)
		assert.Equal(t, now.Add([]time.Duration{0, time.Second, time.Second, 2 * time.Second}[i]), entries[0].Time)
	}
}

// An order that was saved and loaded at any message goes on like one that was
// not, and all save the same bytes.
func TestOrderIsAPureFunction(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	o := newOrder(5 * (100 + messageOverhead))
	loaded := newOrder(o.every)
	now := time.Now().UTC()
	due := 0
	for range 2000 {
		e := journaltest.OfRun(fmt.Sprint("r", rng.IntN(2)), 1+rng.Uint64N(50), fmt.Sprintf("p%d: one two", rng.IntN(5)))
		producer := fmt.Sprint("b", rng.IntN(3))
		m := from(producer, o.last(producer)+rng.Uint64N(3), slices.Repeat([]journal.Entry{e}, rng.IntN(4))...)
		now = now.Add(time.Duration(rng.IntN(5)-1) * time.Millisecond)
		again := *m
		again.entries = slices.Clone(m.entries)
		want, got := o.take(now, m, 100), loaded.take(now, &again, 100)
		require.Equal(t, want, got)
		require.Equal(t, o.save("id"), loaded.save("id"))
		if o.due {
			due++
		}
		if rng.IntN(4) == 0 {
			var err error
			loaded, err = loadOrder(loaded.save("id"), "id", o.every)
			require.NoError(t, err)
		}
	}
	require.EqualValues(t, due, o.checkpoints)
	require.Greater(t, due, 300)
}

func TestLoadOrder(t *testing.T) {
	saved := newOrder(1).save("id")
	_, err := loadOrder(saved, "other", 1)
	require.ErrorContains(t, err, "it is of journal id in format 3, expected other in 3")
	_, err = loadOrder(saved[:len(saved)-1], "id", 1)
	require.Error(t, err)
}
