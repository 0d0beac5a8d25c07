package harness

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness/runner"
)

// listens is the beginning of a server, in Python.
const listens = "import socket, sys, threading, time\ns = socket.create_server((\"127.0.0.1\", int(sys.argv[1])))\n"

// Nobody waits for what cannot come: the timeouts here are hours. What is only slow is waited for.
func TestNothingCanCome(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	for name, server := range map[string]struct {
		program string
		answers bool
	}{
		"it takes all and says nothing": {"c, _ = s.accept()\nwhile c.recv(100): pass", false},
		"it accepts nobody":             {"threading.Event().wait()", false},
		"its main thread only sleeps":   {"threading.Thread(target=lambda: s.accept()[0].recv(100), daemon=True).start()\nwhile True: time.sleep(0.2)", false},
		"it sleeps over each message":   {"c, _ = s.accept()\ntime.sleep(1.5)\nc.send(b\"at last\")\nc.recv(1)", true},
		"it computes for long":          {"c, _ = s.accept()\nend = time.time() + 1.5\nwhile time.time() < end: pass\nc.send(b\"at last\")\nc.recv(1)", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, err := runner.NewProcesses(t.TempDir(), "python3 -c '"+listens+server.program+"' {port}", "")
			require.NoError(t, err)
			defer func() { assert.NoError(t, run.Close()) }()
			r, err := New(Config{Runner: run, Timeout: time.Hour}).Start(t.Context(), "rest")
			require.NoError(t, err)
			defer r.Close()
			p, err := r.Connect(t.Context(), runner.Publisher)
			require.NoError(t, err)
			limited, cancel := r.WithTimeout(t.Context())
			defer cancel()
			assert.Equal(t, server.answers, p.Received.Wait(limited, func(data []byte) bool { return len(data) > 0 }))
			assert.NotErrorIs(t, context.Cause(limited), context.DeadlineExceeded)
		})
	}
}

// A client that only waits for what it is typed, and connects to nobody, is not waited for either.
func TestNothingIsLearntOfWhoNeverConnects(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	run, err := runner.NewProcesses(t.TempDir(), "python3 -c '"+listens+"threading.Event().wait()' {port}", "python3 -c 'while True: input()' {host} {port}")
	require.NoError(t, err)
	defer func() { assert.NoError(t, run.Close()) }()
	_, _, err = New(Config{Runner: run, Timeout: time.Hour}).Learn(t.Context())
	assert.ErrorIs(t, err, errNoRecording)
}
