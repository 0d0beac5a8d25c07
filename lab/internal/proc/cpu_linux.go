package proc

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the time that the program itself has used, in user and in system mode, to the nanosecond: what a short and busy
// stretch costs is less than the ticks that /proc counts.
func (p *Process) CPU() (time.Duration, error) {
	const schedClock = 2 // of the clocks of a process, the one that the scheduler keeps: clock_getcpuclockid(3)
	var used unix.Timespec
	if err := unix.ClockGettime(^int32(p.PID())<<3|schedClock, &used); err != nil {
		return 0, err
	}
	return time.Duration(used.Nano()), nil
}
