// Package ports finds ports for what a test stops and starts again at the same address.
package ports

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Free returns a TCP port of 127.0.0.1 that is free now. It is one that no system gives to a
// connection that goes out or to who asks for any port: nobody takes it by chance between the end
// of a server and its successor's start. It may be called concurrently.
func Free(t testing.TB) int {
	t.Helper()
	const tries = 100
	var err error
	for range tries {
		port := 10_000 + rand.IntN(22_768) // below 32768, where Linux begins
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			require.NoError(t, listener.Close())
			return port
		}
	}
	require.NoError(t, err, "no free port")
	return 0
}

// Addr is the address of a [Free] port.
func Addr(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(Free(t)))
}
