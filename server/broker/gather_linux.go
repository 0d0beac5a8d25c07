package broker

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// gatherer has many pieces written by one call of the system.
type gatherer struct{ pieces [1024]unix.Iovec }

// write writes what a socket takes of the beginning of run, at most 1,024 pieces.
func (g *gatherer) write(fd int, run [][]byte) (int, error) {
	if len(run) == 1 {
		return unix.Write(fd, run[0])
	}
	pieces := g.pieces[:min(len(run), len(g.pieces))]
	for i := range pieces {
		pieces[i].Base = unsafe.SliceData(run[i])
		pieces[i].SetLen(len(run[i]))
	}
	n, _, err := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&pieces[0])), uintptr(len(pieces)))
	clear(pieces)
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}
