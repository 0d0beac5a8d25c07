//go:build unix

package proc

import (
	"errors"
	"os"
	"syscall"
)

// ownGroup makes the program the first of a group of its own, which a session of its own is too.
func ownGroup(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Setpgid = !attr.Setsid
	return attr
}

func signalGroup(p *os.Process, signal syscall.Signal) error {
	if err := syscall.Kill(-p.Pid, signal); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil // it has ended
}

func interruptGroup(p *os.Process) error { return signalGroup(p, syscall.SIGINT) }
func killGroup(p *os.Process) error      { return signalGroup(p, syscall.SIGKILL) }
func pauseGroup(p *os.Process) error     { return signalGroup(p, syscall.SIGSTOP) }
func resumeGroup(p *os.Process) error    { return signalGroup(p, syscall.SIGCONT) }

// terminateGroup also wakes a paused process, which would otherwise not see the signal.
func terminateGroup(p *os.Process) error {
	return errors.Join(signalGroup(p, syscall.SIGTERM), signalGroup(p, syscall.SIGCONT))
}

func exitOf(s *os.ProcessState) Exit {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Code: -1, Number: int(status.Signal()), Signal: status.Signal().String()}
	}
	return Exit{Code: s.ExitCode()}
}
