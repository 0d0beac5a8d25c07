package terminal

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// obeys reports whether a screen obeys escape sequences. A console does when it has been told to,
// from Windows 10 on.
func obeys(screen io.Writer) bool {
	file, ok := screen.(*os.File)
	if !ok {
		return false
	}
	var mode uint32
	handle := windows.Handle(file.Fd())
	return windows.GetConsoleMode(handle, &mode) == nil &&
		windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
