package durable

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"pubsublab/e2e/wait"
)

// mount mounts a file system of its own at the journal's folder.
func (s *site) mount(options string) {
	s.t.Helper()
	if os.Geteuid() != 0 {
		s.t.Skip("only root may mount a small file system")
	}
	require.NoError(s.t, os.Mkdir(s.dir, 0o700))
	require.NoError(s.t, unix.Mount("tmpfs", s.dir, "tmpfs", 0, options))
	s.t.Cleanup(func() { require.NoError(s.t, unix.Unmount(s.dir, unix.MNT_DETACH)) })
}

// The disk gets full while lines flow: publishers wait, and the server says so; it may be killed
// and started again meanwhile. When there is room again all goes on, and nothing is lost.
func TestDiskGetsFull(t *testing.T) {
	rng := throw(t)
	s := newSite(t, rate.Inf, "--history=1MiB", "--journal-size=16MiB")
	s.mount("size=8m")
	ballast := filepath.Join(s.dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 3<<20), 0o600))
	s.start()
	for i := range 3 {
		s.Publish(fmt.Sprint("p", i), 1+rng.IntN(500))
	}
	s.subscribe("s")
	s.logged("the disk is full: publishers wait")
	out, err := exec.Command(program, "healthcheck", s.addr()).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "unhealthy: the disk is full: publishers wait")
	s.kill()
	s.start()
	s.logged("the disk is full: publishers wait")
	s.Finish()
	require.NoError(t, os.Remove(ballast))
	s.logged("the disk has room again")
	out, err = exec.Command(program, "healthcheck", s.addr()).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "healthy sync=always\n", string(out))
	s.Judge()
}

func TestReadOnlyFolder(t *testing.T) {
	s := newSite(t, pace)
	s.mount("size=1m,ro")
	out, err := exec.Command(program, "--host=127.0.0.1", "--journal="+s.dir, s.port).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "server: --journal "+s.dir+": cannot write in the folder: open "+s.dir+"/lock: read-only file system")
}

// What the kernel is asked for to have a file system be gone as in a power cut: nothing that is not
// synced reaches the disk any more (ext4_going_down in the kernel's ext4.h).
const (
	goDown        = 0x8004587d // EXT4_IOC_SHUTDOWN
	withoutTheLog = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// run runs a command of the system, and skips the test where that cannot be done here.
func (s *site) run(name string, args ...string) {
	s.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		s.t.Skipf("no file system to crash here: %s %v: %v: %s", name, args, err, out)
	}
}

// freeze stops the server, and waits until it is in no call any more.
func (s *site) freeze() {
	s.t.Helper()
	require.NoError(s.t, s.server.Process.Signal(unix.SIGSTOP))
	wait.Until(s.t, func() bool {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.server.Process.Pid))
		require.NoError(s.t, err)
		for _, task := range tasks {
			stat, err := os.ReadFile(task)
			if err == nil && !strings.Contains(string(stat), ") T ") {
				return false
			}
		}
		return len(tasks) > 0
	}, "the server is stopped")
}

// The power is cut at drawn moments, as far as a real file system of the kernel can tell: the
// server gets errors and ends at once; on what the disk has kept it goes on, and nothing that was
// acknowledged or delivered is lost, doubled or moved.
func TestPowerIsCut(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a file system")
	}
	rng := throw(t)
	s := newSite(t, pace, "--history=1MiB", "--journal-size=48MiB", "--drain-timeout=1s")
	disk := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(disk, nil, 0o600))
	require.NoError(t, os.Truncate(disk, 128<<20))
	require.NoError(t, os.Mkdir(s.dir, 0o700))
	s.run("mkfs.ext4", "-q", disk)
	s.run("mount", "-o", "loop", disk, s.dir)
	mounted := s.dir
	t.Cleanup(func() { unix.Unmount(mounted, unix.MNT_DETACH) }) // when the server is gone, or in its place
	s.dir = filepath.Join(mounted, "journal")
	s.start()
	first := s.welcome()
	for i := range 3 {
		s.Publish(fmt.Sprint("p", i), 1+rng.IntN(200))
	}
	s.subscribe("s")
	for range rounds(5, 20) {
		s.flow(1 + rng.Int64N(3000))
		// Of a sync that runs just then, the kernel may say that it is done although it is not, to a
		// plain program, too.
		s.freeze()
		root, err := os.Open(mounted)
		require.NoError(t, err)
		require.NoError(t, unix.IoctlSetPointerInt(int(root.Fd()), goDown, withoutTheLog))
		root.Close()
		require.NoError(t, s.server.Process.Signal(unix.SIGCONT))
		require.Equal(t, 1, s.ended(), "the server has failed")
		// A container that is just being made holds a copy of all mounts for a moment, and with it
		// the file system that is gone: mounting again would only give that one.
		wait.Until(t, func() bool {
			require.NoError(t, unix.Unmount(mounted, 0))
			s.run("mount", "-o", "loop", disk, mounted)
			probe := filepath.Join(mounted, "probe")
			return os.WriteFile(probe, nil, 0o600) == nil && os.Remove(probe) == nil
		}, "the file system is mounted anew")
		s.start()
	}
	require.Equal(t, first.Journal, s.welcome().Journal, "the order is the same")
	s.Judge()
	s.kill()
}
