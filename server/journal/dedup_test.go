package journal_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestP15OnlyTheLastRunsAreRemembered(t *testing.T) {
	b := newRig(t, 0)
	for n := range journal.MaxRuns {
		b.Add(journaltest.Rejected(fmt.Sprint("p", n), "r", 1))
	}
	require.EqualValues(t, 2, b.NextLine("p0", "r"), "as many as there may be")
	b.Add(journaltest.Rejected("p0", "r", 2), journaltest.Rejected("one more", "r", 1))
	assert.EqualValues(t, 1, b.NextLine("p1", "r"), "P15: the one heard of longest ago is forgotten")
	assert.EqualValues(t, 3, b.NextLine("p0", "r"), "P15: not the one that published since")
	assert.EqualValues(t, 2, b.NextLine("p2", "r"), "asking is no sign of life, and forgets nothing")
	assert.Equal(t, journal.MaxRuns, b.memory.Runs())
	b.Add(journaltest.Rejected("p0", "s", 1), journaltest.Rejected("p0", "t", 1))
	assert.EqualValues(t, 1, b.NextLine("p3", "r"), "P15: whoever has more runs than one takes the place of others")
	assert.EqualValues(t, 3, b.NextLine("p0", "r"), "P15: and has them all")
	assert.Equal(t, journal.MaxRuns, b.memory.Runs())
}

// However many runs a name has had, it takes no more than its share.
func TestP15OnlyTheLastRunsOfANameAreRemembered(t *testing.T) {
	b := newRig(t, 0)
	b.Add(journaltest.Rejected("eve", "r", 7))
	for n := range uint64(journal.MaxRuns + journal.RunsPerName) {
		b.Add(journaltest.Rejected("ada", fmt.Sprint("r", n), n+1))
		if n > journal.RunsPerName/2 {
			b.Add(journaltest.Rejected("ada", "r0", n))
		}
	}
	assert.EqualValues(t, 8, b.NextLine("eve", "r"), "P15: others are not forgotten for one name's many runs")
	assert.EqualValues(t, journal.MaxRuns+journal.RunsPerName, b.NextLine("ada", "r0"), "P15: nor is the one that goes on")
	for n := range uint64(journal.RunsPerName - 1) {
		last := journal.MaxRuns + journal.RunsPerName - n // of the last but n
		assert.EqualValues(t, last+1, b.NextLine("ada", fmt.Sprint("r", last-1)), "P15: the last ones are remembered")
	}
	assert.EqualValues(t, 1, b.NextLine("ada", fmt.Sprint("r", journal.MaxRuns)), "P15: and no others")
	assert.Equal(t, 1+journal.RunsPerName, b.memory.Runs())
}

// What is remembered can be written down and read again, at any time.
func TestDedupAgain(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := journal.NewDedup(3)
	for range 2000 {
		r.Admit(journaltest.Rejected(fmt.Sprint("p", rng.IntN(5)), fmt.Sprint("r", rng.IntN(5)), 1+rng.Uint64N(50)))
		again := journal.NewDedup(3)
		r.Each(func(name, id string, next uint64) {
			require.Greater(t, next, uint64(1))
			again.Admit(journal.Entry{From: name, Run: id, First: next})
		})
		require.Equal(t, written(r), written(again))
		require.LessOrEqual(t, r.Count(), 15)
	}
}

func written(r *journal.Dedup) (all []string) {
	r.Each(func(name, id string, next uint64) { all = append(all, fmt.Sprint(name, " ", id, " ", next)) })
	return all
}

// BenchmarkAdmit is what each entry of a run costs, whoever publishes it.
func BenchmarkAdmit(b *testing.B) {
	for _, publishers := range []int{1, 1000} {
		b.Run(fmt.Sprint("publishers=", publishers), func(b *testing.B) {
			names := make([]string, publishers)
			for i := range names {
				names[i] = fmt.Sprint("publisher-", i)
			}
			r := journal.NewDedup(journal.RunsPerName)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				r.Admit(journaltest.Rejected(names[n%publishers], "ABCDEFGHIJKLMNOPQRSTUVWXYZ", uint64(n)))
			}
		})
	}
}
