package jetstream

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestDeferred(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	streams := 0
	journaltest.Run(t, func(t *testing.T, history int) journal.Journal {
		cfg := n.config()
		streams++
		cfg.Stream = fmt.Sprint("test", streams)
		cfg.History = history
		return Defer(cfg)
	})
}

// A broker that begins while NATS is away waits for it, and whoever comes meanwhile waits too.
func TestNATSComesLater(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	cfg := n.config()
	n.stop()
	d := Defer(cfg)
	rig := journaltest.NewRig(t, d)
	require.Empty(t, d.ID())
	wait.Until(t, func() bool {
		return d.Health().Error() == "waiting for its stream: nats: no servers available for connection"
	}, "it says why")
	brief, cancel := context.WithCancelCause(t.Context())
	gone := fmt.Errorf("gone")
	cancel(gone)
	never := func(error) { assert.Fail(t, "done is only called where Append returned nil") }
	require.ErrorIs(t, d.Append(brief, journaltest.Joined("ada"), never), gone, "P16")
	_, err := d.NextLine(brief, "ada", "r")
	require.ErrorIs(t, err, gone)
	_, err = d.Open(brief, protocol.FromFirst(), protocol.Filter{})
	require.ErrorIs(t, err, gone)

	entered := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		entered <- d.Append(ctx, journaltest.Lines("ada: one"), func(error) {})
	}()
	n.start()
	require.NoError(t, <-entered)
	require.NotEmpty(t, d.ID())
	require.NoError(t, d.Health())
	rig.Add(journaltest.Lines("ada: two"))
	require.Equal(t, []string{"1 ada: one", "2 ada: two"}, rig.Kept(protocol.FromFirst(), ""))
	require.Equal(t, []string{"1 ada: one", "2 ada: two"}, journaltest.Texts(rig.Heard()), "who watches from the beginning hears of it all")
}

// One that waits can be closed.
func TestNATSNeverComes(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	cfg := n.config()
	n.stop()
	d := Defer(cfg)
	rig := journaltest.NewRig(t, d)
	waiting := make(chan error, 1)
	go func() { waiting <- d.Append(context.Background(), journaltest.Lines("ada: one"), func(error) {}) }()
	rig.Close()
	require.ErrorIs(t, <-waiting, journal.ErrClosed)
	require.ErrorIs(t, context.Cause(d.Life()), journal.ErrClosed)
	_, err := d.NextLine(t.Context(), "ada", "r")
	require.ErrorIs(t, err, journal.ErrClosed)
	rig.Close()
}

// One that finds that its stream cannot be used says so, and ends.
func TestDeferredIsRefused(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.opts.Authorization = "sesame"
	n.start()
	d := Defer(n.config())
	<-d.Life().Done()
	require.ErrorContains(t, context.Cause(d.Life()), "NATS does not let the broker in")
	_, err := d.NextLine(t.Context(), "ada", "r")
	require.ErrorIs(t, err, journal.ErrClosed)
	d.Close(t.Context())
}
