//go:build unix

package runner

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// start runs a script of sh as a server.
func start(t *testing.T, script string) *Program {
	t.Helper()
	p, err := NewProcesses(t.TempDir(), "sh -c '"+script+"' {port}", "")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	program, err := p.Server(t.Context(), 12345)
	require.NoError(t, err)
	return program
}

func waitFor(t *testing.T, p *Program, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.True(t, p.Output.Wait(ctx, func(data []byte) bool { return bytes.Contains(data, []byte(text)) }),
		"%q should come, there is %q", text, p.Output.Bytes())
}

func TestProgramTalks(t *testing.T) {
	p := start(t, `echo "port $0"; test -t 1 && echo terminal; read line; echo "got $line" >&2; exit 3`)
	waitFor(t, p, "port 12345\nterminal\n")
	require.NoError(t, p.Type("a b\n"))
	<-p.Done()
	assert.Equal(t, "port 12345\nterminal\ngot a b\n", string(p.Output.Bytes()), "no byte more, no echo")
	assert.Equal(t, "with exit code 3", p.Exit().String())
	assert.Equal(t, "127.0.0.1:12345", p.Addresses[0])
}

func TestInterrupt(t *testing.T) {
	p := start(t, `trap "echo bye; exit 0" INT; echo up; while :; do sleep 0.01; done`)
	waitFor(t, p, "up")
	require.NoError(t, p.Interrupt())
	<-p.Done()
	assert.Contains(t, string(p.Output.Bytes()), "bye")
	assert.Equal(t, Exit{}, p.Exit())
}

// What a program starts is gone when it has ended or was killed, also what left its group and
// session.
func TestNothingIsLeftBehind(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("this machine has no setsid to leave a session with")
	}
	for name, end := range map[string]string{"killed": "sleep 1000", "ended": "exit 0"} {
		t.Run(name, func(t *testing.T) {
			p := start(t, `setsid sh -c "echo pid \$\$ end; sleep 1000; :" & sleep 0.1; echo up; `+end)
			waitFor(t, p, "up")
			if name == "killed" {
				p.Kill()
				assert.Equal(t, "by the signal: killed", p.Exit().String())
			}
			<-p.Done()
			_, rest, found := strings.Cut(string(p.Output.Bytes()), "pid ")
			require.True(t, found, "the child should have told its number")
			pid, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			wait.Until(t, func() bool {
				stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
				return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && bytes.Contains(stat, []byte(") Z "))
			}, "the child should be gone, or wait for its parent to notice")
		})
	}
}

func TestSecretsStayWithTheGrader(t *testing.T) {
	t.Setenv("COURSE_TOKEN", "geheim")
	p := start(t, "env")
	<-p.Done()
	assert.Contains(t, string(p.Output.Bytes()), "PATH=")
	assert.NotContains(t, string(p.Output.Bytes()), "geheim")
}

func TestCommandErrors(t *testing.T) {
	for _, test := range []struct{ server, client, says string }{
		{"", "", "the server's command is empty"},
		{"./server", "", `the server's command "./server": expected {port} where the port goes`},
		{"./server {port}", "./client {host}", `the client's command "./client {host}": expected {port} where the port goes`},
		{"./server '{port}", "", `the server's command "./server '{port}": invalid command line string`},
		{"./server {port} > log", "", `no shell runs it, so "> log" has no meaning`},
	} {
		_, err := NewProcesses(".", test.server, test.client)
		assert.ErrorContains(t, err, test.says)
	}
	_, err := NewProcesses("no-such-folder", "./server {port}", "")
	assert.ErrorContains(t, err, "no-such-folder")

	p, err := NewProcesses(t.TempDir(), "./server {port}", "")
	require.NoError(t, err)
	_, err = p.Server(t.Context(), 1)
	assert.ErrorContains(t, err, "./server")
}

// A Java virtual machine is told to compile simply, and the submission's words stay behind that, as they are.
func TestJavaStartsSoon(t *testing.T) {
	for command, want := range map[string]string{
		"java -cp . Server 5000":           "java -XX:TieredStopAtLevel=1 -cp . Server 5000",
		"/opt/jdk/bin/javac -d out S.java": "/opt/jdk/bin/javac -J-XX:TieredStopAtLevel=1 -d out S.java",
		"python3 java 5000":                "python3 java 5000",
		"./javaserver":                     "./javaserver",
	} {
		words := strings.Fields(command)
		assert.Equal(t, want, strings.Join(startsSoon(words), " "))
		assert.Equal(t, command, strings.Join(words, " "), "the words themselves do not change")
	}
}
