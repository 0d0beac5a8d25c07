package broker

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Of what a client that is near does not read, the system keeps little: less of an answer over HTTP
// than of a subscriber's lines.
func TestSendBufferOfAClientThatIsNear(t *testing.T) {
	broker, listener := onTCP(t, Config{})
	conn := tcpJoin(t, listener, "SUBSCRIBER name=ada\n")
	defer conn.Close()
	requests, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	asks, err := net.Dial("tcp", requests.Addr().String())
	require.NoError(t, err)
	defer asks.Close()
	served, err := broker.Listener(requests).Accept()
	require.NoError(t, err)
	defer served.Close()
	broker.mu.Lock()
	defer broker.mu.Unlock()
	require.Len(t, broker.sessions, 2)
	for s := range broker.sessions {
		size := 0
		raw, err := s.raw.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) { size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) }))
		require.NoError(t, err)
		require.Positive(t, size)
		most := nearBuffer
		if s.http {
			most = answerBuffer
		}
		require.LessOrEqual(t, size, 2*most)
	}
}
