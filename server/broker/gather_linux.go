package broker

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below go past Go's scheduler. They never wait, but they copy for longer than the 20 µs
// after which it would give the processor to another thread, which costs more than it brings.

// read reads what a socket has.
func read(fd int, p []byte) (int, error) {
	return result(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func result(n, _ uintptr, err unix.Errno) (int, error) {
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}

// gatherer has many pieces written by one call of the system.
type gatherer struct{ pieces [1024]unix.Iovec }

// write writes what a socket takes of the beginning of run, at most 1,024 pieces.
func (g *gatherer) write(fd int, run [][]byte) (int, error) {
	pieces := g.pieces[:min(len(run), len(g.pieces))]
	for i := range pieces {
		pieces[i].Base = unsafe.SliceData(run[i])
		pieces[i].SetLen(len(run[i]))
	}
	defer clear(pieces)
	return result(unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&pieces[0])), uintptr(len(pieces))))
}
