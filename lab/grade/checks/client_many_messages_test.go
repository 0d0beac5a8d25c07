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

// Of messages that do not come, one after the other, a hundred say no more than a few.
func TestTypingEndsWhereAllIsLost(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	const server = `import socket, sys, threading
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
held = [s.accept()[0] for _ in range(2)]
while held[1].recv(100) or held[0].recv(100): pass`
	const client = `import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while True: c.send(input().encode())`
	run, err := runner.NewProcesses(t.TempDir(), "python3 -c '"+server+"' {port}", "python3 -c '"+client+"' {host} {port}")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, run.Close()) })
	r, err := harness.New(harness.Config{Runner: run, Seed: 1, Timeout: 2 * time.Second}).Start(t.Context(), "lost")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	require.Nil(t, r.Listens(t.Context()))
	clients, err := r.JoinTerminals(t.Context(), runner.Subscriber, runner.Publisher)
	require.NoError(t, err)
	p := &pair{ServerRun: r, subscribers: clients[:1], publishers: clients[1:]}
	assert.Len(t, p.typedUntilLost(t.Context(), 100), 5)
	assert.Len(t, p.typedUntilLost(t.Context(), 3), 3)
}
