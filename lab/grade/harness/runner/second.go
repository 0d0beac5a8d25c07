package runner

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"pubsublab/lab/internal/proc"
)

// Spare is a runner whose submission may have a second server, for when its first one dies.
type Spare interface {
	Parting
	// HasSecond reports whether there is a command of a second server.
	HasSecond() bool
	// Fixes reports whether the port of one of them is known to be fixed in its source.
	Fixes() bool
	// SecondPort finds a port for the second server; one whose port is fixed does not look at it.
	SecondPort() (int, error)
	// Beside is the same runner, whose first server and clients are told of a second server at a
	// port: {port2} in their commands. Closing either closes both.
	Beside(port2 int) Spare
	// Second starts the second server on a port, and tells it that of the first as {port1}.
	Second(ctx context.Context, port, port1 int) (*Program, error)
}

// HasSecond reports whether there is a command of a second server.
func (p *Processes) HasSecond() bool { return len(p.second) > 0 }

// Fixes reports whether the commands of the servers do not both say a port.
func (p *Processes) Fixes() bool { return p.port > 0 || !p.tellsSecond() }

// tellsSecond reports whether the command of the second server says its port.
func (p *Processes) tellsSecond() bool {
	return slices.ContainsFunc(p.second, func(word string) bool { return strings.Contains(word, "{port}") })
}

// SecondPort is one that is free just now.
func (p *Processes) SecondPort() (int, error) { return proc.FreePort(context.Background(), "") }

// Beside is the same runner beside a second server.
func (p *Processes) Beside(port2 int) Spare { return &beside{p, strconv.Itoa(port2)} }

// Second starts the command of the second server. Its program has no Addresses where its port is fixed.
func (p *Processes) Second(_ context.Context, port, port1 int) (*Program, error) {
	number := strconv.Itoa(port)
	program, err := p.start(replaced(fill(p.second, proc.Loopback, number, "", ""), "{port1}", strconv.Itoa(port1)))
	if err != nil {
		return nil, err
	}
	if p.tellsSecond() {
		program.Addresses = []string{net.JoinHostPort(proc.Loopback, number)}
	}
	return program, nil
}

// beside is a runner whose programs are told of a second server.
type beside struct {
	*Processes
	port2 string
}

func (b *beside) Server(_ context.Context, port int) (*Program, error) {
	return b.serve(replaced(b.server, "{port2}", b.port2), port)
}

func (b *beside) Client(_ context.Context, server net.Addr, role, topic string) (*Program, error) {
	host, port, err := net.SplitHostPort(server.String())
	if err != nil {
		return nil, err
	}
	return b.start(replaced(fill(b.clients[role], host, port, role, topic), "{port2}", b.port2))
}
