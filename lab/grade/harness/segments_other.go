//go:build !linux

package harness

import (
	"errors"
	"net"
)

// segments cannot be known here.
func segments(*net.TCPConn) (count int, bytes int64, err error) { return 0, 0, errors.ErrUnsupported }
