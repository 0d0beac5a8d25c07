package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate gives a file room for so many bytes, all zero beyond its end. A file system that cannot
// do that gives the room as it is written to.
func allocate(f *os.File, size int64) error {
	err := again(func() error { return unix.Fallocate(int(f.Fd()), 0, 0, size) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// syncData has what was written outlast a crash, with as much of what the system knows of the file
// as it takes to read that again.
func syncData(f *os.File) error {
	err := again(func() error { return unix.Fdatasync(int(f.Fd())) })
	if err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// again calls f until no signal comes between.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
