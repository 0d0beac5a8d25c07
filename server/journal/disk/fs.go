package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// fileSystem is the folder of a journal: what the journal asks of it, so that tests can put one in
// its place that forgets. Names are of files in the folder.
type fileSystem interface {
	List() ([]string, error)
	// Create makes a file with room for so many bytes, in place of one that is there. Where there
	// is no such room the error is one that noRoom knows.
	Create(name string, size int64) (file, error)
	Open(name string, write bool) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	// Sync makes the files' names outlast a crash; a file's Sync only does so with what is in it.
	Sync() error
}

// lockPoll is how often a folder that another has is tried again.
const lockPoll = 50 * time.Millisecond

type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	// Cut takes everything from an offset on out of the file, and makes room for size bytes again.
	Cut(from, size int64) error
	Sync() error
}

// folder is a fileSystem of the operating system.
type folder struct{ path string }

// openFolder makes the folder where there is none, and locks it. Where another has it, it waits so
// long, and calls waits once before it does.
func openFolder(path string, wait time.Duration, waits func()) (f folder, unlock func(), err error) {
	f = folder{path}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return f, nil, fmt.Errorf("cannot make the folder: %w", err)
		}
		if err := syncFolder(filepath.Dir(path)); err != nil {
			return f, nil, fmt.Errorf("cannot make the folder %s: %w", path, err)
		}
	}
	lock := flock.New(filepath.Join(path, "lock"))
	locked, err := lock.TryLock()
	if !locked && err == nil && wait > 0 {
		waits()
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		if locked, err = lock.TryLockContext(ctx, lockPoll); ctx.Err() != nil {
			err = nil
		}
	}
	if err != nil {
		return f, nil, fmt.Errorf("cannot write in the folder: %w", err)
	}
	if !locked {
		return f, nil, fmt.Errorf("the folder %s is in use by another broker", path)
	}
	return f, func() { lock.Close() }, nil
}

func (f folder) at(name string) string { return filepath.Join(f.path, name) }

func (f folder) List() (names []string, err error) {
	entries, err := os.ReadDir(f.path)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (f folder) Create(name string, size int64) (file, error) {
	opened, err := os.OpenFile(f.at(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := allocate(opened, size); err != nil {
		opened.Close()
		return nil, &os.PathError{Op: "make room for", Path: f.at(name), Err: err}
	}
	return osFile{opened}, nil
}

func (f folder) Open(name string, write bool) (file, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	opened, err := os.OpenFile(f.at(name), flag, 0)
	if err != nil {
		return nil, err
	}
	return osFile{opened}, nil
}

func (f folder) Rename(from, to string) error { return os.Rename(f.at(from), f.at(to)) }
func (f folder) Remove(name string) error     { return os.Remove(f.at(name)) }
func (f folder) Sync() error                  { return syncFolder(f.path) }

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Cut(from, size int64) error {
	if err := f.Truncate(from); err != nil {
		return err
	}
	return allocate(f.File, size)
}

func (f osFile) Sync() error { return syncData(f.File) }
