package class

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What an archive may hold: more is no submission, but a mistake or a bomb.
const (
	unpackedLimit = 512 << 20 // bytes
	entriesLimit  = 20_000
)

// ErrPacked says that a submission could not be unpacked. It is its student's to mend.
var ErrPacked = errors.New("it cannot be unpacked")

// Open returns the folder of a submission. An archive is unpacked into scratch, an empty folder, and
// so is an archive that a folder has at its top, as learning platforms pack what was handed in.
func (s Submission) Open(scratch string) (dir string, err error) {
	info, err := os.Stat(s.Path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return scratch, unpack(s.Path, scratch)
	}
	entries, err := os.ReadDir(s.Path)
	if err != nil {
		return "", err
	}
	dir = s.Path
	for _, e := range entries {
		if !e.Type().IsRegular() || ending(e.Name(), archives) == "" {
			continue
		}
		if dir == s.Path { // whatever else is in the folder belongs to the submission, too
			if dir = scratch; os.CopyFS(dir, os.DirFS(s.Path)) != nil {
				return "", fmt.Errorf("%w: its folder cannot be copied", ErrPacked)
			}
		}
		if err := unpack(filepath.Join(s.Path, e.Name()), dir); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// unpack unpacks an archive into a folder that exists.
func unpack(path, dir string) error {
	var err error
	switch end := ending(path, archives); end {
	case ".zip":
		err = unzip(path, dir)
	case "":
		err = fmt.Errorf("%s: expected a .zip or a .tar.gz", filepath.Base(path))
	default:
		err = untar(path, dir, end != ".tar")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPacked, err)
	}
	return nil
}

func unzip(path, dir string) error {
	r, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := newUnpacking(dir)
	if err != nil {
		return err
	}
	defer out.root.Close()
	for _, f := range r.File {
		err := out.add(f.Name, f.Mode(), func() (io.ReadCloser, error) { return f.Open() })
		if err != nil {
			return err
		}
	}
	return nil
}

func untar(path, dir string, zipped bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var in io.Reader = file
	if zipped {
		if in, err = gzip.NewReader(file); err != nil {
			return err
		}
	}
	out, err := newUnpacking(dir)
	if err != nil {
		return err
	}
	defer out.root.Close()
	r := tar.NewReader(in)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = out.add(header.Name, header.FileInfo().Mode(), func() (io.ReadCloser, error) { return io.NopCloser(r), nil })
		if err != nil {
			return err
		}
	}
}

// unpacking is an archive while it is unpacked.
type unpacking struct {
	root    *os.Root // so that no link of the folder leads out of it
	bytes   int64
	entries int
}

func newUnpacking(dir string) (*unpacking, error) {
	root, err := os.OpenRoot(dir)
	return &unpacking{root: root}, err
}

// add unpacks one entry. Links and devices are left out: no submission needs one, and they could
// lead out of the folder.
func (u *unpacking) add(name string, mode fs.FileMode, open func() (io.ReadCloser, error)) error {
	if u.entries++; u.entries > entriesLimit {
		return fmt.Errorf("it holds more than %d files", entriesLimit)
	}
	// Some programs of Windows write backslashes, and old ones names that are not UTF-8.
	name = strings.ToValidUTF8(strings.ReplaceAll(name, `\`, "/"), "_")
	local := filepath.FromSlash(strings.TrimSuffix(name, "/"))
	if !filepath.IsLocal(local) {
		return fmt.Errorf("it holds %q, a path that leads out of its folder", name)
	}
	if mode.IsDir() || strings.HasSuffix(name, "/") {
		return u.root.MkdirAll(local, 0o755)
	}
	if !mode.IsRegular() {
		return nil
	}
	if err := u.root.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		return err
	}
	in, err := open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := u.root.OpenFile(local, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644|mode.Perm()&0o111)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, unpackedLimit-u.bytes+1))
	if u.bytes += n; u.bytes > unpackedLimit {
		err = errors.Join(err, fmt.Errorf("it holds more than %d MiB", unpackedLimit>>20))
	}
	return errors.Join(err, out.Close())
}
