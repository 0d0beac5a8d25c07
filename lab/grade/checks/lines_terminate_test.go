package checks

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// A server that goes on and on about the client that left is called that, where it does not come to the next
// client, too.
func TestFloodAfterTheOneClient(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	run, err := runner.NewProcesses(t.TempDir(), "sh -c 'while :; do echo received nothing; done' {port}", "sh -c 'sleep 60' {host} {port} {role}")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, run.Close()) })
	g := NewSuite(harness.Config{Runner: run, Seed: 1, Timeout: time.Second})
	t.Cleanup(g.Close)
	r, err := g.Harness.Start(t.Context(), "flood")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	f, err := g.nextClient(t.Context(), r, "Ctrl+C was pressed")
	require.NoError(t, err)
	require.NotNil(t, f)
	assert.Contains(t, f.What, `"received nothing" was shown again and again`)
}
