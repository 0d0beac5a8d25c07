// Package autograder packs the grader for services that run one: as the zip that Gradescope takes,
// and as the bundle of an assignment of Classroom 50. Both hold a static binary of the lab, and run
// submissions as another user.
package autograder

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/ulikunitz/xz"
)

// User is who runs submissions there.
const User = "submission"

// bundleLimit is how many bytes Classroom 50 fetches of a bundle, packed as tar.gz.
const bundleLimit = 10_485_760

// Options say what is packed.
type Options struct {
	Binary    string   // path of a static binary of the lab for Linux: see [Static]
	Rubric    []byte   // rubric.yaml
	Arguments []string // of lab grade, which is started in the submission's folder, beside the user, the rubric and the reports
	Packages  []string // of Debian and Ubuntu that submissions need
}

// User is for the templates.
func (Options) User() string { return User }

//go:embed setup.sh run_autograder autograder.py
var sources embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"quote": Quote,
	"json": func(words []string) (string, error) {
		text, err := json.Marshal(append([]string{}, words...))
		return string(text), err
	},
}).ParseFS(sources, "*"))

// Quote writes a word so that a shell takes it for one, whatever it holds.
func Quote(word string) string {
	if word != "" && !regexp.MustCompile(`[^\w@%+=:,./-]`).MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// A file is one of those packed.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

func (o Options) render(name string) (file, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, o)
	return file{name, 0o755, b.Bytes()}, err
}

// Gradescope writes the zip of an autograder.
func Gradescope(w io.Writer, o Options) error {
	setup, err := o.render("setup.sh")
	if err != nil {
		return err
	}
	run, err := o.render("run_autograder")
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(o.Binary)
	if err != nil {
		return err
	}
	packed := zip.NewWriter(w)
	for _, f := range []file{setup, run, {"rubric.yaml", 0o644, o.Rubric}, {"lab", 0o755, binary}} {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		header.SetMode(f.mode)
		entry, err := packed.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.content); err != nil {
			return err
		}
	}
	return packed.Close()
}

// Classroom50 writes the files of an assignment's bundle into a folder, which is made when it is
// missing, and returns how many bytes Classroom 50 has to fetch. That it would not fetch so many is
// an error.
func Classroom50(dir string, o Options) (int, error) {
	script, err := o.render("autograder.py")
	if err != nil {
		return 0, err
	}
	binary, err := squeeze(o.Binary)
	if err != nil {
		return 0, err
	}
	files := []file{script, {"rubric.yaml", 0o644, o.Rubric}, {"lab.xz", 0o644, binary}}
	size, err := fetched(files)
	if err != nil {
		return size, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return size, err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.content, f.mode); err != nil {
			return size, err
		}
	}
	return size, nil
}

// squeeze makes a program as small as xz can: the command, where it is there, which knows programs of
// this kind and saves a fifth more than the library.
func squeeze(path string) ([]byte, error) {
	if command, err := exec.LookPath("xz"); err == nil {
		return exec.Command(command, "-c", "--x86", "--lzma2=preset=9e,dict=32MiB", path).Output()
	}
	from, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	var b bytes.Buffer
	const window = 64 << 20 // more than there is
	to, err := xz.WriterConfig{DictCap: window}.NewWriter(&b)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(to, from)
	err = errors.Join(err, to.Close())
	return b.Bytes(), err
}

// fetched is how many bytes files have as Classroom 50 packs them. That it would not fetch so many is
// an error.
func fetched(files []file) (int, error) {
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	packed := tar.NewWriter(zipped)
	for _, f := range files {
		if err := packed.WriteHeader(&tar.Header{Name: f.name, Mode: int64(f.mode), Size: int64(len(f.content))}); err != nil {
			return 0, err
		}
		if _, err := packed.Write(f.content); err != nil {
			return 0, err
		}
	}
	if err := errors.Join(packed.Close(), zipped.Close()); err != nil {
		return 0, err
	}
	if b.Len() > bundleLimit {
		return b.Len(), fmt.Errorf("the bundle has %d bytes, and Classroom 50 takes %d: the grader has become too large for it, unless the command xz is installed, which makes it smaller", b.Len(), bundleLimit)
	}
	return b.Len(), nil
}
