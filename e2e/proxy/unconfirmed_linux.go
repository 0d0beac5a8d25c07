package proxy

import (
	"net"

	"golang.org/x/sys/unix"
)

// unconfirmed returns how many bytes that were written the other end's system has not confirmed, or
// 0 where that cannot be said: of a connection that is broken.
func unconfirmed(conn *net.TCPConn) (n int) {
	if raw, err := conn.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	}
	return n
}
