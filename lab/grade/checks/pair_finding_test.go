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

// A server closes its connections some time before it has ended, and its clients end of that: it is the
// server that is told.
func TestClientsThatEndWithTheServer(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	run, err := runner.NewProcesses(t.TempDir(), "sh -c 'sleep 0.5' {port}", "sh -c 'exit 0' {host} {port} {role}")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, run.Close()) })
	r, err := harness.New(harness.Config{Runner: run, Seed: 1, Timeout: 20 * time.Second}).Start(t.Context(), "ended")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	clients, err := r.JoinTerminals(t.Context(), runner.Publisher)
	require.NoError(t, err)
	<-clients[0].Terminal().Program.Done()
	f := (&pair{ServerRun: r}).ended(clients...)
	require.NotNil(t, f)
	assert.Contains(t, f.What, "The server ended with exit code 0")
	assert.Contains(t, f.Cause, "ends itself")
}

// A server that ends while its own clients talk to it is at fault, whatever they say.
func TestACrashIsCertain(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	run, err := runner.NewProcesses(t.TempDir(), "sh -c 'sleep 1; exit 3' {port}", "sh -c 'cat' {host} {port} {role}")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, run.Close()) })
	r, err := harness.New(harness.Config{Runner: run, Seed: 1, Timeout: time.Second}).Start(t.Context(), "crash")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	_, f := (&pair{ServerRun: r, left: map[string]bool{}}).join(t.Context(), runner.Subscriber, runner.Publisher)
	require.NotNil(t, f)
	assert.Contains(t, f.What, "The server ended with exit code 3")
	assert.True(t, f.Certain)
}

// A subscriber that says something about terminate, and goes on, reads what is typed.
func TestSubscriberThatGoesOn(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	for does, says := range map[string]string{"sleep 60": "waits for messages only", "read word; echo bye; sleep 60": "It reads what is typed"} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			run, err := runner.NewProcesses(t.TempDir(), "sh -c 'sleep 60' {port}", "sh -c '"+does+"' {host} {port} {role}")
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, run.Close()) })
			r, err := harness.New(harness.Config{Runner: run, Seed: 1, Timeout: time.Second}).Start(t.Context(), "goes-on")
			require.NoError(t, err)
			t.Cleanup(r.Close)
			p := &pair{ServerRun: r, left: map[string]bool{}}
			p.subscribers, err = r.JoinTerminals(t.Context(), runner.Subscriber)
			require.NoError(t, err)
			f := p.subscriberTerminates(t.Context())
			require.NotNil(t, f)
			assert.Contains(t, f.Cause, says)
		})
	}
}
