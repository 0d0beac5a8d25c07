package submission

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/encoding/unicode"
)

const (
	largestFile = 32 << 20 // bytes; what is larger is a film of the demonstration
	largestText = 1 << 20  // bytes; what is larger was not typed
)

// tree is the copy of a submission in which it is built and run.
type tree struct {
	root  string            // on this machine
	texts map[string]string // by path with slashes, as UTF-8 without carriage returns
	links map[string]bool   // folders with packages for Node that came along
	jars  []string          // libraries for Java that came along
	notes []string

	modules map[string]bool // scripts that others take in; nil: not looked for yet
}

// ignored are folders that hold no work of the student's.
var ignored = regexp.MustCompile(`(?i)^(\..*|__macosx|__pycache__|venv|env|virtualenv|target|bin|obj|build|dist|out|cmake-build-.*|site-packages|nbproject|coverage)$`)

// written matches the names of files that people write.
var written = regexp.MustCompile(`(?i)\.(py|java|c|cc|cpp|cxx|c\+\+|h|hh|hpp|go|rs|js|mjs|cjs|ts|sh|md|txt|rst|json|xml|toml|ya?ml|env|ini|cfg|properties|cs|kt|scala|php|rb|swift|ipynb|vb|exs?|erl|hs|pl|lua|dart)$|^(makefile|readme.*|cmakelists\.txt|go\.mod|\.env)$`)

// copyTree copies a submission without what tools left in it. Sources become UTF-8, which compilers
// of other machines than the student's read, too; and scripts become such that can be started.
func copyTree(from, to string) (*tree, error) {
	t := &tree{root: to, texts: map[string]string{}, links: map[string]bool{}}
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil || rel == "." {
			return err
		}
		switch {
		case entry.IsDir() && entry.Name() == "node_modules":
			t.links[filepath.ToSlash(filepath.Dir(rel))] = true
			if err := os.CopyFS(filepath.Join(to, rel), os.DirFS(name)); err != nil {
				t.note("%s could not be copied: %v.", filepath.ToSlash(rel), err)
			}
			return filepath.SkipDir
		case entry.IsDir() && Foreign(name):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !entry.Type().IsRegular(), strings.HasPrefix(entry.Name(), "._"), strings.HasSuffix(entry.Name(), ".class"):
			return nil
		}
		return t.copyFile(name, filepath.ToSlash(rel))
	})
	return t, err
}

// Foreign reports whether a folder within a submission is left out: what tools made or brought along.
func Foreign(dir string) bool {
	name := filepath.Base(dir)
	return name == "node_modules" || ignored.MatchString(name) && !holdsSources(dir)
}

// holdsSources reports whether a folder that is named like one of a tool's holds sources all the
// same: some keep theirs in bin or build.
func holdsSources(dir string) bool {
	if base := filepath.Base(dir); strings.HasPrefix(base, ".") || strings.HasPrefix(base, "__") || strings.Contains(strings.ToLower(base), "env") {
		return false
	}
	entries, _ := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return LanguageOf(e.Name()) != "" })
}

func (t *tree) copyFile(from, rel string) error {
	info, err := os.Stat(from)
	if err != nil || info.Size() > largestFile {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if base := path.Base(rel); strings.HasSuffix(base, ".jar") && !strings.Contains(base, "wrapper") {
		t.jars = append(t.jars, rel)
	}
	mode := info.Mode().Perm() | 0o644
	script := bytes.HasPrefix(data, []byte("#!"))
	if len(data) <= largestText && (script || written.MatchString(path.Base(rel))) {
		text, changed := decode(data)
		if script {
			mode |= 0o111
			text = t.script(rel, text, info.Mode())
		}
		if changed {
			t.note("%s is not UTF-8 or begins with a byte order mark; it was converted.", rel)
		}
		data = []byte(text)
		t.texts[rel] = strings.ReplaceAll(text, "\r", "")
	}
	return os.WriteFile(filepath.Join(t.root, filepath.FromSlash(rel)), data, mode)
}

// script names what keeps a script from being started as a command.
func (t *tree) script(rel, text string, mode fs.FileMode) string {
	first, rest, _ := strings.Cut(text, "\n")
	if strings.HasSuffix(first, "\r") {
		t.note("%s: its first line ends in a carriage return (Windows line ends), so that it cannot be started as ./%s elsewhere; they were removed.", rel, path.Base(rel))
		text = strings.ReplaceAll(first+"\n"+rest, "\r\n", "\n")
	}
	if mode&0o111 == 0 && path.Ext(rel) == "" {
		t.note("%s is not executable (chmod +x was lost); it was made so.", rel)
	}
	return text
}

// decode is a text without its byte order mark, as UTF-8, and whether that changed it.
func decode(data []byte) (text string, changed bool) {
	order := unicode.LittleEndian
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return string(data[3:]), true
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		order = unicode.BigEndian
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
	default:
		return string(data), false
	}
	plain, err := unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(data)
	if err != nil {
		return string(data), false
	}
	return string(plain), true
}

func (t *tree) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// paths are the paths of texts that match, in their order.
func (t *tree) paths(match func(name string) bool) []string {
	var found []string
	for name := range t.texts {
		if match(name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// below reports whether a path lies in a folder or below it.
func below(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// within is a path as it is seen from a folder above it.
func within(name, dir string) string {
	if dir == "." {
		return name
	}
	if name == dir {
		return "."
	}
	return strings.TrimPrefix(name, dir+"/")
}

// rewrite changes a text of the copy.
func (t *tree) rewrite(name, text string) error {
	t.texts[name] = text
	return os.WriteFile(filepath.Join(t.root, filepath.FromSlash(name)), []byte(text), 0o644)
}
