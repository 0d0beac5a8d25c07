//go:build !linux

package proc

import (
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// CPU is the time that the program itself has used, in user and in system mode.
func (p *Process) CPU() (time.Duration, error) {
	times, err := (&process.Process{Pid: int32(p.PID())}).Times()
	if err != nil {
		return 0, err
	}
	return time.Duration((times.User + times.System) * float64(time.Second)), nil
}
