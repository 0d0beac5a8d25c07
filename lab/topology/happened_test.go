package topology

import (
	"fmt"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// What is done to nodes is told before it is done, and how they end is told, once.
func TestHappened(t *testing.T) {
	deployment, out := openFake(t, nil)
	var mu sync.Mutex
	var told []string
	deployment.opts.Happened = func(n *Node, h Happening, what string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf("%s %s: %v", n.Spec.Name, what, h))
	}
	image := types.ServiceConfig{ContainerSpec: types.ContainerSpec{Image: "pubsublab-test/fake"}}
	require.NoError(t, deployment.Start(t.Context(), &Spec{Name: "one", Role: Publisher, Args: []string{"wait"}, service: image}))
	node := deployment.Node("one")
	out.waitFor(t, "one", "ready")
	require.NoError(t, node.Pause(t.Context()))
	require.NoError(t, node.Unpause(t.Context()))
	require.NoError(t, node.Kill(t.Context()))
	require.NoError(t, node.Kill(t.Context())) // nothing is done
	require.NoError(t, node.Restart(t.Context()))
	require.NoError(t, node.Kill(t.Context()))
	mu.Lock()
	defer mu.Unlock()
	const killed = "one was killed by SIGKILL (exit code 137): 1"
	require.Equal(t, []string{
		"one is frozen: 0", "one goes on: 0", "one is killed: 0", killed,
		"one runs again: 2", "one is killed: 0", killed,
	}, told)
}
