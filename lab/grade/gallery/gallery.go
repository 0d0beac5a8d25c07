// Package gallery is the index of small implementations of the assignment, four
// without a fault and the others with exactly one, by which the grader is graded.
package gallery

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Entry is one implementation.
type Entry struct {
	Name     string
	Language string   // "go" or "python"
	Framing  string   // how its clients tell messages apart: "lines" or "reads"
	Fault    string   // one sentence; empty when there is none
	Server   []string // the command; {port} stands for the port
	Client   []string // the command; {host} and {port} stand for the server's address
	Fails    []string // IDs of the checks that find the fault
}

// Prepare reads the index in the gallery's folder and builds the Go programs
// into the folder bin, which has to exist. The commands of the entries that it
// returns can be run from any folder.
func Prepare(ctx context.Context, folder, bin string) ([]Entry, error) {
	index, err := os.ReadFile(filepath.Join(folder, "gallery.yaml"))
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(index))
	decoder.KnownFields(true)
	var entries []Entry
	if err := decoder.Decode(&entries); err != nil {
		return nil, fmt.Errorf("gallery.yaml: %w", err)
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", bin+string(filepath.Separator), "./go/...")
	build.Dir = folder
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the Go programs: %w\n%s", err, output)
	}
	for _, entry := range entries {
		for _, command := range [][]string{entry.Server, entry.Client} {
			for i, word := range command {
				if name, ok := strings.CutPrefix(word, "./go/"); ok {
					command[i] = filepath.Join(bin, name)
				} else if strings.HasPrefix(word, "python/") {
					command[i] = filepath.Join(folder, word)
				}
			}
		}
	}
	return entries, nil
}
