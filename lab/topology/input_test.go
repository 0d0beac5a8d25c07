package topology

import (
	"fmt"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTypedProcess: who writes to the input of a node is heard, again after it was started again,
// and is told when nobody hears.
func TestTypedProcess(t *testing.T) {
	deployment, out := openFake(t, nil)
	spec := &Spec{Name: "one", Role: Publisher, Args: []string{}, Env: map[string]string{},
		service: types.ServiceConfig{ContainerSpec: types.ContainerSpec{Image: "pubsublab-test/fake"}}}
	assert.Nil(t, newNode(deployment, spec).Input(), "it is not typed")
	spec.Args = []string{"hear", "exit", "3"}
	spec.SetTyped()
	require.NoError(t, deployment.Start(t.Context(), spec))
	node := deployment.Node("one")
	for _, said := range []string{"first", "second"} {
		done := node.Done()
		_, err := fmt.Fprintln(node.Input(), said)
		require.NoError(t, err)
		await(t, done)
		out.waitFor(t, "one", said)
		assert.Nil(t, node.Input(), "it has ended")
		back, restarted := node.Back(), make(chan error, 1)
		go func() { restarted <- node.Restart(t.Context()) }()
		await(t, back)
		assert.NotNil(t, node.Input())
		_, err = fmt.Fprint(node.Input(), "now ")
		require.NoError(t, err, "it is heard as soon as it is back")
		require.NoError(t, <-restarted)
	}
	lines, err := spec.Lines()
	require.NoError(t, err)
	assert.Empty(t, lines, "what it sends is not in a script")
}

// TestTypedContainer: the same of a container.
func TestTypedContainer(t *testing.T) {
	deployment, _, out := openContainers(t, func(topo *Topology) {
		topo.Remove("publisher-2", "subscriber-1", "subscriber-2")
		topo.Spec("publisher-1").SetTyped()
		topo.Spec("server").SetFlag("exit-idle", "0")
	})
	deployment.opts.Restarts = true
	require.NoError(t, deployment.Start(t.Context()))
	node := deployment.Node("publisher-1")
	for _, said := range []string{"first", "second"} {
		done := node.Done()
		_, err := fmt.Fprintf(node.Input(), "%s\nterminate\n", said)
		require.NoError(t, err)
		await(t, done)
		out.waitFor(t, "server", said)
		end, err := node.End()
		require.NoError(t, err)
		assert.Zero(t, end.Code)
		require.NoError(t, node.Restart(t.Context()))
	}
}
