package topology

import (
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSuccessorOfAProcess(t *testing.T) {
	lab, out := openFake(t, nil)
	broker := lab.topo.Spec("broker")
	require.NoError(t, lab.Start(t.Context(), broker))
	addr := lab.Addr()
	tooEarly := broker.Successor("too early")
	assert.ErrorContains(t, lab.Start(t.Context(), tooEarly), "too early cannot take the place of broker, which has not ended")
	require.NoError(t, lab.Node("broker").Kill(t.Context()))
	second := broker.Successor("second")
	require.NoError(t, lab.Start(t.Context(), second))
	require.NoError(t, lab.Node("second").Kill(t.Context()))
	third := second.Successor("third")
	require.NoError(t, lab.Start(t.Context(), third))
	assert.Equal(t, addr, lab.Node("third").Addr())
	require.NoError(t, lab.Start(t.Context(), lab.topo.Spec("subscriber")), "who depends on the first one finds its successor")
	out.waitFor(t, "subscriber", "connected")
}

func TestSuccessorWaitsForNobody(t *testing.T) {
	lab, _ := openFake(t, nil)
	require.NoError(t, lab.Start(t.Context()))
	require.NoError(t, lab.Node("broker").Kill(t.Context()))
	_, err := lab.Node("subscriber").Wait(t.Context())
	require.NoError(t, err)
	assert.NoError(t, lab.Start(t.Context(), lab.topo.Spec("subscriber").Successor("again")), "the broker it depends on has ended")
}

func TestSuccessorOfAContainer(t *testing.T) {
	lab, _, _ := openServer(t)
	require.NoError(t, lab.Start(t.Context()))
	addr := lab.Addr()
	require.NoError(t, lab.Node("server").Kill(t.Context()))
	second := lab.topo.Spec("server").Successor("second")
	require.NoError(t, lab.Start(t.Context(), second))
	assert.Equal(t, addr, lab.Node("second").Addr())
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	client := second.Clone("asks")
	client.before, client.service.Ports, client.service.HealthCheck = "", nil, nil
	client.Args = []string{"healthcheck", "server:5000"}
	require.NoError(t, lab.Start(t.Context(), client))
	code, err := lab.Node("asks").Wait(t.Context())
	require.NoError(t, err)
	assert.Zero(t, code, "it answers under the name of the first")
}

func TestDisconnectAndReconnect(t *testing.T) {
	lab, _, _ := openServer(t)
	require.NoError(t, lab.Start(t.Context()))
	node := lab.Node("server")
	conn, err := net.Dial("tcp", lab.Addr())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, node.Disconnect(t.Context()))
	info, err := node.unit.(*containerUnit).ctr.Inspect(t.Context())
	require.NoError(t, err)
	assert.Empty(t, info.NetworkSettings.Networks)
	require.NoError(t, node.Reconnect(t.Context()))
	conn, err = net.Dial("tcp", lab.Addr())
	require.NoError(t, err, "its port is published again")
	require.NoError(t, conn.Close())
	memory, err := node.Memory(t.Context())
	require.NoError(t, err)
	assert.Greater(t, memory, uint64(1<<20))
	assert.Less(t, memory, uint64(256<<20))
}

func TestProcessesHaveNoNetworkOfTheirOwn(t *testing.T) {
	node, out := startOne(t, "wait")
	out.waitFor(t, "one", "ready")
	err := node.Disconnect(t.Context())
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	assert.ErrorContains(t, err, "this needs nodes that are containers")
	assert.ErrorIs(t, node.Reconnect(t.Context()), errors.ErrUnsupported)
	memory, err := node.Memory(t.Context())
	require.NoError(t, err)
	assert.Greater(t, memory, uint64(1<<20))
}
