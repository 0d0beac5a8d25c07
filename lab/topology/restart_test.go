package topology

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// TestContainerRestarted: what somebody else does with docker restart, kill and start is followed,
// end for end.
func TestContainerRestarted(t *testing.T) {
	t.Parallel()
	deployment, d, out := openServer(t)
	deployment.opts.Restarts = true
	require.NoError(t, deployment.Start(t.Context()))
	node := deployment.Node("server")
	id := node.run.(*containerNode).ctr.GetContainerID()
	at := node.Addr()

	done, back := node.Done(), node.Back()
	_, err := d.api.ContainerRestart(t.Context(), id, client.ContainerRestartOptions{})
	require.NoError(t, err)
	await(t, done)
	await(t, back)
	assert.NotEmpty(t, at)
	assert.NotEmpty(t, node.Addr(), "it has addresses again")

	starts := func() int { return strings.Count(strings.Join(out.of("server"), "\n"), "listening") }
	wait.Until(t, func() bool { return starts() == 2 }, "the second run's output is delivered")
	done, back = node.Done(), node.Back()
	require.NoError(t, node.Kill(t.Context()))
	await(t, done)
	end, err := node.End()
	require.NoError(t, err)
	assert.Equal(t, "SIGKILL", end.Signal())
	_, err = d.api.ContainerStart(t.Context(), id, client.ContainerStartOptions{})
	require.NoError(t, err)
	await(t, back)

	wait.Until(t, func() bool { return starts() == 3 }, "each run's output is delivered")
	require.NoError(t, node.Stop(t.Context()))
	code, err := node.Wait(t.Context())
	require.NoError(t, err)
	assert.Zero(t, code, "of its third run")
	said := out.of("server")
	assert.Contains(t, said[len(said)-1], "stopped", "the last line was delivered before Wait returned")
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-c:
	case <-ctx.Done():
		t.Fatal("it did not happen")
	}
}
