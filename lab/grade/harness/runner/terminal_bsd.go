//go:build unix && !linux

package runner

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
	inputQueue = 0x4004667f // FIONREAD, which the library does not name
)
