package broker

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What is under way to a client takes memory of the system, and leaves the processor's cache when it
// is much. A client that is near needs little of it; the system knows best what one far away needs.
const nearby = 2 * time.Millisecond // round trip

// boundSendBuffer bounds what is under way to a client that is near, to so many bytes, of which the
// system makes twice as many.
func boundSendBuffer(raw net.Conn, size int) {
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return
	}
	sc, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	var info *unix.TCPInfo
	sc.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), syscall.IPPROTO_TCP, unix.TCP_INFO) })
	if err == nil && info != nil && info.Min_rtt < uint32(nearby.Microseconds()) {
		tcp.SetWriteBuffer(size)
	}
}
