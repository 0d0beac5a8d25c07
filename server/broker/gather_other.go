//go:build unix && !linux

package broker

import "golang.org/x/sys/unix"

// read reads what a socket has.
func read(fd int, p []byte) (int, error) { return unix.Read(fd, p) }

// gatherer has pieces written.
type gatherer struct{}

// write writes what a socket takes of the beginning of run.
func (*gatherer) write(fd int, run [][]byte) (n int, err error) {
	for _, data := range run {
		m, err := unix.Write(fd, data)
		n += max(m, 0)
		if n > 0 && m < len(data) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
