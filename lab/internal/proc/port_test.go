//go:build unix

package proc

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A port whose last connection ended a moment ago is no free port: a server need not be able to
// take it.
func TestPortIsNotReserved(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	server, err := listener.Accept()
	require.NoError(t, err)
	require.NoError(t, server.Close()) // first, so that the server's side is what stays reserved
	_, err = client.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	require.NoError(t, client.Close())
	require.NoError(t, listener.Close())
	fresh := net.ListenConfig{Control: refuseReserved}
	_, err = fresh.Listen(t.Context(), "tcp", listener.Addr().String())
	assert.ErrorIs(t, err, syscall.EADDRINUSE)
}

// Runners side by side must not tell two programs the same port before either listens.
func TestPortsDiffer(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		port, err := FreePort(t.Context(), "")
		require.NoError(t, err)
		assert.False(t, seen[port], "port %d was given twice", port)
		assert.True(t, port >= 10_000 && port <= 32_767, "port %d is one that systems give to outgoing connections", port)
		assert.False(t, seen[port-1] || seen[port+1], "one of those beside %d was given, too", port)
		seen[port] = true
	}
}
