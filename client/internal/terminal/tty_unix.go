//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package terminal

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// tty is the system's side of a terminal.
type tty struct {
	fd     int
	before *unix.Termios // the modes to restore; nil before makeRaw
}

func newTTY(file *os.File) *tty {
	// A read in the background is then an error, and does not stop the program.
	signal.Ignore(unix.SIGTTIN)
	return &tty{fd: int(file.Fd())}
}

// foreground reports whether the terminal is this program's for now. It always is where the
// terminal does not control the program. An error says that it is gone.
func (t *tty) foreground() (bool, error) {
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if errors.Is(err, unix.ENOTTY) {
		return true, nil
	}
	return group == unix.Getpgrp(), err
}

// makeRaw changes the modes such that every key comes as it is pressed, and none is echoed. Ctrl+C
// stays a signal, and Ctrl+S and Ctrl+Q hold output up; Ctrl+\ does nothing, because the modes
// would stay as they are. It must not be called in the background: the system would stop the
// program.
func (t *tty) makeRaw() error {
	modes, err := unix.IoctlGetTermios(t.fd, getModes)
	if err != nil {
		return err
	}
	if t.before == nil {
		t.before = modes
	}
	raw := *modes
	raw.Iflag &^= unix.ICRNL | unix.INLCR | unix.IGNCR | unix.ISTRIP | unix.PARMRK
	raw.Lflag &^= unix.ICANON | unix.ECHO | unix.ECHONL | unix.IEXTEN
	raw.Cc[unix.VQUIT], raw.Cc[unix.VSUSP] = noCharacter, noCharacter
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(t.fd, setModes, &raw)
}

// restore restores the modes. It must not be called in the background either.
func (t *tty) restore() {
	if t.before != nil {
		unix.IoctlSetTermios(t.fd, setModes, t.before)
		t.before = nil
	}
}

// read reads what is typed, or returns 0 when nothing was for so long.
func (t *tty) read(p []byte, timeout time.Duration) (int, error) {
	var fds unix.FdSet
	fds.Set(t.fd)
	tv := unix.NsecToTimeval(int64(timeout))
	n, err := unix.Select(t.fd+1, &fds, nil, nil, &tv)
	if n == 0 || errors.Is(err, unix.EINTR) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	n, err = unix.Read(t.fd, p)
	switch {
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// columns returns how wide the terminal is.
func (t *tty) columns() int {
	if size, err := unix.IoctlGetWinsize(t.fd, unix.TIOCGWINSZ); err == nil && size.Col > 0 {
		return int(size.Col)
	}
	return 80
}

// keysSignal switches on or off that Ctrl+Z stops the program at once. While keys are read it is
// one of them, so that the modes are restored before: a program that catches the signal cannot be
// stopped by it any more (not in Go).
func (t *tty) keysSignal(on bool) {
	modes, err := unix.IoctlGetTermios(t.fd, getModes)
	if err != nil || t.before == nil {
		return
	}
	modes.Cc[unix.VSUSP] = noCharacter
	if on {
		modes.Cc[unix.VSUSP] = t.before.Cc[unix.VSUSP]
	}
	unix.IoctlSetTermios(t.fd, setModes, modes)
}

// watchContinue notes when the program goes on after it was stopped: somebody else may have changed
// the modes.
func (t *Terminal) watchContinue() (stop func()) {
	signal.Notify(t.continued, unix.SIGCONT)
	stopped := make(chan struct{})
	go func() {
		for {
			select {
			case <-stopped:
				return
			case <-t.continued:
				t.background()
			}
		}
	}()
	return func() {
		signal.Stop(t.continued)
		close(stopped)
	}
}

// stop gives the terminal back and stops the program, and all that run with it. What it then waits
// for may not come: the system stops no program that nobody could let go on.
func (t *Terminal) stop() {
	t.leave()
	unix.Kill(0, unix.SIGTSTP)
	select {
	case <-t.continued:
	case <-time.After(look):
	}
}
