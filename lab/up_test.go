package main

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// The demo on several brokers ends by itself, with all nodes' exit codes 0, and
// proves itself.
func TestUpCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	for _, name := range []string{"PUBSUB_PORT", "PUBSUB_HTTP_PORT"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		t.Setenv(name, port)
	}
	t.Chdir("..")
	require.NoError(t, (&up{Cluster: true, Nodes: "auto"}).Run(&signals{run: t.Context(), force: t.Context()}))
}
