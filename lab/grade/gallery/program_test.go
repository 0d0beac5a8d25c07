package gallery_test

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// transcript collects what is written to it, for tests to wait for.
type transcript struct {
	mu      sync.Mutex
	text    strings.Builder
	ended   bool
	changed chan struct{} // closed and replaced at each change
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{})} }

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(p)
	close(t.changed)
	t.changed = make(chan struct{})
	return len(p), nil
}

func (t *transcript) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// wait returns whether the text came to fulfil the condition before it ended, or
// nothing was added for so long. Without a timeout nothing is taken for lost that is
// only late: the test is then over when go test's -timeout is near.
func (t *transcript) wait(test *testing.T, timeout time.Duration, fulfils func(text string) bool) bool {
	var late <-chan time.Time
	for ctx := wait.Context(test); ; {
		t.mu.Lock()
		text, ended, changed := t.text.String(), t.ended, t.changed
		t.mu.Unlock()
		if fulfils(text) {
			return true
		}
		if ended {
			return false
		}
		if timeout > 0 {
			late = time.After(timeout)
		}
		select {
		case <-changed:
		case <-late:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (t *transcript) has(test *testing.T, timeout time.Duration, part string) bool {
	return t.wait(test, timeout, func(text string) bool { return strings.Contains(text, part) })
}

// ends returns whether the text ends.
func (t *transcript) ends(test *testing.T, timeout time.Duration) bool {
	t.wait(test, timeout, func(string) bool { return false })
	return t.over()
}

// over returns whether the text has ended.
func (t *transcript) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// program is a server or a client that runs.
type program struct {
	cmd    *exec.Cmd
	output *transcript // ends when it has ended
	stdin  io.Writer
}

// start runs a command until the test ends. The parts of the command in braces
// are replaced.
func start(t *testing.T, command []string, replace ...string) *program {
	t.Helper()
	var args []string
	for _, word := range command {
		args = append(args, strings.NewReplacer(replace...).Replace(word))
	}
	p := &program{cmd: exec.Command(args[0], args[1:]...), output: newTranscript()}
	p.cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	stdin, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	p.stdin = stdin
	require.NoError(t, p.cmd.Start())
	go func() {
		p.cmd.Wait()
		p.output.end()
	}()
	t.Cleanup(func() {
		p.kill(t)
		if t.Failed() {
			t.Logf("%s printed:\n%.4000s", strings.Join(args, " "), p.output)
		}
	})
	return p
}

func (p *program) kill(t *testing.T) {
	p.cmd.Process.Kill()
	p.output.ends(t, 0)
}

func (p *program) types(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(p.stdin, line+"\n")
	require.NoError(t, err)
}

func (p *program) interrupt(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
}
