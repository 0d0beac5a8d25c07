package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/ports"
	"pubsublab/e2e/wait"
)

// The demo on several brokers ends by itself, with all nodes' exit codes 0, and
// proves itself.
func TestUpCluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(wait.Context(t), program, "up", "--cluster")
	command.Dir = ".."
	command.Env = append(os.Environ(), asLab+"=1", fmt.Sprint("PUBSUB_PORT=", ports.Free(t)), fmt.Sprint("PUBSUB_HTTP_PORT=", ports.Free(t)))
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
