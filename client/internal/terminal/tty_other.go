//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package terminal

import (
	"os"
	"time"

	"golang.org/x/term"
)

// mostCooked is the longest line that a terminal lets pass without editing, in bytes.
const mostCooked = 254

// tty is the system's side of a terminal, where programs share none.
type tty struct {
	file    *os.File
	before  *term.State
	reading chan result // a read that is under way; nil for none
}

type result struct {
	data []byte
	err  error
}

func newTTY(file *os.File) *tty { return &tty{file: file} }

func (t *tty) foreground() (bool, error) { return true, nil }

func (t *tty) makeRaw() (err error) {
	t.before, err = term.MakeRaw(int(t.file.Fd()))
	return err
}

func (t *tty) restore() {
	if t.before != nil {
		term.Restore(int(t.file.Fd()), t.before)
		t.before = nil
	}
}

func (t *tty) read(p []byte, timeout time.Duration) (int, error) {
	if t.reading == nil {
		t.reading = make(chan result, 1)
		size := len(p)
		go func(to chan result) {
			buf := make([]byte, size)
			n, err := t.file.Read(buf)
			to <- result{buf[:n], err}
		}(t.reading)
	}
	select {
	case r := <-t.reading:
		t.reading = nil
		return copy(p, r.data), r.err
	case <-time.After(timeout):
		return 0, nil
	}
}

func (t *tty) columns() int {
	if columns, _, err := term.GetSize(int(t.file.Fd())); err == nil && columns > 0 {
		return columns
	}
	return 80
}

func (t *tty) keysSignal(bool) {}

func (t *Terminal) watchContinue() (stop func()) { return func() {} }

func (t *Terminal) stop() {}
