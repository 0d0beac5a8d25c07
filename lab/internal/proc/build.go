package proc

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Build builds the program of a Go package into a folder with the machine's own Go and returns its
// path. dir is where go runs, "" for this process's folder. On an error, output is what go printed.
// It does not ask git for the version, which fails in a checkout that belongs to another user; and
// without -trimpath what go test compiles is not compiled again.
func Build(ctx context.Context, dir, pkg, folder, name string, flags ...string) (path string, output []byte, err error) {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path = filepath.Join(folder, name)
	command := exec.CommandContext(ctx, "go", append(append([]string{"build", "-buildvcs=false", "-o", path}, flags...), pkg)...)
	command.Dir = dir
	output, err = command.CombinedOutput()
	return path, output, err
}
