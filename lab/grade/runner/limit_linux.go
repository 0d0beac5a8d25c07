package runner

import "golang.org/x/sys/unix"

// limit keeps a program from filling the disk. It may have ended already, so errors do not matter.
func limit(pid int) {
	const largestFile = 256 << 20
	_ = unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: largestFile, Max: largestFile}, nil)
	_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
}
