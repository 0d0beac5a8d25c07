package journal

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rejected is what is told of the n-th line when it was no message.
func rejected(from, run string, n uint64) Entry { return Entry{From: from, Run: run, First: n + 1} }

func TestP15OnlyTheLastRunsAreRemembered(t *testing.T) {
	b := newBench(t, 0)
	for n := range MaxRuns {
		b.add(rejected(fmt.Sprint("p", n), "r", 1))
	}
	require.EqualValues(t, 2, b.nextLine("p0", "r"), "as many as there may be")
	b.add(rejected("p0", "r", 2), rejected("one more", "r", 1))
	assert.EqualValues(t, 1, b.nextLine("p1", "r"), "P15: the one heard of longest ago is forgotten")
	assert.EqualValues(t, 3, b.nextLine("p0", "r"), "P15: not the one that published since")
	assert.EqualValues(t, 2, b.nextLine("p2", "r"), "asking is no sign of life, and forgets nothing")
	assert.Equal(t, MaxRuns, b.runs.byName.Len())
}
