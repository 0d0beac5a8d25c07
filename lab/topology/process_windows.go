package topology

import (
	"errors"
	"os"
	"syscall"
)

// ownGroup keeps a Ctrl+C on the console from the process: the lab ends its nodes itself.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// terminateGroup kills: Windows has no signal by which one process could ask another one to end.
func terminateGroup(p *os.Process) error { return killGroup(p) }

func killGroup(p *os.Process) error {
	if err := p.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func pauseGroup(*os.Process) error   { return errors.ErrUnsupported }
func unpauseGroup(*os.Process) error { return errors.ErrUnsupported }

func exitCode(s *os.ProcessState) int { return s.ExitCode() }
