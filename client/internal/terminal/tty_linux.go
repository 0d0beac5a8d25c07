package terminal

import "golang.org/x/sys/unix"

const (
	getModes, setModes = unix.TCGETS, unix.TCSETS
	noCharacter        = 0 // switches a control character off

	// mostCooked is the longest line that a terminal lets pass without editing, in bytes, its line
	// end not counted.
	mostCooked = 4095
)
