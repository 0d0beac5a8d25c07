package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

var errCrashed = errors.New("the machine has crashed")

// sector is what a disk writes at once, in bytes.
const sector = 512

// forgetful is a fileSystem in memory that forgets what was not synced when its machine crashes, or
// keeps some of it: of what was written any sectors, or the beginnings of some; of what happened to
// names, any of it.
type forgetful struct {
	rng *rand.Rand

	mu      sync.Mutex
	names   map[string]*inode // as programs see them
	stable  map[string]*inode // as the disk has them
	changes []change          // of names, since they were synced
	calls   int               // that change something, up to now
	crashAt int               // the call in which the machine crashes; 0 for none
	crashed bool
	room    int64                         // bytes that may still be allocated
	sparse  bool                          // files get their room only as they are written
	fail    func(call, name string) error // makes a call fail without doing anything; nil for none
}

type inode struct {
	data   []byte // as programs see it
	disk   []byte // as the disk has it
	writes []write
}

// write is something that was done to a file and is not synced.
type write struct {
	off  int64
	data []byte // nil for one that cuts the file at off, and fills it up to size with zeros
	size int64
}

func (w *write) do(data []byte) []byte {
	if w.data == nil {
		return grown(data[:min(int64(len(data)), w.off)], w.size)
	}
	data = grown(data, w.off+int64(len(w.data)))
	copy(data[w.off:], w.data)
	return data
}

// grown returns a copy of data with zeros up to a size.
func grown(data []byte, size int64) []byte {
	return append(slices.Clone(data), make([]byte, max(0, size-int64(len(data))))...)
}

// change is a file that gets a name, or a name that goes; or both at once.
type change struct {
	gone, come string
	inode      *inode
}

func (c *change) do(names map[string]*inode) {
	delete(names, c.gone)
	if c.come != "" {
		names[c.come] = c.inode
	}
}

func newForgetful(rng *rand.Rand) *forgetful {
	return &forgetful{rng: rng, names: map[string]*inode{}, stable: map[string]*inode{}, room: 1 << 40}
}

// call does what a program asks for, unless the machine crashes before, or right after.
func (d *forgetful) call(name, file string, do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return errCrashed
	}
	if d.fail != nil {
		if err := d.fail(name, file); err != nil {
			return err
		}
	}
	d.calls++
	if d.calls != d.crashAt {
		return do()
	}
	d.crashed = true
	if d.rng.IntN(2) == 0 {
		do() //nolint:errcheck // nobody gets to know
	}
	return errCrashed
}

// restart has the machine be there again, with what the disk has kept.
func (d *forgetful) restart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	nodes := map[*inode]bool{}
	for _, n := range d.names {
		nodes[n] = true
	}
	for _, n := range d.stable {
		nodes[n] = true
	}
	for _, c := range d.changes {
		if d.rng.IntN(2) == 0 {
			c.do(d.stable)
		}
		if c.inode != nil {
			nodes[c.inode] = true
		}
	}
	for n := range nodes {
		d.tear(n)
	}
	d.names, d.changes = maps.Clone(d.stable), nil
	d.crashed, d.crashAt = false, 0
}

// tear keeps some of what was written to a file and not synced.
func (d *forgetful) tear(n *inode) {
	for _, w := range n.writes {
		if w.data == nil {
			if d.rng.IntN(2) == 0 {
				n.disk = w.do(n.disk)
			}
			continue
		}
		for from := w.off; from < w.off+int64(len(w.data)); {
			to := min((from/sector+1)*sector, w.off+int64(len(w.data)))
			part := write{off: from, data: w.data[from-w.off : to-w.off]}
			switch d.rng.IntN(3) {
			case 0:
				n.disk = part.do(n.disk)
			case 1:
				part.data = part.data[:d.rng.IntN(len(part.data))]
				n.disk = part.do(n.disk)
			}
			from = to
		}
	}
	n.data, n.writes = slices.Clone(n.disk), nil
}

// kill has the program be gone, and the machine go on: nothing is forgotten, and nothing synced.
func (d *forgetful) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashed, d.crashAt = false, 0
}

func (d *forgetful) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.names)), nil
}

func (d *forgetful) Create(name string, size int64) (f file, err error) {
	err = d.call("create", name, func() error {
		n := d.names[name]
		if n == nil {
			n = &inode{}
			d.change(change{come: name, inode: n})
		}
		if d.room < size {
			return fmt.Errorf("create %s: %w", name, syscall.ENOSPC)
		}
		d.room -= size
		if d.sparse {
			size = 0
		}
		n.write(write{size: size})
		f = &openFile{d, n, name}
		return nil
	})
	return f, err
}

func (d *forgetful) change(c change) {
	c.do(d.names)
	d.changes = append(d.changes, c)
}

func (d *forgetful) Open(name string, _ bool) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return &openFile{d, n, name}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (d *forgetful) Rename(from, to string) error {
	return d.call("rename", from, func() error {
		d.change(change{gone: from, come: to, inode: d.names[from]})
		return nil
	})
}

func (d *forgetful) Remove(name string) error {
	return d.call("remove", name, func() error {
		d.room += int64(len(d.names[name].data))
		d.change(change{gone: name})
		return nil
	})
}

func (d *forgetful) Sync() error {
	return d.call("sync", "", func() error {
		d.stable, d.changes = maps.Clone(d.names), nil
		return nil
	})
}

type openFile struct {
	d    *forgetful
	n    *inode
	name string
}

func (n *inode) write(w write) {
	n.data = w.do(n.data)
	n.writes = append(n.writes, w)
}

func (f *openFile) ReadAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *openFile) WriteAt(p []byte, off int64) (int, error) {
	return len(p), f.d.call("write", f.name, func() error {
		f.n.write(write{off: off, data: slices.Clone(p)})
		return nil
	})
}

func (f *openFile) Cut(from, size int64) error {
	if f.d.sparse {
		size = from
	}
	return f.d.call("cut", f.name, func() error {
		f.n.write(write{off: from, size: size})
		return nil
	})
}

func (f *openFile) Sync() error {
	return f.d.call("fsync", f.name, func() error {
		f.n.disk, f.n.writes = slices.Clone(f.n.data), nil
		return nil
	})
}

func (f *openFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.n.data)), nil
}

func (f *openFile) Close() error { return nil }

var _ fileSystem = (*forgetful)(nil)
