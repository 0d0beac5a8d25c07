package runner

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSockets(t *testing.T) {
	apart, err := newNamespace()
	if err != nil {
		t.Log("only in the machine's network: ", err)
	}
	for name, n := range map[string]*namespace{"the machine's": nil, "its own": apart} {
		if name == "its own" && n == nil {
			continue
		}
		if _, err := n.listener(1); err != nil {
			t.Skip("the system does not say: ", err)
		}
		for _, where := range []struct{ listen, dial string }{{"127.0.0.1:0", "127.0.0.1"}, {":0", "127.0.0.1"}, {"[::1]:0", "::1"}} {
			t.Run(name+" "+where.listen, func(t *testing.T) { testSockets(t, n, where.listen, where.dial) })
		}
	}
}

func testSockets(t *testing.T, n *namespace, listen, dial string) {
	var listener net.Listener
	var conn net.Conn
	require.NoError(t, n.enter(func() (err error) {
		listener, err = net.Listen("tcp", listen)
		return err
	}))
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	number := listener.Addr().(*net.TCPAddr).Port
	queue, err := n.listener(number)
	require.NoError(t, err)
	require.NotNil(t, queue, "somebody listens")
	assert.Zero(t, queue.Waiting)

	require.NoError(t, n.enter(func() (err error) {
		conn, err = net.Dial("tcp", net.JoinHostPort(dial, port))
		return err
	}))
	defer conn.Close()
	local, remote := conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	queue, err = n.listener(int(local.Port()))
	require.NoError(t, err)
	assert.Nil(t, queue, "a port from which somebody connected")
	queue, err = n.listener(number)
	require.NoError(t, err)
	assert.Equal(t, 1, queue.Waiting, "nobody has accepted the connection yet")
	assert.Positive(t, queue.Most)
	_, err = conn.Write([]byte("hello"))
	require.NoError(t, err)
	read, err := n.read(remote, local)
	require.NoError(t, err)
	assert.Zero(t, read, "nobody has accepted the connection yet")

	accepted, err := listener.Accept()
	require.NoError(t, err)
	_, err = accepted.Read(make([]byte, 3))
	require.NoError(t, err)
	read, err = n.read(remote, local)
	require.NoError(t, err)
	assert.EqualValues(t, 3, read)

	require.NoError(t, accepted.Close())
	require.NoError(t, listener.Close())
	_, err = n.read(remote, local)
	assert.Error(t, err, "a connection that is gone")
}
