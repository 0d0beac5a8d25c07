package autograder

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Static is the path of a static binary of the lab for Linux on amd64, which is what these services
// run: this program's own, where it is one, or one that Go builds into the folder. That takes the
// sources, in which this program has to be started then, and a minute or two for the first time.
func Static(ctx context.Context, folder string) (string, error) {
	if own, err := os.Executable(); err == nil && isStatic(own) {
		return own, nil
	}
	path := filepath.Join(folder, "lab")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "pubsublab/lab")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building a static binary of the lab, for which this has to be started in its sources: %w\n%s", err, strings.TrimSpace(string(output)))
	}
	return path, nil
}

// isStatic reports whether a file is a program of Linux on amd64 that needs no libraries.
func isStatic(path string) bool {
	program, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return false
		}
	}
	return program.Machine == elf.EM_X86_64
}
