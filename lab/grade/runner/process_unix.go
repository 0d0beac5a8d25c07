//go:build unix

package runner

import (
	"errors"
	"os"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// ownGroup puts a program into a group of its own, with all that it starts.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func signalGroup(p *os.Process, signal syscall.Signal) error {
	if err := syscall.Kill(-p.Pid, signal); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil // it has ended
}

func interruptGroup(p *os.Process) error { return signalGroup(p, syscall.SIGINT) }
func killGroup(p *os.Process) error      { return signalGroup(p, syscall.SIGKILL) }

// openOutput returns the two ends of a terminal, ours and the program's: into a pipe many languages would write only
// once kilobytes have come together. It changes no byte.
func openOutput() (ours, theirs *os.File, err error) {
	ours, theirs, err = pty.Open()
	if err != nil {
		return nil, nil, err
	}
	if _, err := term.MakeRaw(int(theirs.Fd())); err != nil {
		return nil, nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	return ours, theirs, nil
}

func exitOf(s *os.ProcessState) Exit {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Code: -1, Signal: status.Signal().String()}
	}
	return Exit{Code: s.ExitCode()}
}

// refuseReserved makes listening fail on a port that the system keeps reserved for connections that ended.
func refuseReserved(_, _ string, c syscall.RawConn) error {
	var err error
	refused := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
	})
	return errors.Join(refused, err)
}
