//go:build unix

package broker

import (
	"errors"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// writesAtOnce reports whether writeAtOnce can write to conn.
func writesAtOnce(conn net.Conn) bool {
	_, ok := conn.(syscall.Conn)
	return ok
}

// writeAtOnce writes what a socket takes without waiting. The error is errors.ErrUnsupported where
// conn is no socket.
func writeAtOnce(conn net.Conn, run [][]byte, g *gatherer) (n int, err error) {
	var failed error
	err = attempt(conn, func(fd int) bool {
		n, failed = g.write(fd, run)
		return true
	})
	switch {
	case err != nil:
		return 0, err
	case failed == unix.EAGAIN || failed == unix.EINTR:
		return 0, nil
	}
	return max(n, 0), failed
}

// readAtOnce reads what has come, and waits until something has. The error is errors.ErrUnsupported
// where conn is no socket.
func readAtOnce(conn net.Conn, p []byte) (n int, err error) {
	raw, err := socket(conn)
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for {
			if n, failed = read(int(fd), p); failed != unix.EINTR {
				return failed != unix.EAGAIN
			}
		}
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, failed
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// waitWritable waits until writeAtOnce can write something, or finds an error. It looks once before
// it waits, because what has happened before wakes nobody.
func waitWritable(conn net.Conn) error {
	return attempt(conn, writable)
}

// writable reports whether a socket takes something, or has an error.
func writable(fd int) bool {
	look := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		if n, err := unix.Poll(look, 0); err != unix.EINTR {
			return n != 0
		}
	}
}

// socket returns the socket of conn. The error is errors.ErrUnsupported where it has none.
func socket(conn net.Conn) (syscall.RawConn, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return sc.SyscallConn()
}

// attempt calls f whenever conn may take something, until f returns true.
func attempt(conn net.Conn, f func(fd int) bool) error {
	raw, err := socket(conn)
	if err != nil {
		return err
	}
	return raw.Write(func(fd uintptr) bool { return f(int(fd)) })
}
