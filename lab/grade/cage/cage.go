// Package cage keeps the programs of a submission from what is not theirs. They run with limits
// and, where the grader is told a user for them, as that user: who can neither write the results,
// read other submissions, see the grader's environment, nor outlive the grading.
//
// On Linux a program is started by this very executable, which gives up what the program may not
// have and then becomes the program. So no limit comes a moment too late. On other systems there
// are no limits and no other users.
package cage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"

	"pubsublab/lab/internal/proc"
)

// Limits of one program and all that it started, but for FileSize and Files: those are of each
// process. They hold on Linux, where none is zero.
type Limits struct {
	Memory   int64  // bytes that are resident; what processes share counts once
	Tasks    int    // processes and threads
	FileSize uint64 // bytes of one file
	Files    uint64 // open files of one process
	// UserTasks is how many processes and threads another user may have altogether: what stops a program
	// that starts others faster than it is looked at.
	UserTasks uint64
}

// Usual are the limits of programs that nobody gave others.
var Usual = Limits{Memory: 512 << 20, Tasks: 512, FileSize: 256 << 20, Files: 4096, UserTasks: 4096}

// A Cage is where the programs of one submission run. Its methods may be called concurrently.
type Cage struct {
	// static
	user    *User
	limits  Limits
	claimed io.Closer // that no other grader uses the user; nil without one
	root    string    // of its files; empty until it has some

	mu      sync.Mutex
	entered bool                  // something was started
	running map[*Process]struct{} // nil when it is closed
}

// inUse counts the cages of this process in which something was started, until they are closed.
var inUse atomic.Int32

// Own is a cage of the grader's own user: it has limits, and keeps programs from nothing else.
func Own() *Cage { return &Cage{limits: Usual, running: map[*Process]struct{}{}} }

// New is a cage of another user, whom to become takes root's rights. The user may have no processes,
// because whatever it runs later is taken for the submission's and killed, and can be in one cage
// at a time.
func New(u *User, l Limits) (*Cage, error) {
	c := Own()
	c.user, c.limits = u, l
	if err := c.claim(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// enter makes ready for the first program.
func (c *Cage) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entered || c.running == nil {
		return
	}
	c.entered = true
	inUse.Add(1)
	_ = proc.AdoptOrphans() // where that cannot be, orphans are found by their user and mark alone
	hide()
}

// The folders of a cage with a user. What they are in can be passed through, not listed.
const (
	workFolder = "work" // the copy of a submission
	homeFolder = "home"
	tempFolder = "tmp"
)

// furnish makes the folders that belong to the user.
func (c *Cage) furnish() (err error) {
	if c.root, err = os.MkdirTemp("", "pubsublab-cage-"); err != nil {
		return err
	}
	if err := os.Chmod(c.root, 0o711); err != nil {
		return err
	}
	for _, name := range []string{workFolder, homeFolder, tempFolder} {
		path := filepath.Join(c.root, name)
		if err := errors.Join(os.Mkdir(path, 0o700), os.Lchown(path, c.user.UID, c.user.GID)); err != nil {
			return err
		}
	}
	return nil
}

// User is who runs the programs, nil where it is the grader's own user.
func (c *Cage) User() *User { return c.user }

// Folder is a folder in the cage for the submission, where its programs may write. Call it once.
func (c *Cage) Folder() (string, error) {
	if c.root == "" {
		var err error
		if c.root, err = os.MkdirTemp("", "pubsublab-cage-"); err != nil {
			return "", err
		}
	}
	dir := filepath.Join(c.root, workFolder)
	return dir, os.MkdirAll(dir, 0o700)
}

// Copy copies a submission into the cage, and returns where it is then. A link stays a link, wherever
// it leads. Its .git is left out: it may hold the token with which it was fetched. Call it once.
func (c *Cage) Copy(dir string) (string, error) {
	to, err := c.Folder()
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		return "", fmt.Errorf("copying the submission: %w", err)
	}
	if err := os.RemoveAll(filepath.Join(to, ".git")); err != nil {
		return "", err
	}
	return to, c.Give(to)
}

// Give makes all in a folder the user's. Nothing of the submission may run yet.
func (c *Cage) Give(dir string) error {
	if c.user == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, c.user.UID, c.user.GID)
	})
}

// A Process is a program in a cage.
type Process struct {
	*proc.Process
	limits Limits                 // static
	asked  atomic.Bool            // the grader killed it
	why    atomic.Pointer[string] // the limit for which it was killed
}

// Start starts a command in the cage, with a mark as [proc.Start] has it. That the program cannot
// be run, because it is not there for instance, is an error of Start.
func (c *Cage) Start(command *exec.Cmd, mark string) (*Process, error) {
	c.enter()
	started, err := c.launch(command, mark)
	if err != nil {
		return nil, err
	}
	p := &Process{Process: started, limits: c.limits}
	c.watch(p)
	return p, nil
}

// Kill ends the program's group at once. Wait for Done to know that nothing is left.
func (p *Process) Kill() error {
	p.asked.Store(true)
	return p.Process.Kill()
}

// stop kills the program for a limit.
func (p *Process) stop(why string) {
	p.why.CompareAndSwap(nil, &why)
	_ = p.Process.Kill() // it may have ended
}

// Exit is how it ended, and for which limit. Call it when Done is closed.
func (p *Process) Exit() proc.Exit {
	exit := p.Process.Exit()
	switch why := p.why.Load(); {
	case why != nil && exit.Signal != "":
		exit.Reason = "the grader stopped it: it used more than " + *why
	case !p.asked.Load():
		exit.Reason = p.limits.killedFor(exit)
	}
	return exit
}

// Close kills everything that runs in the cage, also what hides, and removes the cage's files and
// what the user left in the folders where everybody may write. An error says what is still there:
// results that are written then may not stay what they are.
func (c *Cage) Close() error {
	c.mu.Lock()
	running, entered := c.running, c.entered
	c.running, c.entered = nil, false
	c.mu.Unlock()
	for p := range running {
		_ = p.Kill()
		<-p.Done()
	}
	err := c.release()
	if entered && inUse.Add(-1) == 0 {
		proc.KillOrphans()
	}
	if c.root != "" {
		err = errors.Join(err, os.RemoveAll(c.root))
	}
	return err
}
