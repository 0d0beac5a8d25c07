package jetstream

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	streams := 0
	journaltest.Run(t, func(t *testing.T, history int) journal.Journal {
		cfg := n.config()
		streams++
		cfg.Stream = fmt.Sprint("test", streams)
		cfg.History = history
		return connect(t, cfg)
	})
}

// What one broker has acknowledged, every other one knows when it is asked.
func TestP12P15AtAnotherBroker(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	rigs := []*journaltest.Rig{
		journaltest.NewRig(t, connect(t, n.config())), journaltest.NewRig(t, connect(t, n.config())),
	}
	for i := range uint64(100) {
		here, there := rigs[i%2], rigs[(i+1)%2]
		here.Add(journaltest.OfRun("r", 2*i+1, "ada: one two"))
		if i%4 < 2 {
			require.Equal(t, 2*i+3, there.NextLine("ada", "r"), "P15")
			continue
		}
		r := there.Open(protocol.FromPosition(2*i+3), "")
		require.Equal(t, 2*i+3, r.Start.Next, "P12")
		r.Release()
	}
}

func TestTooMuchAtOnce(t *testing.T) {
	t.Parallel()
	j := connect(t, startNode(t).config())
	e := journal.Entry{From: "ada", Lines: bytes.Repeat([]byte{'\n'}, 1<<20), Count: 1 << 20}
	require.ErrorContains(t, j.Append(t.Context(), e, nil), "1048576 bytes of lines at once, expected at most 1044480")
	e.Lines, e.Count = e.Lines[:1044480], 1044480
	acked := make(chan error, 1)
	require.NoError(t, j.Append(t.Context(), e, func(err error) { acked <- err }))
	require.NoError(t, <-acked)
}

// The stream's server is gone while the journal closes: whoever waits is told, and it does not take
// longer than it may.
func TestCloseWithoutServer(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	j := connect(t, n.config())
	n.stop()
	acked := make(chan error, 1)
	require.NoError(t, j.Append(t.Context(), journaltest.Lines("ada: one"), func(err error) { acked <- err }))
	ctx, cancel := context.WithTimeout(t.Context(), consumerTimeout/10)
	defer cancel()
	j.Close(ctx)
	require.ErrorIs(t, <-acked, journal.ErrClosed)
	require.ErrorIs(t, context.Cause(j.Life()), journal.ErrClosed)
}

// Publishers wait while nothing goes out, and memory is bounded.
func TestP16WaitsForTheStream(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	j := connect(t, n.config())
	n.stop()
	e := journal.Entry{From: "ada", Lines: bytes.Repeat([]byte{'\n'}, 64<<10), Count: 64 << 10}
	done := make(chan error, 1000)
	waited := false
	for !waited {
		ctx, cancel := context.WithTimeout(t.Context(), consumerTimeout/10)
		waited = j.Append(ctx, e, func(err error) { done <- err }) != nil
		cancel()
	}
	require.NoError(t, j.Append(t.Context(), journaltest.Joined("bob"), func(err error) { done <- err }), "arrivals do not wait")
	j.outbox.mu.Lock()
	sent, size := len(j.outbox.pending), 0
	for _, p := range j.outbox.pending {
		size += len(p.entry.Lines) + journal.WindowOverhead
	}
	j.outbox.mu.Unlock()
	require.Less(t, size, window+2*journal.WindowOverhead)
	n.start()
	for range sent {
		require.NoError(t, <-done)
	}
}
