package main

import (
	"strconv"
	"testing"

	"pubsublab/e2e/ports"

	"github.com/stretchr/testify/require"
)

// The demo on several brokers ends by itself, with all nodes' exit codes 0, and
// proves itself.
func TestUpCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	for _, name := range []string{"PUBSUB_PORT", "PUBSUB_HTTP_PORT"} {
		t.Setenv(name, strconv.Itoa(ports.Free(t)))
	}
	t.Chdir("..")
	require.NoError(t, (&up{Cluster: true, Nodes: "auto", Page: "127.0.0.1:0"}).Run(&signals{run: t.Context(), force: t.Context()}))
}
