package runner

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	psnet "github.com/shirou/gopsutil/v4/net"

	"pubsublab/lab/internal/proc"
)

// Ports are the TCP ports on which the program, and what it started, listens just now, in ascending
// order. Empty where that cannot be seen: of containers, of other users' programs.
func (p *Program) Ports() (ports []int) {
	for _, address := range p.Listening() {
		if _, text, err := net.SplitHostPort(address); err == nil {
			if port, err := strconv.Atoi(text); err == nil && !slices.Contains(ports, port) {
				ports = append(ports, port)
			}
		}
	}
	return ports
}

// Listening are the addresses at which the program, or what it started, was found to listen, wherever
// it was told to, the lowest port first. Empty where the system does not say.
func (p *Program) Listening() (addresses []string) {
	all := p.connections("tcp")
	slices.SortStableFunc(all, func(a, b psnet.ConnectionStat) int { return cmp.Compare(a.Laddr.Port, b.Laddr.Port) })
	for _, c := range all {
		if c.Status != "LISTEN" {
			continue
		}
		host := c.Laddr.IP
		if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
			host = proc.Loopback
		}
		if address := net.JoinHostPort(host, strconv.Itoa(int(c.Laddr.Port))); !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// connections are those of the program, and of what it started, of a kind: "tcp" or "udp".
func (p *Program) connections(kind string) (all []psnet.ConnectionStat) {
	h, ok := p.handle.(*processHandle)
	if !ok {
		return nil
	}
	for _, pid := range h.process.Members() {
		if connections, err := psnet.ConnectionsPid(kind, pid); err == nil { // or it has ended
			all = append(all, connections...)
		}
	}
	return all
}

// Besides reports whether the program has other ports open than one: where it listens, or for datagrams.
// Of containers, and of other users' programs, nobody knows.
func (p *Program) Besides(port int) bool {
	return len(p.connections("udp")) > 0 || slices.ContainsFunc(p.Ports(), func(other int) bool { return other != port })
}

// Read is how many bytes of a connection, which Dial made, the server has read so far. An error is
// that the connection is gone, or that the system does not say.
func (p *Program) Read(conn *net.TCPConn) (int64, error) {
	h, ok := p.handle.(*processHandle)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return h.network.read(conn.RemoteAddr().(*net.TCPAddr).AddrPort(), conn.LocalAddr().(*net.TCPAddr).AddrPort())
}

// Queue is how many connections wait until a server accepts them. When there are more than it told the
// system to keep, a client that connects is answered a second later, or more.
type Queue struct{ Waiting, Most int }

// Queue is that of whoever listens on a port, of those that share the network with the program; nil
// where nobody does. An error is that the system does not say.
func (p *Program) Queue(port int) (*Queue, error) {
	h, ok := p.handle.(*processHandle)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return h.network.listener(port)
}

// Taken reports whether a program listens on a port, of those that share the network with this one.
// It is quicker than Listening. An error is that the system does not say.
func (p *Program) Taken(port int) (bool, error) {
	if queue, err := p.Queue(port); err == nil {
		return queue != nil, nil
	}
	const listens = "0A"
	n, err := p.sockets(port, listens)
	return n > 0, err
}

// Unclosed is how many connections to a port there are of which only the other side has closed its end,
// under the same conditions as in Taken.
func (p *Program) Unclosed(port int) (int, error) {
	const closeWait = "08"
	return p.sockets(port, closeWait)
}

// Serves reports whether somebody is connected to a port on which the program listens; never where that
// cannot be seen.
func (p *Program) Serves() bool {
	const established = "01"
	return slices.ContainsFunc(p.Ports(), func(port int) bool {
		n, err := p.sockets(port, established)
		return err == nil && n > 0
	})
}

// sockets counts those that have a port of their own and are in a state, as the system numbers it.
func (p *Program) sockets(port int, in string) (n int, err error) {
	h, ok := p.handle.(*processHandle)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	var wrong []error
	for _, name := range []string{"tcp", "tcp6"} {
		file, err := os.Open(h.network.table(h.process.PID(), name))
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		defer file.Close()
		const local, state = 1, 3
		end := fmt.Sprintf(":%04X", port)
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) > state && strings.HasSuffix(fields[local], end) && fields[state] == in {
				n++
			}
		}
	}
	if len(wrong) == 2 {
		return 0, errors.Join(wrong...)
	}
	return n, nil
}
