package class

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"pubsublab/lab/grade/submission"
)

// source is one file that a student wrote.
type source struct {
	name string // its path in the submission
	text string
}

// Limits of what is read of a submission to compare it with others.
const (
	sourceLimit  = 256 << 10 // bytes of a file: a longer one was not typed
	sourcesLimit = 200       // files
)

// read reads the sources in a folder, by name, and returns a digest of all the files that a
// submission is taken to be: it changes when one of them does.
func read(dir string) (sources []source, digest string, err error) {
	tree, sum := os.DirFS(dir), sha256.New()
	err = fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != "." && submission.Foreign(filepath.Join(dir, filepath.FromSlash(name))):
			return fs.SkipDir
		case !e.Type().IsRegular():
			return nil
		}
		file, err := tree.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		own, text := sha256.New(), &strings.Builder{}
		if _, err = io.Copy(own, io.TeeReader(io.LimitReader(file, sourceLimit), text)); err == nil {
			_, err = io.Copy(own, file) // a film of the demonstration, for example
		}
		fmt.Fprintf(sum, "%q %x\n", name, own.Sum(nil))
		if submission.LanguageOf(name) != "" && utf8.ValidString(text.String()) && text.Len() < sourceLimit && len(sources) < sourcesLimit {
			sources = append(sources, source{name, text.String()})
		}
		if err != nil {
			return err
		}
		return nil
	})
	return sources, hex.EncodeToString(sum.Sum(nil)), err
}
