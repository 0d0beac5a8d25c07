//go:build unix

package topology

import (
	"errors"
	"os"
	"syscall"
)

// ownGroup puts a process into a group of its own: a Ctrl+C on the terminal goes to the lab alone, which then ends its
// nodes in order, and nothing that a node starts is left behind.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func signalGroup(p *os.Process, signal syscall.Signal) error {
	if err := syscall.Kill(-p.Pid, signal); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil // it has ended
}

// terminateGroup also wakes a paused process, which would otherwise not see the signal.
func terminateGroup(p *os.Process) error {
	return errors.Join(signalGroup(p, syscall.SIGTERM), signalGroup(p, syscall.SIGCONT))
}

func killGroup(p *os.Process) error    { return signalGroup(p, syscall.SIGKILL) }
func pauseGroup(p *os.Process) error   { return signalGroup(p, syscall.SIGSTOP) }
func unpauseGroup(p *os.Process) error { return signalGroup(p, syscall.SIGCONT) }

// exitCode is the code as Docker reports it: 128 plus the signal for a process that was killed by one.
func exitCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}
