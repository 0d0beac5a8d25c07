//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package terminal

import "golang.org/x/sys/unix"

const (
	getModes, setModes = unix.TIOCGETA, unix.TIOCSETA
	noCharacter        = 0xff // switches a control character off

	// mostCooked is the longest line that a terminal lets pass without editing, in bytes, its line
	// end not counted.
	mostCooked = 1023
)
