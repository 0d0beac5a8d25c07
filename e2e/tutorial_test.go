//go:build unix

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"github.com/shirou/gopsutil/v4/process"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"pubsublab/e2e/ports"
	"pubsublab/e2e/wait"
)

// TestTutorial does what docs/tutorial.md says, at terminals, and sees what it shows. In its console blocks a line that
// begins with "$ " is a command and one with "> " is typed at the publisher's prompt; ^C, ^D and ^Z are keys; a line that
// ends a question is answered with what stands behind it; everything else is output, in which "..." is any text.
func TestTutorial(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("the tutorial is for terminals with bash: ", err)
	}
	text, err := os.ReadFile("../docs/tutorial.md")
	require.NoError(t, err)
	doc := strings.ReplaceAll(string(text), "5000", strconv.Itoa(ports.Free(t)))
	dir := filepath.Join(t.TempDir(), "pubsublab")
	for _, name := range []string{"server", "client", "protocol"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS("../"+name)))
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		module, err := os.ReadFile("../" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), module, 0o644))
	}
	shells := map[string]*shell{}
	blocks := regexp.MustCompile("(?ms)^```console (\\d)\n(.*?)^```$").FindAllStringSubmatch(doc, -1)
	require.Greater(t, len(blocks), 10, "blocks of the tutorial")
	for _, block := range blocks {
		s := shells[block[1]]
		if s == nil {
			s = newShell(t, dir, "terminal "+block[1])
			shells[block[1]] = s
		}
		for line := range strings.Lines(block[2]) {
			s.do(strings.TrimSuffix(line, "\n"))
		}
	}
}

// shell is a terminal with bash in it.
type shell struct {
	t    *testing.T
	name string
	tty  *os.File

	mu   sync.Mutex
	text string // what it showed and was not looked at yet, without what moves the cursor
}

func newShell(t *testing.T, dir, name string) *shell {
	command := exec.Command("bash", "--norc", "--noprofile", "-i")
	command.Dir = dir
	command.Env = append(environment(), "PS1=$ ", "TERM=xterm", "NO_COLOR=1", "HISTFILE=")
	tty, err := pty.StartWithSize(command, &pty.Winsize{Rows: 40, Cols: 200})
	require.NoError(t, err)
	s := &shell{t: t, name: name, tty: tty}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.text += string(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		endSession(command.Process.Pid)
		_ = command.Wait()
		<-done // the terminal ends with the last of those who have it
		require.NoError(t, tty.Close())
		if t.Failed() {
			t.Logf("%s showed at last:\n%s", name, ending([]byte(s.text)))
		}
	})
	return s
}

// endSession kills all processes of a session: bash gives each command a group of its own.
func endSession(session int) {
	pids, _ := process.Pids()
	for _, pid := range pids {
		if of, err := unix.Getsid(int(pid)); err == nil && of == session {
			_ = unix.Kill(int(pid), unix.SIGKILL)
		}
	}
}

var (
	moves = regexp.MustCompile("\x1b(\\[[0-9;?]*[A-Za-z]|[78])|\r|\x07")
	keys  = map[string]string{"^C": "\x03", "^D": "\x04", "^Z": "\x1a"}
)

// do does what a line of the tutorial says.
func (s *shell) do(line string) {
	s.t.Helper()
	typed, command := strings.CutPrefix(line, "$ ")
	message, publishes := strings.CutPrefix(line, "> ")
	question, answer, asked := strings.Cut(line, " : ")
	switch key, pressed := keys[line]; {
	case command:
		s.shows("$ ")
		s.types(typed + "\n")
	case publishes:
		s.shows("> ")
		s.types(message + "\n")
	case pressed:
		s.types(key)
	case asked && strings.HasPrefix(question, "Enter your role"):
		s.shows(question + " : ")
		s.types(answer + "\n")
	case line != "":
		s.shows(line)
	}
}

func (s *shell) types(text string) {
	s.t.Helper()
	_, err := s.tty.WriteString(text)
	require.NoError(s.t, err)
}

// shows waits until the terminal shows a text, and goes on behind it.
func (s *shell) shows(text string) {
	s.t.Helper()
	pattern := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(text), regexp.QuoteMeta("..."), `[^\n]*?`))
	wait.Until(s.t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		shown := moves.ReplaceAllString(s.text, "")
		at := pattern.FindStringIndex(shown)
		if at != nil {
			s.text = string(bytes.Clone([]byte(shown[at[1]:])))
		}
		return at != nil
	}, "%s shows %q", s.name, text)
}

// environment is this process's without what would configure the programs of the tutorial.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(setting string) bool { return strings.HasPrefix(setting, "PUBSUB_") })
}
