// Package launcher is what a program of a submission is until it becomes it: this very executable,
// which gives up what the program may not have. Who imports the package has it.
//
// It imports little, so that its turn comes before that of most that is in the executable: Go sets
// packages up in the order of what they import, and all of them would take five times as long, at
// each start.
package launcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Name is what this executable is called by when it is the launcher.
const Name = "pubsublab-cage"

// Order is what the launcher is told.
type Order struct {
	Become  *User // nil: stays who it is
	Limits  Limits
	Program []string // becomes this; none: does what stands below
	Kill    bool     // kills all that the user runs
	Enter   string   // tries whether the user may enter this folder
	Write   []string // tries which of these the user may write
	Read    []string // and which read

	Report int // the file by which it tells what went wrong: set by [Order.Command]
}

// User is another one, with root's rights to become.
type User struct {
	Name     string
	UID, GID int
}

// Limits are those that the system holds.
type Limits struct {
	FileSize uint64 // bytes of one file
	Files    uint64 // open files of one process
	Tasks    uint64 // processes and threads that another user may have altogether
}

func init() {
	if os.Args[0] != Name || len(os.Args) != 2 {
		return
	}
	var o Order
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
func (o *Order) obey() error {
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
func (o *Order) confine() error {
	limits := map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: o.Limits.FileSize, unix.RLIMIT_NOFILE: o.Limits.Files}
	if o.Become != nil {
		// Only for another user: the limit counts all that a user runs.
		limits[unix.RLIMIT_NPROC] = o.Limits.Tasks
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
	if o.Become == nil {
		// The right to make networks, which the grader may have been given.
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
			return fmt.Errorf("giving up rights: %w", err)
		}
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil { // no sudo
		return err
	}
	if err := errors.Join(syscall.Setgroups([]int{o.Become.GID}), syscall.Setgid(o.Become.GID), syscall.Setuid(o.Become.UID)); err != nil {
		return fmt.Errorf("becoming the user %s, which only root may: %w", o.Become.Name, err)
	}
	return nil
}

// try prints which of the paths the user may enter, write or read.
func (o *Order) try() error {
	may := func(path string, how uint32) bool {
		return unix.Faccessat(unix.AT_FDCWD, path, how, 0) == nil
	}
	var found Access
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

// Access is what it prints about paths.
type Access struct {
	Enters        bool
	Writes, Reads []string
}

// Command makes a command one that obeys an order. The function returned waits until the program is there,
// and is to be called with what starting the command came to: its error is that, or what the launcher says
// went wrong, of which a [syscall.Errno] can be asked.
func (o Order) Command(command *exec.Cmd) (ready func(error) error, err error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	const firstExtraFile = 3
	o.Report = firstExtraFile + len(command.ExtraFiles)
	text, err := json.Marshal(o)
	if err != nil {
		return nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	command.Path, command.Args, command.Err = "/proc/self/exe", []string{Name, string(text)}, nil
	command.ExtraFiles = append(command.ExtraFiles, theirs)
	return func(err error) error {
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
