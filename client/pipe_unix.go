//go:build unix

package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchPipe calls closed once nobody reads from a pipe any more, which a writer that has nothing to
// write would not notice. It watches until the returned function is called, and does nothing for a
// file that is no pipe.
func watchPipe(file *os.File, closed func()) (stop func()) {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return func() {}
	}
	stopped, done := make(chan struct{}), make(chan struct{})
	fds := []unix.PollFd{{Fd: int32(file.Fd())}}
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
			}
			if n, _ := unix.Poll(fds, 0); n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
				closed()
				return
			}
		}
	}()
	return func() {
		close(stopped)
		<-done
	}
}
