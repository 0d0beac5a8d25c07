package schedule

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/server/broker"
	"pubsublab/server/journal"
)

// patience bounds everything a test waits for. No test passes or fails by how
// long something takes.
const patience = 2 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a broker in this process until the test ends. wrap, where it is
// not nil, wraps its listener.
func serve(t *testing.T, wrap func(net.Listener) net.Listener) (addr string) {
	return serveHistory(t, wrap, 64<<20)
}

// serveHistory is serve with so many bytes of history.
func serveHistory(t *testing.T, wrap func(net.Listener) net.Listener, bytes int) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = listener.Addr().String()
	if wrap != nil {
		listener = wrap(listener)
	}
	b := broker.New(broker.Config{Journal: journal.NewMemory(bytes)})
	served := make(chan error, 1)
	go func() { served <- b.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		assert.NoError(t, b.Shutdown(ctx))
		assert.ErrorIs(t, <-served, broker.ErrClosed)
	})
	return addr
}
