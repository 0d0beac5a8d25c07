package load

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startStream makes a stream with those limits on a NATS server in this process.
func startStream(t *testing.T, limits jetstream.StreamConfig) Stream {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
	})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(30*time.Second))
	nc, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	limits.Name, limits.Subjects = "direct", []string{"direct"}
	_, err = js.CreateStream(t.Context(), limits)
	require.NoError(t, err)
	return Stream{URL: s.ClientURL(), Name: "direct", Subject: "direct"}
}

var smallDirect = Direct{Publishers: 2, Subscribers: 2, Size: 64, Lines: 1500, Pending: 100, Timeout: 300 * time.Millisecond}

func TestDirect(t *testing.T) {
	stream := startStream(t, jetstream.StreamConfig{})
	for range 2 { // the second does not read what the first left
		r, err := smallDirect.Run(t.Context(), stream)
		require.NoError(t, err)
		assert.Empty(t, r.Problem)
		assert.EqualValues(t, 2*2*1500, r.Delivered)
		assert.Positive(t, r.Elapsed)
	}
}

// A stream that loses, refuses, doubles or alters cannot look fast.
func TestWhatIsWrongWithAStreamIsSaid(t *testing.T) {
	foreign := func(data []byte) func(*testing.T, Stream) {
		return func(t *testing.T, at Stream) {
			nc, err := nats.Connect(at.URL)
			require.NoError(t, err)
			t.Cleanup(nc.Close)
			require.NoError(t, nc.Publish(at.Subject, data))
			require.NoError(t, nc.Flush())
		}
	}
	for want, test := range map[string]struct {
		limits jetstream.StreamConfig
		after  func(*testing.T, Stream) // the consumers are there
	}{
		"lost ":                    {jetstream.StreamConfig{MaxMsgs: 1}, nil},
		"maximum messages":         {jetstream.StreamConfig{MaxMsgs: 1000, Discard: jetstream.DiscardNew}, nil},
		"1 deliveries too many":    {jetstream.StreamConfig{}, foreign(bytes.Clone(filler[:64]))},
		"a line of 5 bytes":        {jetstream.StreamConfig{}, foreign([]byte("stray"))},
		"garbled":                  {jetstream.StreamConfig{}, foreign(bytes.Repeat([]byte("@"), 64))},
		"of publisher 0 comes out": {jetstream.StreamConfig{}, foreign(payload(64, true))},
	} {
		t.Run(want, func(t *testing.T) {
			stream := startStream(t, test.limits)
			job := smallDirect
			if test.after != nil {
				job.Subscribers = 1
				job.joined = func() { test.after(t, stream) }
			}
			r, err := job.Run(t.Context(), stream)
			require.NoError(t, err)
			assert.Contains(t, r.Problem, want)
		})
	}
}

func TestDirectCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	job := smallDirect
	job.joined = cancel
	_, err := job.Run(ctx, startStream(t, jetstream.StreamConfig{}))
	assert.ErrorIs(t, err, context.Canceled)
}

func TestDirectCalibrate(t *testing.T) {
	d, err := Direct{Publishers: 2, Subscribers: 1, Size: 64}.Calibrate(t.Context(), startStream(t, jetstream.StreamConfig{}), 100*time.Millisecond)
	require.NoError(t, err)
	assert.Greater(t, d.Lines, 10, "a line takes less than 10 ms")
	assert.Contains(t, []int{128, 512, 2048, 8192}, d.Pending)
}
