package jetstream

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal/journaltest"
)

// Two publishers of one name publish at two brokers, in turns, and each resumes, also at a broker
// that began with a snapshot: nothing is lost or doubled (P15).
func TestP15NamesakesAtTwoBrokers(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a, b := connect(t, small(n)), connect(t, small(n))
	here, there := journaltest.NewRig(t, a), journaltest.NewRig(t, b)
	var want []string
	for i := range uint64(40) {
		fill(t, a, int(10*i), 5) // the stream forgets what it began with
		a.saved(t)
		b.saved(t)
		line := 2*i + 1
		there.Add(journaltest.OfRun("Y", line, fmt.Sprintf("ada: y%d y%d", line, line+1)))
		here.Add(journaltest.OfRun("X", line, fmt.Sprintf("ada: x%d x%d", line, line+1)))
		require.Equal(t, line+2, here.NextLine("ada", "Y"), "P15: the run of the namesake before")
		require.Equal(t, line+2, there.NextLine("ada", "X"))
		here.Add(journaltest.OfRun("Y", line, fmt.Sprintf("ada: y%d y%d", line, line+1)))  // it comes here, and sends again
		there.Add(journaltest.OfRun("X", line, fmt.Sprintf("ada: x%d x%d", line, line+1))) // what was acknowledged
		for _, run := range []string{"y", "x"} {
			want = append(want, fmt.Sprintf("ada: %s%d", run, line), fmt.Sprintf("ada: %s%d", run, line+1))
		}
	}
	late := connect(t, small(n))
	sameState(t, a, b, late)
	for _, run := range []string{"X", "Y"} {
		require.EqualValues(t, 81, journaltest.NewRig(t, late).NextLine("ada", run), "P15: a snapshot holds both")
	}
	var got []string
	for _, item := range everything(t, a) {
		if _, line, _ := cutPosition(item); len(line) < 20 {
			got = append(got, line)
		}
	}
	require.Equal(t, want[len(want)-len(got):], got, "P15: nothing is lost or doubled")
	require.NotEmpty(t, got)
}

// cutPosition takes the position off an item of Texts.
func cutPosition(item string) (pos uint64, line string, err error) {
	_, err = fmt.Sscan(item, &pos)
	return pos, item[len(fmt.Sprint(pos))+1:], err
}

// A stream that the version before made is used as that does: it keeps what it promised there, and
// no more.
func TestAStreamOfTheLastVersion(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	cfg := small(n)
	cfg.format = lastRunOnly
	a := connect(t, cfg)
	for round := range 10 {
		fill(t, a, 20*round, 20)
		a.saved(t)
	}
	b := connect(t, small(n)) // with no say in it
	require.Equal(t, lastRunOnly, b.format)
	require.EqualValues(t, 401, b.Next())
	rig := journaltest.NewRig(t, b)
	require.EqualValues(t, 3, rig.NextLine("p3", "r"), "P15: of a run that is no longer in the stream")
	rig.Add(journaltest.OfRun("Y", 1, "ada: y1"), journaltest.OfRun("X", 1, "ada: x1"))
	require.EqualValues(t, 1, rig.NextLine("ada", "Y"), "the rule of that version")
	require.EqualValues(t, 2, rig.NextLine("ada", "X"))
	sameState(t, a, b, connect(t, small(n)))
	p, err := b.Open(t.Context(), protocol.FromFirst(), protocol.Filter{})
	require.NoError(t, err)
	b.Release(p.Segment)
}
