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
)

// long is how long nothing may happen where something has to come: these tests share the machine with others.
const long = 30 * time.Second

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

// wait returns whether the text came to fulfil the condition before it ended,
// or nothing was added for so long.
func (t *transcript) wait(patience time.Duration, fulfils func(text string) bool) bool {
	for {
		t.mu.Lock()
		text, ended, changed := t.text.String(), t.ended, t.changed
		t.mu.Unlock()
		if fulfils(text) {
			return true
		}
		if ended {
			return false
		}
		select {
		case <-changed:
		case <-time.After(patience):
			return false
		}
	}
}

func (t *transcript) has(patience time.Duration, part string) bool {
	return t.wait(patience, func(text string) bool { return strings.Contains(text, part) })
}

// ends returns whether the text ended.
func (t *transcript) ends(patience time.Duration) bool {
	t.wait(patience, func(string) bool { return false })
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
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%.4000s", strings.Join(args, " "), p.output)
		}
	})
	return p
}

func (p *program) kill() {
	p.cmd.Process.Kill()
	p.output.ends(long)
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
