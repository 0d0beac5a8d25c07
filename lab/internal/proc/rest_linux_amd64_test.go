package proc

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// rests watches a program until it is at rest, or so long, and reports whether it is.
func rests(t *testing.T, p *Process, long time.Duration) bool {
	t.Helper()
	var watch Watch
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if watch.Rest(p.PID()) >= 300*time.Millisecond {
			return true
		}
	}
	return false
}

// What waits for somebody else is at rest; what will go on by itself is not, and a loop that only sleeps
// is.
func TestRest(t *testing.T) {
	t.Parallel()
	for name, is := range map[string]struct {
		program string
		rests   bool
	}{
		"reads":                             {"import sys; sys.stdin.read()", true},
		"sleeps":                            {"import time; time.sleep(60 * 60 * 24)", true},
		"is about to go on":                 {"import time; time.sleep(4)", false},
		"computes":                          {"while True: pass", false},
		"has ended":                         {"", false},
		"only sleeps":                       {"import time\nwhile True: time.sleep(0.2)", true},
		"a thread waits, another one works": {"import sys, threading\nthreading.Thread(target=sys.stdin.read, daemon=True).start()\nwhile True: pass", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.Command("python3", "-c", is.program)
			input, err := command.StdinPipe()
			require.NoError(t, err)
			defer input.Close()
			p, err := Start(command, "")
			require.NoError(t, err)
			defer func() { assert.NoError(t, p.Kill()); <-p.Done() }()
			long := 1500 * time.Millisecond
			if is.rests {
				long = wait.Left(t) // it takes as long as the machine takes
			}
			assert.Equal(t, is.rests, rests(t, p, long))
		})
	}
}
