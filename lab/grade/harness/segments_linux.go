package harness

import (
	"net"

	"golang.org/x/sys/unix"
)

// segments is in how many pieces a connection has received how many bytes so far, whoever has read them.
func segments(conn *net.TCPConn) (count int, bytes int64, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var info *unix.TCPInfo
	var wrong error
	if err := raw.Control(func(fd uintptr) { info, wrong = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil {
		return 0, 0, err
	}
	if wrong != nil {
		return 0, 0, wrong
	}
	return int(info.Data_segs_in), int64(info.Bytes_received), nil
}
