package jetstream

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func entry(producer string, number uint64, e journal.Entry) *message {
	return &message{producer: producer, number: number, entry: e}
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
		e, accepted := o.take(now, entry(c.producer, c.number, journaltest.Lines("ada: one two")))
		assert.Equal(t, c.accepted, accepted, "message %d", i)
		assert.Equal(t, c.accepted, e.Count == 2)
	}
	assert.EqualValues(t, 11, o.next)
	assert.EqualValues(t, 11, o.seq)
}

func TestOrderTimesNeverRunBackwards(t *testing.T) {
	o := newOrder(checkpointEvery)
	now := time.Now().UTC()
	for i, at := range []time.Duration{0, time.Second, -time.Hour, 2 * time.Second} {
		e, _ := o.take(now.Add(at), entry("a", uint64(i+1), journaltest.Lines("ada: one")))
		assert.Equal(t, now.Add([]time.Duration{0, time.Second, time.Second, 2 * time.Second}[i]), e.Time)
	}
}

// An order that was saved and loaded at any message goes on like one that was
// not, and all save the same bytes.
func TestOrderIsAPureFunction(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	o := newOrder(5 * messageOverhead)
	loaded := newOrder(o.every)
	now := time.Now().UTC()
	due := 0
	for range 2000 {
		e := journaltest.OfRun(fmt.Sprint("r", rng.IntN(2)), 1+rng.Uint64N(50), fmt.Sprintf("p%d: one two", rng.IntN(5)))
		producer := fmt.Sprint("b", rng.IntN(3))
		m := entry(producer, o.last(producer)+rng.Uint64N(3), e)
		now = now.Add(time.Duration(rng.IntN(5)-1) * time.Millisecond)
		want, accepted := o.take(now, m)
		got, alike := loaded.take(now, m)
		require.Equal(t, accepted, alike)
		require.Equal(t, want, got)
		require.Equal(t, o.save("id"), loaded.save("id"))
		if o.due() {
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
	require.ErrorContains(t, err, "it is of journal id in format 1, expected other in 1")
	_, err = loadOrder(saved[:len(saved)-1], "id", 1)
	require.Error(t, err)
}
