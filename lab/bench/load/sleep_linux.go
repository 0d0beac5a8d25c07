package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// finerSleep lets the thread wake on time: by default the kernel may be 50 µs late, to save power.
func finerSleep() { unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) }

// sleep is exact to some microseconds, where time.Sleep may be one millisecond late.
func sleep(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	unix.Nanosleep(&t, nil)
}
