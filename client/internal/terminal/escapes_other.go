//go:build !windows

package terminal

import "io"

// obeys reports whether a screen obeys escape sequences: TERM says so.
func obeys(io.Writer) bool { return true }
