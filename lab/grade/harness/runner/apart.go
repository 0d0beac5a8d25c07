package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"pubsublab/lab/internal/proc"
)

// Parting is a runner that can start programs apart from all others.
type Parting interface {
	Runner
	// FixedPort is the port that the source fixes, as far as the runner was told; 0: none.
	FixedPort() int
	// Apart is the same runner, whose programs have a network of their own, where any port is free.
	// Close closes only the runner it is of. An error is that this machine does not allow it.
	Apart() (Runner, error)
}

// FixedPort is that of the commands.
func (p *Processes) FixedPort() int { return p.port }

// Apart is the same runner with a network of its own.
func (p *Processes) Apart() (Runner, error) {
	network, err := newNamespace()
	if err != nil {
		return nil, err
	}
	apart := *p
	apart.network = network
	return &apart, nil
}

// With is the same runner, whose programs are in the network of those of another.
func (p *Processes) With(other *Processes) *Processes {
	with := *p
	with.network = other.network
	return &with
}

// Listen opens a port on the proc.Loopback, or one that is given at all addresses: a client that knows
// its port may know its address, too.
func (p *Processes) Listen(port int) (listener net.Listener, err error) {
	address := proc.Loopback + ":0"
	if port > 0 {
		address = ":" + strconv.Itoa(port)
	}
	err = p.network.enter(func() error {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// Dial connects to a program, at an address of this machine. One that was this machine's a moment ago,
// of a bridge between containers for instance, may lead to somebody else by now, and that is an error.
func (p *Processes) Dial(ctx context.Context, address string) (conn *net.TCPConn, err error) {
	const local = time.Second // here a program answers at once, or the system does
	ctx, cancel := context.WithTimeout(ctx, local)
	defer cancel()
	err = p.network.enter(func() error {
		conn, err = dial(ctx, address)
		return err
	})
	if err != nil {
		return nil, err
	}
	ours, theirs := conn.LocalAddr().(*net.TCPAddr), conn.RemoteAddr().(*net.TCPAddr)
	if !theirs.IP.IsLoopback() && !theirs.IP.Equal(ours.IP) {
		return nil, errors.Join(fmt.Errorf("%s is no address of this machine", theirs.IP), conn.Close())
	}
	return conn, nil
}

// dial connects from the network of the thread.
func dial(ctx context.Context, address string) (*net.TCPConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}
