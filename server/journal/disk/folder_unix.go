//go:build !windows

package disk

import "os"

// syncFolder has the names of a folder's files outlast a crash.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
