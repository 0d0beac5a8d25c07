// Package runner runs the programs of a submission, as processes or as containers, and leaves nothing of them behind.
package runner

import (
	"context"
	"fmt"
	"net"
	"strings"

	"pubsublab/lab/grade/tape"
)

// outputLimit is how much of a program's output is kept, in bytes.
const outputLimit = 4 << 20

// Roles of clients, as the assignment spells them.
const (
	Publisher  = "PUBLISHER"
	Subscriber = "SUBSCRIBER"
)

// A Runner starts the programs of one submission. Methods may be called concurrently.
type Runner interface {
	// Kind is "processes" or "containers".
	Kind() string
	// Port finds a port for a server.
	Port() (int, error)
	// Server starts the server on a port, and does not wait until it listens.
	Server(ctx context.Context, port int) (*Program, error)
	// HasClient says whether the submission has a client.
	HasClient() bool
	// AsksRole says whether the client has to be told its role by typing it.
	AsksRole() bool
	// Listen opens a port that clients of the submission can connect to.
	Listen() (net.Listener, error)
	// Client starts the client in a role, for a server at an address that Listen gave.
	Client(ctx context.Context, server net.Addr, role string) (*Program, error)
	// Close kills what still runs and removes what was made.
	Close() error
}

// Program is a program of the submission that was started. Methods may be called concurrently.
type Program struct {
	// Addresses are where the server may listen, host:port, the likeliest first. Empty for clients.
	Addresses []string
	// Output is what it wrote to stdout and stderr; it ends with the program.
	Output *tape.Tape

	done chan struct{}
	exit Exit // written before done is closed
	unit unit
}

// unit is how a kind of runner handles one program.
type unit interface {
	write(text string) error
	interrupt() error
	kill() // with all that it started; returns when all is gone
}

func newProgram() *Program {
	return &Program{Output: tape.New(outputLimit), done: make(chan struct{})}
}

// finish is called once when the program has ended and all its output was taken.
func (p *Program) finish(e Exit) {
	p.exit = e
	p.Output.End()
	close(p.done)
}

// Type writes to its standard input, as a person would type. A line ends in a newline.
func (p *Program) Type(text string) error { return p.unit.write(text) }

// Interrupt does what Ctrl+C does.
func (p *Program) Interrupt() error { return p.unit.interrupt() }

// Kill ends it, if it still runs, and everything that it started, and returns when that is gone.
func (p *Program) Kill() {
	p.unit.kill()
	<-p.done
}

// Done is closed when the program has ended.
func (p *Program) Done() <-chan struct{} { return p.done }

// Exit says how it ended. Only to be called when Done is closed.
func (p *Program) Exit() Exit { return p.exit }

// Exit is how a program ended.
type Exit struct {
	Code   int    // -1 if it was killed by a signal
	Signal string // "killed", for instance; empty if it ended by itself
}

func (e Exit) String() string {
	if e.Signal != "" {
		return "by the signal: " + e.Signal
	}
	return fmt.Sprintf("with exit code %d", e.Code)
}

// fill puts values in the place of {host}, {port} and {role}.
func fill(words []string, host, port, role string) []string {
	replace := strings.NewReplacer("{host}", host, "{port}", port, "{role}", role)
	filled := make([]string, len(words))
	for i, word := range words {
		filled[i] = replace.Replace(word)
	}
	return filled
}
