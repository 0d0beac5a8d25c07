package load

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// WriteFrames writes frames of these sizes to a new file, one behind the other, and syncs each
// before the next one: what a disk takes at most of somebody who must not lose any. The file has
// room for all of them before, as those of our broker's journal do. It is removed.
func WriteFrames(dir string, sizes []int) (*Turns, error) {
	f, err := os.CreateTemp(dir, "frames-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	total := 0
	for _, size := range sizes {
		total += size
	}
	if err := allocate(f, int64(total)); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	frame := make([]byte, slices.Max(sizes))
	for i := range frame {
		frame[i] = filler[i%len(filler)]
	}
	seen := newLatencies()
	off, start := int64(0), time.Now()
	for _, size := range sizes {
		begun := time.Now()
		if _, err := f.WriteAt(frame[:size], off); err != nil {
			return nil, err
		}
		if err := syncData(f); err != nil {
			return nil, err
		}
		if err := seen.RecordValue(time.Since(begun).Microseconds()); err != nil {
			return nil, err
		}
		off += int64(size)
	}
	return &Turns{seen, time.Since(start)}, nil
}

// Forget has the system read the files of a folder from the disk when somebody reads them next,
// where it can do that.
func Forget(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range names {
		if err == nil {
			err = forget(name)
		}
	}
	return err
}
