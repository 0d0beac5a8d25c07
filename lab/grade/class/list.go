package class

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Submission is what one student, or one team, handed in.
type Submission struct {
	Name string // what reports call it: the name of its folder or archive, without its ending
	Path string // a folder or an archive
}

// archives are the endings of what can be unpacked.
var archives = []string{".zip", ".tar.gz", ".tgz", ".tar"}

// packed are the endings of what cannot, and is a submission all the same: its student has to know.
var packed = []string{".rar", ".7z", ".tar.xz", ".tar.bz2", ".gz"}

// ending is that of a name among endings, or "".
func ending(name string, endings []string) string {
	for _, e := range endings {
		if strings.HasSuffix(strings.ToLower(name), e) {
			return e
		}
	}
	return ""
}

// List finds the submissions in a folder, by name: each folder in it is one, and so is each archive.
// Hidden ones are none, and neither is an archive beside the folder that it was unpacked to. A
// folder without submissions is an error.
func List(dir string) ([]Submission, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	folders := map[string]bool{}
	var found []Submission
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.Name() == "__MACOSX" {
			continue
		}
		// Stat, because a folder of links to clones is a class as well.
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() {
			folders[e.Name()] = true
			found = append(found, Submission{e.Name(), filepath.Join(dir, e.Name())})
		}
	}
	for _, e := range entries {
		end := ending(e.Name(), slices.Concat(archives, packed))
		name := e.Name()[:len(e.Name())-len(end)]
		if end == "" || strings.HasPrefix(name, ".") || !e.Type().IsRegular() || folders[name] {
			continue
		}
		if slices.ContainsFunc(found, func(s Submission) bool { return s.Name == name }) {
			name = e.Name() // there are ada.zip and ada.tar.gz
		}
		found = append(found, Submission{name, filepath.Join(dir, e.Name())})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: expected a folder, a .zip or a .tar.gz for each submission, and there is none", dir)
	}
	slices.SortFunc(found, func(a, b Submission) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// Open lists the submissions of a class: see [List]. A file is an archive of all of them, as learning
// platforms give it out; tidy removes what was unpacked.
func Open(path string) (submissions []Submission, tidy func(), err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		submissions, err = List(path)
		return submissions, func() {}, err
	}
	scratch, err := os.MkdirTemp("", "pubsublab-class-")
	if err != nil {
		return nil, nil, err
	}
	tidy = func() { os.RemoveAll(scratch) }
	if err = unpack(path, scratch); err == nil {
		submissions, err = List(scratch)
	}
	// Some platforms put one folder around all. A class of one is not graded from an archive.
	if err == nil && len(submissions) == 1 {
		if inner, innerErr := List(submissions[0].Path); innerErr == nil {
			submissions = inner
		}
	}
	if err != nil {
		tidy()
		return nil, nil, err
	}
	return submissions, tidy, nil
}
