package schedule

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/e2e/wait"
	"pubsublab/server/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a broker in this process until the test ends. wrap, where it is
// not nil, wraps its listener.
func serve(t *testing.T, wrap func(net.Listener) net.Listener) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = listener.Addr().String()
	if wrap != nil {
		listener = wrap(listener)
	}
	start(t, broker.Config{}, listener)
	return addr
}

// start runs a broker until the test ends, or stop is called.
func start(t *testing.T, cfg broker.Config, listener net.Listener) (stop func() error) {
	ctx := wait.Context(t)
	b := broker.New(cfg)
	served := make(chan error, 1)
	go func() { served <- b.Serve(listener) }()
	stop = sync.OnceValue(func() error {
		err := b.Shutdown(ctx)
		assert.ErrorIs(t, <-served, broker.ErrClosed)
		return err
	})
	t.Cleanup(func() { assert.NoError(t, stop()) })
	return stop
}
