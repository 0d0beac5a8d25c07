//go:build linux

package cage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"pubsublab/e2e/wait"
	"pubsublab/lab/internal/proc"
)

// act is the environment variable that makes this test's executable a program of a submission.
const act = "PUBSUBLAB_CAGE_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(act) {
	case "":
		os.Exit(m.Run())
	case "memory":
		var kept [][]byte
		for len(kept) < 256 {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = 1
			}
			kept = append(kept, block)
		}
		time.Sleep(time.Minute)
		runtime.KeepAlive(kept)
	case "threads":
		for range 40 {
			go func() {
				runtime.LockOSThread()
				time.Sleep(time.Minute)
			}()
		}
		time.Sleep(time.Minute)
	case "processes": // as many as there may be
		for exec.Command("sleep", "60").Start() == nil {
		}
		fmt.Println("no more")
		time.Sleep(time.Minute)
	}
}

// otherUser is a user of this process alone, who need not be in the list of users.
func otherUser(t *testing.T) *User {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start programs as another user (go test -exec 'sudo -n' ./lab/grade/cage)")
	}
	u, err := Lookup(strconv.Itoa(60_000 + os.Getpid()%5_000))
	require.NoError(t, err)
	return u
}

// shell is a script of sh that writes into the file returned.
func shell(t *testing.T, script string) (*exec.Cmd, string) {
	t.Helper()
	command := exec.Command("sh", "-c", script)
	command.Dir = "/"
	path := filepath.Join(t.TempDir(), "output")
	out, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, out.Close()) })
	command.Stdout, command.Stderr = out, out
	return command, path
}

func finish(t *testing.T, c *Cage, command *exec.Cmd) proc.Exit {
	t.Helper()
	p, err := c.Start(command, "")
	require.NoError(t, err)
	<-p.Done()
	return p.Exit()
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func closeLater(t *testing.T, c *Cage) *Cage {
	t.Helper()
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// Limits hold before the first instruction of a program, and are told to who reads the report.
func TestLimits(t *testing.T) {
	c := closeLater(t, Own())
	command, out := shell(t, "ulimit -n; ulimit -f; ulimit -c; cat /proc/self/oom_score_adj")
	assert.Equal(t, proc.Exit{}, finish(t, c, command))
	assert.Equal(t, "4096\n524288\n0\n1000\n", contents(t, out))

	c.limits.FileSize = 1 << 20
	command, _ = shell(t, "exec head -c 2000000 /dev/zero")
	assert.Equal(t, "because the system stopped it: it wrote a file of more than 1 MiB", finish(t, c, command).String())

	command, _ = shell(t, "kill -KILL $$")
	assert.Equal(t, "because it was killed, but not by the grader: most likely this machine ran out of memory", finish(t, c, command).String())
}

func TestMemoryAndTasks(t *testing.T) {
	for does, says := range map[string]string{"memory": "128 MiB of memory", "threads": "30 processes and threads"} {
		c := closeLater(t, Own())
		c.limits.Memory, c.limits.Tasks = 128<<20, 30
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), act+"="+does)
		assert.Equal(t, "because the grader stopped it: it used more than "+says, finish(t, c, command).String())
	}
	// All processes count together, and those within the limit are left alone.
	c := closeLater(t, Own())
	c.limits.Tasks = 30
	command, _ := shell(t, "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5 & done; wait")
	assert.Equal(t, proc.Exit{}, finish(t, c, command))
	command, _ = shell(t, "for i in $(seq 60); do sleep 100 & done; wait")
	assert.Equal(t, "because the grader stopped it: it used more than 30 processes and threads", finish(t, c, command).String())
}

func TestWhatCannotBeStarted(t *testing.T) {
	c := closeLater(t, Own())
	_, err := c.Start(exec.Command("./no-such-program"), "")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.EqualError(t, err, "starting ./no-such-program: no such file or directory")
	_, err = c.Start(exec.Command("no-such-program"), "")
	assert.ErrorContains(t, err, `"no-such-program": executable file not found`)
	command := exec.Command("sh")
	command.Dir = filepath.Join(t.TempDir(), "gone")
	_, err = c.Start(command, "")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// hidden is a program that leaves its group, its session and its environment, and its parents.
const hidden = `setsid sh -c 'exec env -i sh -c "echo \$\$; exec sleep 1000" &' & until [ -s /dev/stdout ]; do sleep 0.01; done`

// Whatever a program left behind is gone when the cage is closed, and results can be written.
func TestNothingOutlivesTheCage(t *testing.T) {
	for name, cage := range map[string]func(t *testing.T) *Cage{
		"own user": func(*testing.T) *Cage { return Own() },
		"other user": func(t *testing.T) *Cage {
			c, err := New(otherUser(t), Usual)
			require.NoError(t, err)
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := cage(t)
			command, out := shell(t, hidden)
			assert.Equal(t, proc.Exit{}, finish(t, c, command))
			pid := strings.TrimSpace(contents(t, out))
			require.DirExists(t, "/proc/"+pid, "the hidden program should have gone on, else this tests nothing")
			require.NoError(t, c.Close())
			wait.Until(t, func() bool {
				_, err := os.Stat("/proc/" + pid)
				return errors.Is(err, fs.ErrNotExist)
			}, "process %s should be gone", pid)
		})
	}
}

// A program of another user has nothing of the grader: not its groups, its home, its environment,
// its files, its life.
func TestOtherUser(t *testing.T) {
	u := otherUser(t)
	submission := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(submission, "server.py"), []byte("print()"), 0o600))
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(submission, "link")))
	c, err := New(u, Usual)
	require.NoError(t, err)
	closeLater(t, c)
	dir, err := c.Copy(submission)
	require.NoError(t, err)
	left := filepath.Join("/tmp", fmt.Sprintf("left-by-%d", u.UID))
	command, out := shell(t, `id -u; id -g; id -G; grep NoNewPrivs /proc/self/status; cat server.py; readlink link; touch made "$HOME/made" "$TMPDIR/made" `+left+` && echo made
		cat /proc/$PPID/environ; kill -KILL $PPID; echo no > `+filepath.Join(submission, "server.py")+`; cat `+filepath.Join(submission, "server.py")+`; ls `+filepath.Dir(dir))
	command.Dir = dir
	assert.Equal(t, proc.Exit{Code: 2}, finish(t, c, command))
	said := contents(t, out)
	assert.True(t, strings.HasPrefix(said, fmt.Sprintf("%d\n%[1]d\n%[1]d\nNoNewPrivs:\t1\nprint()/etc/hostname\nmade\n", u.UID)), said)
	assert.Contains(t, said, fmt.Sprintf("/proc/%d/environ: Permission denied", os.Getpid()))
	assert.Contains(t, said, "kill: Operation not permitted")
	assert.Contains(t, said, "cannot open directory")
	assert.Equal(t, "print()", contents(t, filepath.Join(submission, "server.py")))
	require.NoError(t, c.Close())
	assert.NoFileExists(t, left)
	assert.NoDirExists(t, dir)
}

// What a stopped program left, and the system still counts, keeps no other one from starting.
func TestUserThatRunsMany(t *testing.T) {
	c, err := New(otherUser(t), Usual)
	require.NoError(t, err)
	closeLater(t, c)
	c.limits.UserTasks = 64
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	submission := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(submission, "many"), self, 0o700))
	dir, err := c.Copy(submission)
	require.NoError(t, err)
	many, out := shell(t, "exec ./many")
	many.Dir, many.Env = dir, append(os.Environ(), act+"=processes")
	p, err := c.Start(many, "")
	require.NoError(t, err)
	wait.Until(t, func() bool { return contents(t, out) != "" }, "the user runs as many processes as it may")
	_, err = c.tryLaunch(exec.Command("true"), "")
	require.ErrorIs(t, err, unix.EAGAIN)
	require.NoError(t, p.Kill())
	<-p.Done()
	c.limits.UserTasks = 32 // fewer than it left
	next, _ := shell(t, "true")
	assert.Equal(t, proc.Exit{}, finish(t, c, next))
}

// A user who does something else is not one for submissions, and two graders do not share one.
func TestUserOfOthers(t *testing.T) {
	u := otherUser(t)
	c, err := New(u, Usual)
	require.NoError(t, err)
	_, err = New(u, Usual)
	assert.ErrorContains(t, err, "another grader runs submissions as "+u.Name)
	command, _ := shell(t, "exec sleep 1000")
	p, err := c.Start(command, "")
	require.NoError(t, err)
	require.NoError(t, c.claimed.Close()) // as if it were not a grader's
	_, err = New(u, Usual)
	assert.ErrorContains(t, err, fmt.Sprintf("%s runs other programs, process %d for instance", u, p.PID()))
	select {
	case <-p.Done():
		t.Error("what the user ran before should go on")
	default:
	}
	require.NoError(t, p.Kill())
	<-p.Done()
	_ = c.Close() // its claim was given up above
}

func TestLookup(t *testing.T) {
	_, err := Lookup("no-such-user")
	assert.EqualError(t, err, `there is no user "no-such-user" (as root: useradd --system --no-create-home no-such-user)`)
	_, err = Lookup("root")
	assert.ErrorContains(t, err, "expected another one")
	if os.Geteuid() != 0 {
		_, err = Lookup("nobody")
		assert.ErrorContains(t, err, "only root can start programs as nobody")
	}
}

// Reach finds what the user could spoil: files, and folders above them.
func TestReach(t *testing.T) {
	u := otherUser(t)
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // it is closed to others, and the system's folder above it is sticky
	for name, mode := range map[string]fs.FileMode{"open": 0o777, "closed": 0o700, "sticky": 0o777 | fs.ModeSticky} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		require.NoError(t, os.Mkdir(filepath.Join(dir, name, "results"), 0o755))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	path := func(name string) string { return filepath.Join(dir, name, "results") }
	found, err := u.Reach([]string{path("open"), path("closed"), path("sticky")}, []string{path("sticky"), path("closed")})
	require.NoError(t, err)
	assert.Equal(t, []string{
		fmt.Sprintf("%s can write %s (as its owner: chmod go-w %s)", u, path("open"), filepath.Dir(path("open"))),
		fmt.Sprintf("%s can read %s (as its owner: chmod go-rwx %[2]s)", u, path("sticky")),
	}, found)
}
