//go:build unix

package proc

import (
	"bufio"
	"fmt"
	"io"
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

// start runs a script of sh, and returns what it writes line by line.
func start(t *testing.T, mark, script string) (*Process, *bufio.Reader) {
	t.Helper()
	ours, theirs, err := os.Pipe()
	require.NoError(t, err)
	command := exec.Command("sh", "-c", script)
	command.Stdout = theirs
	p, err := Start(command, mark)
	require.NoError(t, err)
	require.NoError(t, theirs.Close())
	t.Cleanup(func() {
		assert.NoError(t, p.Kill())
		<-p.Done()
		assert.NoError(t, ours.Close())
	})
	return p, bufio.NewReader(ours)
}

// pid reads the number of a process.
func pid(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	return n
}

// gone waits until a process is gone, or waits for its parent to notice.
func gone(t *testing.T, pid int) {
	t.Helper()
	wait.Until(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return syscall.Kill(pid, 0) == syscall.ESRCH || err == nil && strings.Contains(string(stat), ") Z ")
	}, "process %d should be gone", pid)
}

func TestExit(t *testing.T) {
	for script, want := range map[string]Exit{
		"exit 0":     {},
		"exit 3":     {Code: 3},
		"kill -9 $$": {Code: -1, Number: 9, Signal: "killed"},
	} {
		p, _ := start(t, "", script)
		<-p.Done()
		assert.Equal(t, want, p.Exit(), script)
		assert.NoError(t, p.Err())
	}
	assert.Equal(t, 137, Exit{Code: -1, Number: 9}.Shell(), "as shells say it")
	assert.Equal(t, 3, Exit{Code: 3}.Shell())
}

// What a program leaves in its group is killed when it ends, by itself or not.
func TestGroupEndsWithItsProgram(t *testing.T) {
	for name, end := range map[string]string{"ended": "exit 0", "killed": "sleep 1000"} {
		p, out := start(t, "", "sleep 1000 & echo $!; "+end)
		child := pid(t, out)
		if name == "killed" {
			require.NoError(t, p.Kill())
		}
		<-p.Done()
		gone(t, child)
	}
}

// What left the group is found by its mark.
func TestMarkFindsWhatLeftTheGroup(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("this machine has no setsid to leave a session with")
	}
	p, out := start(t, "PUBSUBLAB_TEST_MARK="+strconv.Itoa(os.Getpid()), "setsid sh -c 'echo $$; sleep 1000; :' & wait")
	child := pid(t, out)
	require.NoError(t, p.Kill())
	<-p.Done()
	gone(t, child)
}

func TestPausedProgramIsTerminated(t *testing.T) {
	p, out := start(t, "", `trap "echo bye; exit 7" TERM; echo $$; while :; do sleep 0.01; done`)
	pid(t, out)
	require.NoError(t, p.Pause())
	require.NoError(t, p.Terminate())
	<-p.Done()
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	assert.Equal(t, "bye\n", string(rest))
	assert.Equal(t, Exit{Code: 7}, p.Exit())
	assert.NoError(t, p.Interrupt(), "one that has ended is left alone")
}

func TestEnvironments(t *testing.T) {
	t.Setenv("COURSE_TOKEN", "x")
	t.Setenv("PUBSUB_NAME", "x")
	assert.NotContains(t, WithoutSecrets(), "COURSE_TOKEN=x")
	assert.Contains(t, WithoutSecrets(), "PUBSUB_NAME=x")
	assert.NotContains(t, WithoutOurs(), "PUBSUB_NAME=x")
	assert.Contains(t, WithoutOurs(), "COURSE_TOKEN=x")
}

// What a program that does next to nothing has used is counted too.
func TestCPUOfAShortStretch(t *testing.T) {
	p, out := start(t, "", "echo $$; sleep 1000; :")
	pid(t, out)
	wait.Until(t, func() bool { // the kernel counts when it takes the processor away
		used, err := p.CPU()
		require.NoError(t, err)
		require.Less(t, used, time.Minute)
		return used > 0
	}, "a program that has said something has used some time")
	require.NoError(t, p.Kill())
	<-p.Done()
	_, err := p.CPU()
	assert.Error(t, err, "it is gone")
}
