//go:build linux

package runner

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What unshare runs makes networks as root does, and the programs that it starts may not.
func TestUnshare(t *testing.T) {
	if os.Getuid() == 0 {
		asNobody(t, "^TestUnshare$")
		return
	}
	if os.Getenv(unshared) == "" {
		if err := exec.Command(unshare[0], append(unshare[1:], "unshare", "--net", "true")...).Run(); err != nil {
			t.Skip("user namespaces cannot be made here: ", err)
		}
		again := exec.Command(unshare[0], append(unshare[1:], os.Args...)...)
		again.Env = append(os.Environ(), unshared+"=1")
		output, err := again.CombinedOutput()
		require.NoError(t, err, "%s", output)
		return
	}
	p, err := NewProcesses(t.TempDir(), "sh -c 'id -u; unshare --net true || echo refused' {port}", "")
	require.NoError(t, err)
	defer p.Close()
	apart, err := p.Apart()
	require.NoError(t, err)
	program, err := apart.Server(t.Context(), 1)
	require.NoError(t, err)
	<-program.Done()
	assert.Regexp(t, "^[1-9][0-9]*\n", string(program.Output.Bytes()), "it is still the same user")
	assert.Contains(t, string(program.Output.Bytes()), "refused")
}

// asNobody runs a test of this package as somebody without rights.
func asNobody(t *testing.T, test string) {
	const nobody = 65534
	dir, err := os.MkdirTemp("", "pubsublab-test-")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	copied := filepath.Join(dir, "test")
	require.NoError(t, os.WriteFile(copied, self, 0o755))
	command := exec.Command(copied, "-test.v", "-test.run="+test)
	command.Dir, command.Env = dir, append(os.Environ(), "TMPDIR=/tmp", "HOME="+dir)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	output, err := command.CombinedOutput()
	if bytes.Contains(output, []byte("--- SKIP")) {
		t.Skipf("%s", output)
	}
	require.NoError(t, err, "%s", output)
}
