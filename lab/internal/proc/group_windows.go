package proc

import (
	"errors"
	"os"
	"syscall"
)

func ownGroup(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.CreationFlags |= syscall.CREATE_NEW_PROCESS_GROUP
	return attr
}

func interruptGroup(*os.Process) error { return errors.ErrUnsupported }
func pauseGroup(*os.Process) error     { return errors.ErrUnsupported }
func resumeGroup(*os.Process) error    { return errors.ErrUnsupported }

// terminateGroup kills: Windows has no signal by which one process could ask another one to end.
func terminateGroup(p *os.Process) error { return killGroup(p) }

func killGroup(p *os.Process) error {
	if err := p.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func exitOf(s *os.ProcessState) Exit { return Exit{Code: s.ExitCode()} }
