//go:build unix

package proc

import (
	"errors"
	"syscall"
)

// refuseReserved makes listening fail on a port that the system keeps reserved for connections that
// ended.
func refuseReserved(_, _ string, c syscall.RawConn) error {
	var err error
	refused := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0)
	})
	return errors.Join(refused, err)
}
