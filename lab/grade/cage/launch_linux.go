package cage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pubsublab/lab/internal/proc"
)

// launcherName is what this executable is called by when it starts a program of a submission.
const launcherName = "pubsublab-cage"

// order is what the launcher is told.
type order struct {
	User    *User
	Limits  Limits
	Report  int      // the file by which it tells what went wrong
	Program []string // becomes this; none: does what stands below
	Kill    bool     // kills all that the user runs
	Enter   string   // tries whether the user may enter this folder
	Write   []string // tries which of these the user may write
	Read    []string // and which read
}

// It has to be here, because no main of this executable knows of it, tests least of all.
func init() {
	if os.Args[0] != launcherName || len(os.Args) != 2 {
		return
	}
	var o order
	err := json.Unmarshal([]byte(os.Args[1]), &o)
	if err == nil {
		err = o.obey()
	}
	if err != nil {
		f := failure{Text: err.Error()}
		errors.As(err, &f.Number)
		_ = json.NewEncoder(os.NewFile(uintptr(o.Report), "report")).Encode(f)
		os.Exit(127)
	}
	os.Exit(0)
}

// failure is why the launcher could not do what it was told.
type failure struct {
	Text   string
	Number syscall.Errno // of the system; 0: another one
}

func (f *failure) Error() string { return f.Text }

func (f *failure) Unwrap() error {
	if f.Number == 0 {
		return nil
	}
	return f.Number
}

// obey becomes the program, and returns only where it cannot.
func (o *order) obey() error {
	unix.CloseOnExec(o.Report)
	if err := o.confine(); err != nil {
		return err
	}
	switch {
	case o.Kill:
		if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		return nil
	case len(o.Program) == 0:
		return o.try()
	}
	path := o.Program[0]
	if !strings.Contains(path, "/") {
		// By the user, who may be kept from the first of several programs of a name.
		var err error
		if path, err = exec.LookPath(path); err != nil {
			return err
		}
	}
	return &os.PathError{Op: "starting", Path: path, Err: syscall.Exec(path, o.Program, os.Environ())}
}

// confine gives up what programs of a submission may not have.
func (o *order) confine() error {
	limits := map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: o.Limits.FileSize, unix.RLIMIT_NOFILE: o.Limits.Files}
	if o.User != nil {
		// Only for another user: the limit counts all that a user runs.
		limits[unix.RLIMIT_NPROC] = o.Limits.UserTasks
	}
	for resource, most := range limits {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(resource, &now); err != nil {
			return err
		}
		most = min(most, now.Max)
		if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("setting a limit: %w", err)
		}
	}
	// Where the machine's memory runs out, the system shall end a program of the submission, and
	// not the grader. Where that cannot be set there is nothing to do about it.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	if o.User == nil {
		// The right to make networks, which the grader may have been given.
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
			return fmt.Errorf("giving up rights: %w", err)
		}
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil { // no sudo
		return err
	}
	if err := errors.Join(syscall.Setgroups([]int{o.User.GID}), syscall.Setgid(o.User.GID), syscall.Setuid(o.User.UID)); err != nil {
		return fmt.Errorf("becoming the user %s, which only root may: %w", o.User, err)
	}
	return nil
}

// try prints which of the paths the user may enter, write or read.
func (o *order) try() error {
	may := func(path string, how uint32) bool {
		return unix.Faccessat(unix.AT_FDCWD, path, how, 0) == nil
	}
	var found access
	found.Enters = o.Enter == "" || may(o.Enter, unix.X_OK|unix.R_OK)
	for _, path := range o.Write {
		if may(path, unix.W_OK) {
			found.Writes = append(found.Writes, path)
		}
	}
	for _, path := range o.Read {
		if may(path, unix.R_OK) {
			found.Reads = append(found.Reads, path)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// access is what the launcher answers about paths.
type access struct {
	Enters        bool
	Writes, Reads []string
}

// launcher is a command that obeys, and what it says went wrong, which is to be read after its
// start, with the error of that.
func launcher(command *exec.Cmd, o order) (*exec.Cmd, func(error) error, error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	const firstExtraFile = 3
	o.Report = firstExtraFile + len(command.ExtraFiles)
	text, err := json.Marshal(o)
	if err != nil {
		return nil, nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	command.Path, command.Args, command.Err = "/proc/self/exe", []string{launcherName, string(text)}, nil
	command.ExtraFiles = append(command.ExtraFiles, theirs)
	return command, func(err error) error {
		_ = theirs.Close()
		defer ours.Close()
		if err != nil {
			return err
		}
		var f failure
		if err := json.NewDecoder(ours).Decode(&f); err != nil {
			if errors.Is(err, io.EOF) {
				return nil // it was closed, because the program is there now
			}
			return err
		}
		return &f
	}, nil
}

// launch starts a command in the cage, and waits until it has become the program. Where the user has as
// many processes as it may, those that end are waited for: a program that was stopped may have left
// thousands.
func (c *Cage) launch(command *exec.Cmd, mark string) (*proc.Process, error) {
	for end := time.Now().Add(endTimeout); ; time.Sleep(lookEvery) {
		again := *command
		started, err := c.tryLaunch(&again, mark)
		if c.user == nil || !errors.Is(err, unix.EAGAIN) {
			return started, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("%s runs %d processes and threads, as many as it may: %w", c.user, c.limits.UserTasks, err)
		}
		proc.ReapOrphans(proc.Table()) // the system counts them until then
	}
}

func (c *Cage) tryLaunch(command *exec.Cmd, mark string) (*proc.Process, error) {
	if c.user != nil {
		env := command.Environ()
		command.Env = append(env, "HOME="+filepath.Join(c.root, homeFolder), "TMPDIR="+filepath.Join(c.root, tempFolder),
			"USER="+c.user.Name, "LOGNAME="+c.user.Name)
		if err := c.giveTerminals(command); err != nil {
			return nil, err
		}
	}
	_, ready, err := launcher(command, order{User: c.user, Limits: c.limits, Program: command.Args})
	if err != nil {
		return nil, err
	}
	started, err := proc.Start(command, mark)
	if err := ready(err); err != nil {
		if started != nil {
			<-started.Done()
		}
		return nil, err
	}
	return started, nil
}

// giveTerminals makes the terminals of a command the user's, so that it can also open them by name.
func (c *Cage) giveTerminals(command *exec.Cmd) error {
	for _, stream := range []any{command.Stdin, command.Stdout, command.Stderr} {
		file, ok := stream.(*os.File)
		if !ok {
			continue
		}
		if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
			continue
		}
		if err := file.Chown(c.user.UID, -1); err != nil {
			return err
		}
	}
	return nil
}
