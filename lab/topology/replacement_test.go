package topology

import (
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplacementOfAProcess(t *testing.T) {
	deployment, out := openFake(t, nil)
	broker := deployment.topo.Spec("broker")
	require.NoError(t, deployment.Start(t.Context(), broker))
	addr := deployment.Addr()
	tooEarly := broker.Replacement("too early")
	assert.ErrorContains(t, deployment.Start(t.Context(), tooEarly), "too early cannot take the place of broker, which has not ended")
	require.NoError(t, deployment.Node("broker").Kill(t.Context()))
	second := broker.Replacement("second")
	require.NoError(t, deployment.Start(t.Context(), second))
	require.NoError(t, deployment.Node("second").Kill(t.Context()))
	third := second.Replacement("third")
	require.NoError(t, deployment.Start(t.Context(), third))
	assert.Equal(t, addr, deployment.Node("third").Addr())
	require.NoError(t, deployment.Start(t.Context(), deployment.topo.Spec("subscriber")), "who depends on the first one finds its replacement")
	out.waitFor(t, "subscriber", "connected")
}

func TestReplacementWaitsForNobody(t *testing.T) {
	deployment, _ := openFake(t, nil)
	require.NoError(t, deployment.Start(t.Context()))
	require.NoError(t, deployment.Node("broker").Kill(t.Context()))
	_, err := deployment.Node("subscriber").Wait(t.Context())
	require.NoError(t, err)
	assert.NoError(t, deployment.Start(t.Context(), deployment.topo.Spec("subscriber").Replacement("again")), "the broker it depends on has ended")
}

func TestReplacementOfAContainer(t *testing.T) {
	t.Parallel()
	deployment, _, _ := openServer(t)
	require.NoError(t, deployment.Start(t.Context()))
	addr := deployment.Addr()
	require.NoError(t, deployment.Node("server").Kill(t.Context()))
	second := deployment.topo.Spec("server").Replacement("second")
	require.NoError(t, deployment.Start(t.Context(), second))
	assert.Equal(t, addr, deployment.Node("second").Addr())
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	client := second.Clone("asks")
	client.replaces, client.service.Ports, client.service.HealthCheck = "", nil, nil
	client.Args = []string{"healthcheck", "server:5000"}
	require.NoError(t, deployment.Start(t.Context(), client))
	code, err := deployment.Node("asks").Wait(t.Context())
	require.NoError(t, err)
	assert.Zero(t, code, "it answers under the name of the first")
}

func TestDisconnectAndReconnect(t *testing.T) {
	deployment, _, _ := openServer(t)
	require.NoError(t, deployment.Start(t.Context()))
	node := deployment.Node("server")
	conn, err := net.Dial("tcp", deployment.Addr())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, node.Disconnect(t.Context()))
	info, err := node.run.(*containerNode).ctr.Inspect(t.Context())
	require.NoError(t, err)
	assert.Empty(t, info.NetworkSettings.Networks)
	require.NoError(t, node.Reconnect(t.Context()))
	conn, err = net.Dial("tcp", deployment.Addr())
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
