// Package report turns what grading found into what people and courses read:
// a page with diagrams, a checklist for the terminal, a table of many
// submissions, and the files of Gradescope, Classroom 50, JUnit and CTRF.
//
// All of it is made from a [grade.Result] alone. What a submission sent or
// printed is hostile: it is shown escaped, and never interpreted.
package report

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"pubsublab/lab/grade"
)

// formats holds the files of a report and what makes each.
var formats = []struct {
	name   string
	render func(*grade.Result) ([]byte, error)
}{
	{"report.html", page},
	{"results.json", gradescope},
	{"result.json", func(r *grade.Result) ([]byte, error) { return classroom50(r, os.Getenv) }},
	{"junit.xml", junit},
	{"ctrf.json", ctrf},
	{"release-body.md", releaseBody},
}

// Write writes the reports on one submission into dir, which is made when it
// is missing: report.html for people, results.json for Gradescope, result.json
// and release-body.md for Classroom 50 (whose environment says whose submission
// it is), junit.xml and ctrf.json. Each file is replaced as a whole or not at all. It must not be
// called concurrently for one dir.
func Write(dir string, r *grade.Result) error {
	contents := make([][]byte, len(formats))
	for i, f := range formats {
		var err error
		if contents[i], err = f.render(r); err != nil {
			return fmt.Errorf("making %s: %w", f.name, err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder of the report: %w", err)
	}
	for i, f := range formats {
		if err := Replace(filepath.Join(dir, f.name), contents[i]); err != nil {
			return fmt.Errorf("writing %s: %w", f.name, err)
		}
	}
	return nil
}

// written are the checksums of the files as this process wrote them, by path.
var (
	writing sync.Mutex // guards written, and is held while a file is replaced
	written = map[string][sha256.Size]byte{}
)

// Tampered says which of the files in and below a folder that this process wrote with [Replace] are
// not as it wrote them, a sentence each. It may be called concurrently.
func Tampered(dir string) []string {
	writing.Lock()
	defer writing.Unlock()
	var sentences []string
	for _, path := range slices.Sorted(maps.Keys(written)) {
		if rel, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(rel) {
			continue
		}
		if content, err := os.ReadFile(path); err != nil || sha256.Sum256(content) != written[path] {
			sentences = append(sentences, fmt.Sprintf("Tampered with: the report %s is not as it was written.", path))
		}
	}
	return sentences
}

// Replace gives the file a new content. Who reads it meanwhile, or after a
// crash, finds the old one or the new one.
func Replace(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // does nothing once it is renamed
	_, err = file.Write(content)
	if err := errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return err
	}
	writing.Lock()
	defer writing.Unlock()
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	written[path] = sha256.Sum256(content)
	return nil
}
