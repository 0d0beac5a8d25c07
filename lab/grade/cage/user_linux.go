package cage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pubsublab/lab/grade/cage/launcher"
	"pubsublab/lab/internal/proc"
)

const supported = true

// endTimeout is how long the processes of a user have to be gone after they were killed.
const endTimeout = 10 * time.Second

// claim takes the user for this cage and makes its folders.
func (c *Cage) claim() error {
	// A name that the system forgets with this process, however it ends.
	listener, err := net.Listen("unix", fmt.Sprintf("@pubsublab-cage-%d", c.user.UID))
	if err != nil {
		return fmt.Errorf("another grader runs submissions as %s now, or a program that one left: wait, or use another user (%w)", c.user, err)
	}
	if pids := pidsOf(c.user); len(pids) > 0 {
		return errors.Join(listener.Close(), fmt.Errorf("%s runs other programs, process %d for instance, which would be killed with the submission's: use a user made for submissions", c.user, pids[0]))
	}
	c.claimed = listener
	if err := c.furnish(); err != nil {
		return err
	}
	found, err := c.user.access(launcher.Order{Enter: filepath.Join(c.root, workFolder)})
	if err != nil {
		return err
	}
	if !found.Enters {
		return fmt.Errorf("%s cannot enter %s: set TMPDIR to a folder that everybody may pass through", c.user, c.root)
	}
	return nil
}

// release kills all that the user runs and removes what it left where everybody may write.
func (c *Cage) release() error {
	if c.claimed == nil {
		return nil
	}
	defer c.claimed.Close()
	err := c.user.killAll()
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", os.TempDir()} {
		entries, _ := os.ReadDir(dir) // not every system has them
		for _, entry := range entries {
			var info unix.Stat_t
			path := filepath.Join(dir, entry.Name())
			if unix.Lstat(path, &info) == nil && int(info.Uid) == c.user.UID {
				err = errors.Join(err, os.RemoveAll(path))
			}
		}
	}
	return err
}

// killAll kills everything that the user runs, whatever it did to hide, and waits until it is gone.
func (u *User) killAll() error {
	for end := time.Now().Add(endTimeout); ; time.Sleep(time.Millisecond) {
		pids := pidsOf(u)
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("processes of %s cannot be ended: %v", u, pids)
		}
		// As the user itself, all at once, so that none can start another meanwhile. Who kills the
		// one that does it only wins the time until the next round.
		_, _ = u.run(launcher.Order{Kill: true})
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// pidsOf are the processes of a user that are not only waiting for their parents to notice their
// end.
func pidsOf(u *User) (pids []int) {
	for _, e := range proc.Table() {
		if owner, err := e.Owner(); err == nil && owner == u.UID && !e.Zombie {
			pids = append(pids, e.PID)
		}
	}
	return pids
}

// hide keeps the grader's environment and memory from programs that run as its own user, unless
// that is root, who sees everything.
func hide() {
	if os.Geteuid() != 0 {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
}

// Reach says what the user may do that would spoil the grading: one sentence for each of the paths
// that it may write, or put another in the place of, and for each that it may read.
func (u *User) Reach(write, read []string) (sentences []string, err error) {
	o := launcher.Order{Read: read}
	of := map[string]string{} // what could be replaced where this can be written
	for _, path := range write {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		o.Write, of[path] = append(o.Write, path), path
		for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
			var info unix.Stat_t
			if err := unix.Stat(dir, &info); err != nil {
				return nil, fmt.Errorf("%s: %w", dir, err)
			}
			if info.Mode&unix.S_ISVTX == 0 { // in one with it, only owners replace things
				o.Write, of[dir] = append(o.Write, dir), path
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	found, err := u.access(o)
	if err != nil {
		return nil, err
	}
	for _, path := range found.Writes {
		sentences = append(sentences, fmt.Sprintf("%s can write %s (as its owner: chmod go-w %s)", u, of[path], path))
	}
	for _, path := range found.Reads {
		sentences = append(sentences, fmt.Sprintf("%s can read %s (as its owner: chmod go-rwx %s)", u, path, path))
	}
	return sentences, nil
}

func (u *User) access(o launcher.Order) (found launcher.Access, err error) {
	out, err := u.run(o)
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(out, &found)
}

// run lets the launcher do something as the user.
func (u *User) run(o launcher.Order) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	var out strings.Builder
	command := exec.CommandContext(ctx, launcher.Name)
	command.Dir, command.Env, command.Stdout = "/", []string{}, &out
	ready, err := Usual.order(u, o).Command(command)
	if err != nil {
		return nil, err
	}
	if err := ready(command.Start()); err != nil {
		return nil, errors.Join(err, command.Wait())
	}
	err = command.Wait() // until then out is written to
	return []byte(out.String()), err
}
