package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/shirou/gopsutil/v4/process"
)

// folderPrefix begins the names of the temporary folders.
const folderPrefix = "pubsublab-"

// lockName is the file in a folder that its owner keeps locked. No node has a name with a dot
// before it.
const lockName = ".lock"

// A Folder is a temporary folder that shows whether its owner lives: it holds a file that is locked
// as long as the process exists, however that ends. A number of a process would say less: it is
// another one's in another container, and sooner or later on the same machine.
type Folder struct {
	// Path is absolute. Do not change it.
	Path string
	lock *flock.Flock
}

// NewFolder makes a folder below the system's own for temporary ones. Remove it at the end.
func NewFolder() (*Folder, error) {
	for range 10 {
		path := filepath.Join(os.TempDir(), folderPrefix+rand.Text()[:12])
		if err := os.Mkdir(path, 0o755); err != nil {
			return nil, err
		}
		// Whatever the umask: containers run as a user of their own, who must be able to pass
		// through.
		if err := os.Chmod(path, 0o755); err != nil {
			return nil, err
		}
		lock := flock.New(filepath.Join(path, lockName))
		locked, err := lock.TryLock()
		// Somebody who clears up may have come between the making of the file and its lock, and
		// have removed both.
		if _, statErr := os.Stat(lock.Path()); locked && statErr == nil {
			return &Folder{path, lock}, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, os.RemoveAll(path))
		}
		_ = lock.Close()
	}
	return nil, fmt.Errorf("no folder can be kept in %s: it is removed at once", os.TempDir())
}

// Name is unique on all machines that may share an engine.
func (f *Folder) Name() string { return filepath.Base(f.Path) }

// Remove removes the folder. The lock goes first: some systems do not remove open files.
func (f *Folder) Remove() error {
	return errors.Join(f.lock.Close(), os.RemoveAll(f.Path))
}

// liveness of the owner of a folder is unknown where that cannot be seen from here.
type liveness int

const (
	unknown liveness = iota
	alive
	dead
)

func livenessOf(folderName string) liveness {
	path := filepath.Join(os.TempDir(), filepath.Base(folderName), lockName) // a label is anybody's text
	if _, err := os.Stat(path); err != nil {
		return unknown
	}
	lock := existingLock(path)
	defer lock.Close()
	locked, err := lock.TryLock()
	switch {
	case err != nil:
		return unknown // another user's
	case locked:
		return dead
	default:
		return alive
	}
}

// existingLock does not make the file anew, into a folder that is just being removed.
func existingLock(path string) *flock.Flock { return flock.New(path, flock.SetFlag(os.O_RDWR)) }

// RemoveDeadFolders removes the folders of labs that were killed, and ends what they left running:
// processes whose program is in such a folder. It is a courtesy: its errors are not the caller's.
func RemoveDeadFolders(ctx context.Context) {
	locks, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*", lockName))
	if err != nil {
		return
	}
	for _, path := range locks {
		lock := existingLock(path)
		if locked, err := lock.TryLock(); err != nil || !locked {
			continue
		}
		dir := filepath.Dir(path)
		killProgramsOf(ctx, dir)
		_ = (&Folder{dir, lock}).Remove()
	}
}

// killProgramsOf kills the processes whose program is in a folder.
func killProgramsOf(ctx context.Context, dir string) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return
	}
	all, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return
	}
	for _, p := range all {
		program, err := p.ExeWithContext(ctx)
		if err != nil || !strings.HasPrefix(program, dir+string(filepath.Separator)) {
			continue
		}
		_ = p.KillWithContext(ctx)
	}
}
