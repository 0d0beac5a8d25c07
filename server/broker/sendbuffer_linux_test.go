package broker

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Of what a client that is near does not read, the system keeps little.
func TestSendBufferOfAClientThatIsNear(t *testing.T) {
	broker, listener := onTCP(t, Config{})
	conn := tcpJoin(t, listener, "SUBSCRIBER name=ada\n")
	defer conn.Close()
	size := 0
	broker.mu.Lock()
	defer broker.mu.Unlock()
	for s := range broker.sessions {
		raw, err := s.raw.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) { size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) }))
		require.NoError(t, err)
	}
	require.Positive(t, size)
	require.LessOrEqual(t, size, 2*nearBuffer)
}
