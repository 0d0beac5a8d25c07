package runner

import (
	"errors"
	"os"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func interruptGroup(*os.Process) error { return errors.ErrUnsupported }

func killGroup(p *os.Process) error { return p.Kill() }

func openOutput() (ours, theirs *os.File, err error) { return os.Pipe() }

func exitOf(s *os.ProcessState) Exit { return Exit{Code: s.ExitCode()} }

// refuseReserved does nothing: Windows refuses by itself.
func refuseReserved(_, _ string, _ syscall.RawConn) error { return nil }
