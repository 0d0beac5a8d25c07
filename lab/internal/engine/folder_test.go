package engine

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program puts a program into a folder, that runs until it is killed, and starts it as a node's is
// started.
func program(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	from, err := os.Open(sleep)
	require.NoError(t, err)
	defer from.Close()
	path := filepath.Join(dir, "node")
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	command := exec.Command(path, "1000")
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	return command
}

func TestDeadFoldersGoWithWhatTheyRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no sleep to be a node here")
	}
	t.Setenv("TMPDIR", t.TempDir())
	living, err := NewFolder()
	require.NoError(t, err)
	killed, err := NewFolder()
	require.NoError(t, err)
	node, orphan := program(t, living.Path), program(t, killed.Path)
	require.NoError(t, killed.lock.Close()) // as SIGKILL does
	others := filepath.Join(os.TempDir(), folderPrefix+"without-a-lock")
	require.NoError(t, os.Mkdir(others, 0o755))

	RemoveDeadFolders(t.Context())

	assert.NoDirExists(t, killed.Path)
	assert.EqualError(t, orphan.Wait(), "signal: killed")
	assert.DirExists(t, living.Path)
	assert.DirExists(t, others, "it is not known whose it is")
	alive, err := os.FindProcess(node.Process.Pid)
	require.NoError(t, err)
	require.NoError(t, alive.Signal(syscall.Signal(0)), "it still runs")
	require.NoError(t, living.Remove())
	assert.NoDirExists(t, living.Path)
}

// Whoever clears up while a folder is being made must not take it away from its owner.
func TestFoldersAreMadeWhileOthersClearUp(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, made := t.Context(), make(chan struct{})
	go func() {
		defer close(made)
		for range 100 {
			own, err := NewFolder()
			if !assert.NoError(t, err) {
				return
			}
			assert.FileExists(t, own.lock.Path())
			assert.Equal(t, alive, livenessOf(own.Name()))
			assert.NoError(t, own.Remove())
		}
	}()
	for {
		select {
		case <-made:
			return
		default:
			RemoveDeadFolders(ctx)
		}
	}
}
