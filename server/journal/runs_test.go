package journal

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// ofRun is lines(text), of a run, from its first line's number on.
func ofRun(run string, first uint64, text string) Entry {
	e := lines(text)
	e.Run, e.First = run, first
	return e
}

// rejected is what is told of the n-th line when it was no message.
func rejected(from, run string, n uint64) Entry { return Entry{From: from, Run: run, First: n + 1} }

func TestP15Runs(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []Entry
		want    []string
		next    uint64 // of ada's run r
	}{
		{"nothing", nil, nil, 1},
		{"no run", []Entry{lines("ada: 1 2"), lines("ada: 1 2")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 1", "4 ada: 2"}, 1},
		{"new lines", []Entry{ofRun("r", 1, "ada: 1"), ofRun("r", 2, "ada: 2 3")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 3"}, 4},
		{"all sent again", []Entry{ofRun("r", 1, "ada: 1 2"), ofRun("r", 1, "ada: 1 2"), ofRun("r", 2, "ada: 2")}, []string{"1 ada: 1", "2 ada: 2"}, 3},
		{"some sent again", []Entry{ofRun("r", 1, "ada: 1 2"), ofRun("r", 2, "ada: 2 3 4")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 3", "4 ada: 4"}, 5},
		{"more than all sent again", []Entry{ofRun("r", 2, "ada: 2"), ofRun("r", 1, "ada: 1 2 3")}, []string{"1 ada: 2", "2 ada: 3"}, 4},
		{"rejected", []Entry{ofRun("r", 1, "ada: 1"), rejected("ada", "r", 2), ofRun("r", 3, "ada: 3")}, []string{"1 ada: 1", "2 ada: 3"}, 4},
		{"only rejected", []Entry{rejected("ada", "r", 1)}, nil, 2},
		{"rejected again", []Entry{rejected("ada", "r", 1), ofRun("r", 2, "ada: 2"), rejected("ada", "r", 1)}, []string{"1 ada: 2"}, 3},
		{"rejected at first", []Entry{rejected("ada", "r", 1), ofRun("r", 1, "ada: 1 2")}, []string{"1 ada: 2"}, 3},
		{"another run", []Entry{ofRun("q", 1, "ada: 1 2"), ofRun("r", 1, "ada: 1")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 1"}, 2},
		{"an old run again", []Entry{ofRun("r", 1, "ada: 1 2"), ofRun("q", 1, "ada: 1"), ofRun("r", 1, "ada: 1")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 1", "4 ada: 1"}, 2},
		{"the run was reset", []Entry{ofRun("r", 1, "ada: 1 2"), ofRun("q", 1, "ada: 1")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 1"}, 1},
		{"another's run", []Entry{ofRun("r", 1, "bob: 1 2"), ofRun("r", 1, "ada: 1")}, []string{"1 bob: 1", "2 bob: 2", "3 ada: 1"}, 2},
		{"lines are missing", []Entry{ofRun("r", 7, "ada: 7 8")}, []string{"1 ada: 7", "2 ada: 8"}, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 0)
			b.add(c.entries...)
			assert.Equal(t, c.want, b.kept(protocol.FromFirst(), ""), "P15")
			assert.Equal(t, c.next, b.nextLine("ada", "r"), "P15")
			assert.Equal(t, c.want, texts(b.appended))
		})
	}
}

func TestP15EmptyLinesOfARun(t *testing.T) {
	b := newBench(t, 0)
	e := Entry{From: "ada", Lines: []byte("\n\n\n"), Count: 3, Run: "r", First: 1}
	b.add(e)
	e.First = 3
	b.add(e)
	assert.Len(t, b.kept(protocol.FromFirst(), ""), 5, "P15: of lines 3 to 5, line 3 is known")
}

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
