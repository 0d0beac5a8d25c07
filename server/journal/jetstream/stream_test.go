package jetstream

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, n.config())
	stream, err := a.js.Stream(t.Context(), a.cfg.Stream)
	require.NoError(t, err)
	right := stream.CachedInfo().Config
	for _, c := range []struct {
		want   string
		change func(*jetstream.StreamConfig)
	}{
		{"was not made for a journal", func(c *jetstream.StreamConfig) { c.Metadata = nil }},
		{`its pubsublab-format in the metadata is "0", expected "3" or "4"`, func(c *jetstream.StreamConfig) {
			c.Metadata = map[string]string{metaID: a.ID(), metaFormat: "0"}
		}},
		{`its discard policy is "DiscardNew", expected "DiscardOld"`, func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardNew }},
		{`its no_ack is "true", expected "false"`, func(c *jetstream.StreamConfig) { c.NoAck = true }},
		{`its subject is "other", expected "test.entries"`, func(c *jetstream.StreamConfig) { c.Subjects = []string{"other"} }},
		{`pubsublab-checkpoints in its metadata is "", expected 1 to 32768`, func(c *jetstream.StreamConfig) {
			c.Metadata = map[string]string{metaID: a.ID(), metaFormat: right.Metadata[metaFormat]}
		}},
		{`its max_age is "1h0m0s", expected "0s"`, func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }},
		{`its max_msgs is "1000", expected "-1"`, func(c *jetstream.StreamConfig) { c.MaxMsgs = 1000 }},
		{"its max_msg_size is 65536, expected at least 135168", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 64 << 10 }},
		{"it keeps 1048576 bytes, expected at least 134217728", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }},
	} {
		wrong := right
		c.change(&wrong)
		_, err := a.js.UpdateStream(t.Context(), wrong)
		require.NoError(t, err)
		_, err = Connect(t.Context(), n.config())
		assert.ErrorContains(t, err, c.want)
	}
	right.MaxBytes *= 2
	_, err = a.js.UpdateStream(t.Context(), right)
	require.NoError(t, err)
	assert.Equal(t, a.ID(), connect(t, n.config()).ID(), "limits may be others")
}

func TestAStreamMadeByOthers(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a := connect(t, n.config())
	for name, c := range map[string]jetstream.StreamConfig{
		"memory":    {Storage: jetstream.MemoryStorage},
		"workqueue": {Retention: jetstream.WorkQueuePolicy},
	} {
		c.Name, c.Subjects = name, []string{subject(name)}
		c.Metadata = map[string]string{metaID: "x", metaFormat: "4"}
		_, err := a.js.CreateStream(t.Context(), c)
		require.NoError(t, err)
		cfg := n.config()
		cfg.Stream = name
		_, err = Connect(t.Context(), cfg)
		assert.ErrorContains(t, err, "expected \"")
	}
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a.b", "a b", "a>"} {
		_, err := Connect(t.Context(), Config{Stream: name})
		assert.ErrorContains(t, err, "bad stream name")
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.stop()
	ctx, cancel := context.WithTimeout(t.Context(), consumerTimeout)
	defer cancel()
	cfg := n.config()
	cfg.Servers = "nats://me:secret@" + n.url[len("nats://"):]
	_, err := Connect(ctx, cfg)
	assert.ErrorContains(t, err, "cannot use the stream test at 127.0.0.1:")
}

// Whatever else is in the stream is left out, by all alike.
func TestForeignMessages(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	a, b := connect(t, n.config()), connect(t, n.config())
	journaltest.NewRig(t, a).Add(journaltest.Lines("ada: one"))
	_, err := a.js.Publish(t.Context(), subject("test"), []byte("hello"))
	require.NoError(t, err)
	rig := journaltest.NewRig(t, b)
	rig.Add(journaltest.Lines("bob: two"))
	sameState(t, a, b)
	assert.Equal(t, []string{"1 ada: one", "2 bob: two"}, everything(t, a))
}

// A stream that is gone, or begins again, ends the journal: there is no order to go on with.
func TestTheStreamIsGone(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"gone": false, "made again": true} {
		t.Run(name, func(t *testing.T) {
			n := startNode(t)
			a := connect(t, n.config())
			rig := journaltest.NewRig(t, a)
			rig.Add(journaltest.Lines("ada: one"))
			reader := rig.Open(protocol.FromFirst(), "")
			require.NoError(t, a.js.DeleteStream(t.Context(), a.cfg.Stream))
			if again {
				other := connect(t, n.config())
				require.NotEqual(t, a.ID(), other.ID(), "another order")
			}
			failed := make(chan error, 1)
			if err := a.Append(t.Context(), journaltest.Lines("ada: two"), func(err error) { failed <- err }); err != nil {
				failed <- err // it has noticed already
			}
			require.ErrorIs(t, <-failed, journal.ErrClosed)
			<-a.Life().Done()
			require.ErrorContains(t, context.Cause(a.Life()), "the stream test")
			wait.Until(t, func() bool { reader.Rest(); return reader.Ended() }, "the reader comes to the end")
			require.ErrorIs(t, a.Append(t.Context(), journaltest.Lines("ada: three"), nil), journal.ErrClosed)
		})
	}
}

// Where there is not enough storage, it says for what, and tries again: some may be freed.
func TestNotEnoughStorage(t *testing.T) {
	t.Parallel()
	for most, want := range map[int64]string{
		MinSize / 2:         "cannot create the stream, of 128 MiB: nats: API error",
		MinSize + MinSize/2: "cannot create test-checkpoints, of 80 MiB: nats: API error",
	} {
		n := newNode(t)
		n.opts.JetStreamMaxStore = most
		n.start()
		log := &lockedBuffer{}
		cfg := n.config()
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
		d := Defer(cfg)
		require.Eventually(t, func() bool { return strings.Contains(d.Health().Error(), want) }, testTimeout, time.Millisecond, want)
		require.Eventually(t, func() bool { return strings.Contains(log.String(), "cannot use the stream yet, trying again") }, testTimeout, time.Millisecond)
		d.Close(t.Context())
	}
}
