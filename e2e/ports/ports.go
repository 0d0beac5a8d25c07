// Package ports finds ports for what a test stops, and perhaps starts again at the same address.
package ports

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Listen listens at a TCP port of 127.0.0.1 that no system gives to a connection that goes out or to
// who asks for any port: nobody takes it by chance after the listener is closed, while clients
// still connect to it. It may be called concurrently.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	const tries = 100
	var err error
	for range tries {
		port := 10_000 + rand.IntN(22_768) // below 32768, where Linux begins
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return listener
		}
	}
	require.NoError(t, err, "no free port")
	return nil
}

// Free returns a port like that of [Listen] that is free now, for a server that is stopped and
// started again there. It may be called concurrently.
func Free(t testing.TB) int {
	t.Helper()
	listener := Listen(t)
	require.NoError(t, listener.Close())
	return listener.Addr().(*net.TCPAddr).Port
}

// Addr is the address of a [Free] port.
func Addr(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(Free(t)))
}
