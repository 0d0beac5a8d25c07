//go:build unix

package runner

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

const (
	// longestLine is how long a line may be that is typed in one go: of a longer one the system
	// keeps the first 4095 bytes while it collects lines.
	longestLine = 4000
	// typeTimeout is how long a program may take nothing of what is typed.
	typeTimeout = 5 * time.Second
)

// terminal is a terminal that a program runs on, as if a person sat at it: its input and its output
// are one, it is the controlling one of a session of the program's own (/dev/tty), lines are
// collected and ^C and ^D do what they do. But for two things that would be in the way: what is
// typed is not shown, unless the program does it, and no byte that is written is changed.
type terminal struct {
	ours   *os.File
	theirs *os.File // kept open, so that nothing that was written is lost before it is read
}

// openTerminal puts a command that is about to be started on a terminal.
func openTerminal(command *exec.Cmd) (*terminal, error) {
	ours, theirs, err := pty.Open()
	if err != nil {
		return nil, err
	}
	t := &terminal{ours: ours, theirs: theirs}
	if err := t.prepare(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	command.Stdin, command.Stdout, command.Stderr = theirs, theirs, theirs
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // of descriptor 0
	return t, nil
}

func (t *terminal) prepare() error {
	modes, err := t.modes()
	if err != nil {
		return err
	}
	modes.Lflag &^= unix.ECHO | unix.ECHONL
	modes.Lflag |= unix.NOFLSH // so that ^C does not throw away what was shown
	modes.Oflag &^= unix.OPOST
	if err := t.setModes(modes); err != nil {
		return err
	}
	// Wide, so that programs that fit their lines to it do not break them.
	if err := pty.Setsize(t.theirs, &pty.Winsize{Rows: 50, Cols: 250}); err != nil {
		return err
	}
	// Opened again in a way in which writing has a timeout.
	fd, err := unix.FcntlInt(t.ours.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	blocking := t.ours
	t.ours = os.NewFile(uintptr(fd), blocking.Name())
	return blocking.Close()
}

func (t *terminal) modes() (*unix.Termios, error) {
	return unix.IoctlGetTermios(int(t.theirs.Fd()), getTermios)
}

func (t *terminal) setModes(modes *unix.Termios) error {
	return unix.IoctlSetTermios(int(t.theirs.Fd()), setTermios, modes)
}

// write types text. The key that ends a line is Enter.
func (t *terminal) write(text string) error {
	long := false
	for line := range strings.Lines(text) {
		long = long || len(line) > longestLine
	}
	if long {
		modes, err := t.modes()
		if err != nil {
			return err
		}
		if modes.Lflag&unix.ICANON != 0 {
			return t.writeLong(text, modes)
		}
	}
	return t.press(strings.ReplaceAll(text, "\n", "\r"))
}

// writeLong types lines that are longer than the system collects: it is told not to, until the
// program has taken all.
func (t *terminal) writeLong(text string, modes *unix.Termios) error {
	raw := *modes
	raw.Lflag &^= unix.ICANON
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := t.setModes(&raw); err != nil {
		return err
	}
	err := t.press(strings.ReplaceAll(text, "\n", "\r"))
	const settled = 10 // looks: what was typed takes a moment to the program's side
	for end, looks := time.Now().Add(typeTimeout), 0; err == nil && looks < settled && time.Now().Before(end); looks++ {
		time.Sleep(time.Millisecond)
		if left, wrong := unix.IoctlGetInt(int(t.theirs.Fd()), inputQueue); wrong == nil && left > 0 {
			looks = -1
		}
	}
	return errors.Join(err, t.setModes(modes))
}

// press presses keys.
func (t *terminal) press(keys string) error {
	if err := t.ours.SetWriteDeadline(time.Now().Add(typeTimeout)); err != nil {
		return err
	}
	_, err := t.ours.WriteString(keys)
	return err
}

// interrupt presses Ctrl+C: the system interrupts the program's group, unless the program has asked
// to be given the key.
func (t *terminal) interrupt() error { return t.press("\x03") }

func (t *terminal) close() error { return errors.Join(t.ours.Close(), t.theirs.Close()) }
