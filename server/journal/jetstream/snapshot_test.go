package jetstream

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// small is the configuration of a stream that soon forgets its beginning.
func small(n *node) Config {
	cfg := n.config()
	cfg.every = 256 << 10
	cfg.Size = 4 << 20
	return cfg
}

// fill appends so many entries of lines that take 64 KiB in the stream, each of a run of its own.
func fill(t *testing.T, j *Journal, from, entries int) {
	t.Helper()
	done := make(chan error, entries)
	for n := from; n < from+entries; n++ {
		e := journaltest.OfRun("r", 1, fmt.Sprintf("p%d: %s", n, strings.Repeat("x", 32<<10)+" "+strings.Repeat("y", 32<<10)))
		require.NoError(t, j.Append(t.Context(), e, func(err error) { done <- err }))
	}
	for range entries {
		require.NoError(t, <-done)
	}
}

// saved waits until the newest snapshot that was due is saved.
func (j *Journal) saved(t *testing.T) {
	t.Helper()
	wait.Until(t, func() bool { return !j.saving.Load() }, "the snapshot is saved")
}

// Whoever comes when the stream has forgotten its beginning knows the same as those who have read
// it.
func TestStartsFromASnapshot(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, small(n))
	b := connect(t, small(n))
	for round := range 10 {
		fill(t, a, 20*round, 10)
		fill(t, b, 20*round+10, 10)
		a.saved(t)
		b.saved(t)
	}
	info, err := a.js.Stream(t.Context(), a.cfg.Stream)
	require.NoError(t, err)
	require.Greater(t, info.CachedInfo().State.FirstSeq, uint64(100), "the stream has forgotten its beginning")
	late := connect(t, small(n))
	sameState(t, a, b, late)
	require.EqualValues(t, 401, late.Next(), "P12: the same positions")
	next, err := late.NextLine(t.Context(), "p3", "r")
	require.NoError(t, err)
	require.EqualValues(t, 3, next, "P15: also of a run that is no longer in the stream")
	fill(t, late, 0, 5)
	require.EqualValues(t, 401, late.Next(), "P15: and its lines are known")

	kept := everything(t, late)
	all := everything(t, a)
	require.GreaterOrEqual(t, len(kept), 10, "its history is filled")
	require.Equal(t, all[len(all)-10:], kept[len(kept)-10:])
	objects, err := late.bucket.List(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, uint64(len(objects)), late.names)
}

// What is left of a stream that is gone does not matter to the next one.
func TestSnapshotsOfAnotherStream(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, small(n))
	fill(t, a, 0, 40)
	a.saved(t)
	require.NoError(t, a.js.DeleteStream(t.Context(), a.cfg.Stream))
	b := connect(t, small(n))
	require.EqualValues(t, 1, b.Next())
	for round := range 10 {
		fill(t, b, 20*round, 20)
		b.saved(t)
	}
	sameState(t, b, connect(t, small(n)))
}

func TestNoSnapshot(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, small(n))
	fill(t, a, 0, 100)
	a.saved(t)
	objects, err := a.bucket.List(t.Context())
	require.NoError(t, err)
	for _, o := range objects {
		require.NoError(t, a.bucket.Delete(t.Context(), o.Name))
	}
	_, err = Connect(t.Context(), small(n))
	require.ErrorContains(t, err, "there is no snapshot to begin with")
}

// After nats stream purge, a broker that was there goes on. One that starts says what can be done,
// and each of the two ways is one.
func TestPurged(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, small(n))
	fill(t, a, 0, 5)
	stream, err := a.js.Stream(t.Context(), a.cfg.Stream)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context()))
	_, err = Connect(t.Context(), small(n))
	require.ErrorContains(t, err, "the stream test keeps its messages from number 7 on, and there is no snapshot to begin with: has it been purged")
	require.ErrorContains(t, err, "else delete the stream (nats stream rm test), and a new order begins")

	fill(t, a, 100, 5)
	a.saved(t)
	b := connect(t, small(n))
	require.EqualValues(t, 21, b.Next(), "where another broker has saved a snapshot, positions go on")

	require.NoError(t, a.js.DeleteStream(t.Context(), a.cfg.Stream))
	c := connect(t, small(n))
	require.EqualValues(t, 1, c.Next())
	require.NotEqual(t, a.ID(), c.ID(), "another order")
}

// What a broker that died left of a snapshot is deleted by one that starts, and nothing else is.
func TestSweep(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, small(n))
	bucket, err := a.js.Stream(t.Context(), "OBJ_test-checkpoints")
	require.NoError(t, err)
	kept := func() map[string]uint64 {
		info, err := bucket.Info(t.Context(), jetstream.WithSubjectFilter(">"))
		require.NoError(t, err)
		return info.State.Subjects
	}
	require.Empty(t, kept(), "what was tried at the start has left nothing")
	for round := range 5 {
		fill(t, a, 20*round, 20)
		a.saved(t)
	}
	before := kept()
	require.NotEmpty(t, before)
	_, err = a.js.Publish(t.Context(), chunks("test")+"dead", []byte("a part"))
	require.NoError(t, err)
	require.NoError(t, a.sweep(t.Context(), bucket, 2*saveTimeout))
	require.Contains(t, kept(), chunks("test")+"dead", "somebody may be at it")
	require.NoError(t, a.sweep(t.Context(), bucket, 0))
	require.Equal(t, before, kept(), "what is left over is deleted")
	sameState(t, a, connect(t, small(n)))
}

// A broker that cannot save snapshots any more is not healthy, tries again, and is healthy when it
// could.
func TestSnapshotsFail(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, small(n))
	bucket, err := a.js.Stream(t.Context(), "OBJ_test-checkpoints")
	require.NoError(t, err)
	right := bucket.CachedInfo().Config
	wrong := right
	wrong.MaxBytes = 1
	_, err = a.js.UpdateStream(t.Context(), wrong)
	require.NoError(t, err)
	fill(t, a, 0, 5)
	wait.Until(t, func() bool { return a.Health() != nil }, "it is not well")
	require.EqualError(t, a.Health(), "snapshots of the stream test cannot be saved")
	_, err = a.js.UpdateStream(t.Context(), right)
	require.NoError(t, err)
	rig := journaltest.NewRig(t, a)
	wait.Until(t, func() bool {
		rig.Add(journaltest.Lines("ada: more")) // much less than what a snapshot is due for
		return a.Health() == nil
	}, "it is well again")
	list, err := a.listSnapshots(t.Context(), 2)
	require.NoError(t, err)
	require.Len(t, list, 1, "it is one to begin with")
}

// The storage that snapshots take has a bound, which the bucket keeps to.
func TestSnapshotsAreBounded(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, n.config())
	bucket, err := a.js.Stream(t.Context(), "OBJ_test-checkpoints")
	require.NoError(t, err)
	most := bucket.CachedInfo().Config.MaxBytes
	require.EqualValues(t, (2*MinSize/snapshotEvery+spareSnapshots)*maxSnapshot, most)
	require.LessOrEqual(t, most, int64(MinSize/3+40<<20), "as --stream-size says")
}

// A broker that falls behind what the stream keeps says what is missing.
func TestFallsBehind(t *testing.T) {
	t.Run("and reads what it said last", func(t *testing.T) { fallBehind(t, true) })
	t.Run("and reads nothing of it", func(t *testing.T) { fallBehind(t, false) })
}

func fallBehind(t *testing.T, last bool) {
	end := uint64(322)
	n := startNode(t)
	a, slow := connect(t, small(n)), connect(t, small(n))
	heard := journaltest.NewRig(t, slow)
	reader, err := slow.Open(t.Context(), protocol.FromFirst(), protocol.Filter{})
	require.NoError(t, err)
	for round := range 16 {
		fill(t, a, 10*round, 10) // the reader keeps slow from reading on
		a.saved(t)
	}
	require.Less(t, slow.Next(), uint64(100))
	own := make(chan error, 1)
	require.NoError(t, slow.Append(t.Context(), journaltest.Lines("eve: mine"), func(err error) { own <- err }))
	if !last { // the stream forgets that before it is read
		for round := range 16 {
			fill(t, a, 10*round+200, 10)
			a.saved(t)
		}
		end += 16 * 20
	}

	slow.Release(reader.Segment)
	require.NoError(t, wait.For(t, own, "what it had to say is taken"))
	require.NoError(t, slow.sync(t.Context()))
	require.EqualValues(t, end, slow.Next(), "P12: the same positions as elsewhere")
	sameState(t, a, slow, connect(t, small(n)))

	next, gaps := uint64(1), 0
	for _, e := range heard.Heard() {
		if e.Event != nil {
			gaps++
			next += e.Event.Missing
		}
		require.Equal(t, next, e.Pos, "P12: a gap of the right size, in its place")
		next += uint64(e.Count)
	}
	require.EqualValues(t, end, next)
	require.Equal(t, 1, gaps)
}

// Where entries are small and share messages, and others write into the stream too, snapshots reach
// as far back as it does.
func TestSnapshotsReachBack(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, small(n))
	for range 40 {
		done := make(chan error, 2000)
		for i := range 2000 {
			require.NoError(t, a.Append(t.Context(), journaltest.Lines(fmt.Sprintf("ada: %d", i)), func(err error) { done <- err }))
		}
		for range 2000 {
			require.NoError(t, <-done)
		}
		for range 3 {
			_, err := a.js.Publish(t.Context(), subject(a.cfg.Stream), bytes.Repeat([]byte("x"), 60<<10))
			require.NoError(t, err)
		}
		a.saved(t)
	}
	stream, err := a.js.Stream(t.Context(), a.cfg.Stream)
	require.NoError(t, err)
	kept := stream.CachedInfo().State
	require.Greater(t, kept.FirstSeq, uint64(1), "the stream has forgotten its beginning")
	list, err := a.beginnings(t.Context())
	require.NoError(t, err)
	require.Less(t, list[0].seq+1-kept.FirstSeq, (kept.LastSeq-kept.FirstSeq)/4)
	require.GreaterOrEqual(t, len(list), 8)
	sameState(t, a, connect(t, small(n)))
}

// A part of a gap is missing for those who ask from its middle.
func TestP12FromTheMiddleOfAGap(t *testing.T) {
	t.Parallel()
	m := journal.NewMirror(journal.MinHistory, 1)
	ctx := context.Background()
	require.NoError(t, m.Add(ctx, journaltest.Lines("ada: 1 2 3")))
	require.NoError(t, m.Skip(ctx, 10))
	require.NoError(t, m.Add(ctx, journaltest.Lines("ada: 14 15")))
	for _, c := range []struct{ from, next, missing uint64 }{
		{3, 3, 0}, {4, 14, 10}, {8, 14, 6}, {13, 14, 1}, {14, 14, 0}, {15, 15, 0}, {16, 16, 0},
	} {
		p, err := m.Open(ctx, protocol.FromPosition(c.from), protocol.Filter{})
		require.NoError(t, err)
		require.Equal(t, c.next, p.Next, "from=%d", c.from)
		require.Equal(t, c.missing, p.Missing, "from=%d", c.from)
		entries, _ := p.Segment.Entries(p.Entry)
		if c.from > 3 && c.from < 16 {
			require.Zero(t, entries[0].Event, "from=%d: the gap is told once", c.from)
		}
		m.Release(p.Segment)
	}
}
