package cage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A Seal is what files were like, by which it is found out whether they still are. It is not for
// concurrent use.
type Seal struct {
	roots []string
	sums  map[string][]byte // by path
}

// NewSeal seals files, and folders with all in them. What is not there has to stay away.
func NewSeal(paths ...string) (*Seal, error) {
	s := &Seal{roots: paths}
	var err error
	s.sums, err = s.read()
	return s, err
}

// Broken says what is not as it was, a sentence for each file.
func (s *Seal) Broken() []string {
	now, err := s.read()
	if err != nil {
		return []string{fmt.Sprintf("Tampered with: what was sealed cannot be read any more: %v.", err)}
	}
	paths := slices.AppendSeq(slices.Collect(maps.Keys(s.sums)), maps.Keys(now))
	slices.Sort(paths)
	var sentences []string
	for _, path := range slices.Compact(paths) {
		was, is := s.sums[path], now[path]
		switch {
		case bytes.Equal(was, is):
		case is == nil:
			sentences = append(sentences, fmt.Sprintf("Tampered with: %s is gone.", path))
		case was == nil:
			sentences = append(sentences, fmt.Sprintf("Tampered with: %s was not there before.", path))
		default:
			sentences = append(sentences, fmt.Sprintf("Tampered with: %s was changed.", path))
		}
	}
	return sentences
}

func (s *Seal) read() (map[string][]byte, error) {
	sums := map[string][]byte{}
	for _, root := range s.roots {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case entry.IsDir():
				sums[path] = []byte("a folder")
				return nil
			}
			sums[path], err = sum(path, entry.Type())
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// sum stands for what a file is and holds. A link is not followed.
func sum(path string, kind fs.FileMode) ([]byte, error) {
	digest := sha256.New()
	fmt.Fprintln(digest, kind)
	switch {
	case kind&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return digest.Sum([]byte(to)), err
	case !kind.IsRegular():
		return digest.Sum(nil), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	_, err = io.Copy(digest, file)
	return digest.Sum(nil), err
}
