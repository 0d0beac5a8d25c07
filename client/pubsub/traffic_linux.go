package pubsub

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// trafficOf asks the kernel.
func trafficOf(conn net.Conn) (traffic, error) {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return traffic{}, errors.ErrUnsupported
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return traffic{}, err
	}
	var info *unix.TCPInfo
	if controlErr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}); controlErr != nil {
		return traffic{}, controlErr
	}
	if err != nil {
		return traffic{}, err
	}
	return traffic{
		underWay: info.Unacked > 0 || info.Probes > 0,
		silence:  time.Duration(info.Last_ack_recv) * time.Millisecond,
	}, nil
}
