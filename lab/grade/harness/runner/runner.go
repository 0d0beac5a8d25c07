// Package runner runs the programs of a submission, as processes or as containers, and leaves
// nothing of them behind.
package runner

import (
	"context"
	"io"
	"net"

	"pubsublab/lab/grade/harness/recorder"
	"pubsublab/lab/internal/proc"
)

// OutputLimit is how much of a program's output is kept, in bytes.
const OutputLimit = 4 << 20

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
	// HasClient reports whether the submission has a client.
	HasClient() bool
	// Types are the lines that are typed at a client in a role as it starts, in order, without
	// their newlines: its role, for instance. {host} and {port} in them stand for the server's
	// address. Empty where it takes all from its command line, or asks.
	Types(role, topic string) []string
	// Line is what is typed at a publisher of a topic to publish a message: the text as it is, unless the
	// client takes commands.
	Line(topic, text string) string
	// Listen opens a port that clients of the submission can connect to, 0 for any.
	Listen(port int) (net.Listener, error)
	// Client starts the client in a role, for a server at an address that Listen gave. The topic
	// is for clients that are told one, and may hold anything where the client is not.
	Client(ctx context.Context, server net.Addr, role, topic string) (*Program, error)
	// Dial connects to where the server listens.
	Dial(ctx context.Context, address string) (*net.TCPConn, error)
	// Close kills what still runs and removes what was made.
	Close() error
}

// Program is a program of the submission that was started. Methods may be called concurrently.
type Program struct {
	// Addresses are where the server may listen, host:port, the likeliest first. Empty for clients.
	Addresses []string
	// Output is what it showed, of stdout and stderr, without the escape sequences by which
	// terminals colour and move; it ends with the program.
	Output *recorder.Recorder

	done   chan struct{}
	exit   Exit // written before done is closed
	handle handle
}

// handle is how a kind of runner handles one program.
type handle interface {
	write(text string) error
	interrupt() error
	kill() // with all that it started; returns when all is gone
}

func newProgram() *Program {
	return &Program{Output: recorder.New(OutputLimit), done: make(chan struct{})}
}

// screen is what its output is written to.
func (p *Program) screen() io.Writer { return &screen{to: p.Output} }

// finish is called once when the program has ended and all its output was taken.
func (p *Program) finish(e Exit) {
	p.exit = e
	p.Output.End()
	close(p.done)
}

// Type types at its terminal, as a person would. A newline is the key Enter; one of the text
// "\x03" or "\x04" is Ctrl+C or Ctrl+D. It is not shown in Output, unless the program shows it. A
// program that takes nothing for long, or has ended, is an error.
func (p *Program) Type(text string) error { return p.handle.write(text) }

// Interrupt presses Ctrl+C at its terminal: the system interrupts the programs that were started
// there, or gives them the key where they have asked for that. Windows has no way to do it.
func (p *Program) Interrupt() error { return p.handle.interrupt() }

// Kill ends it, if it still runs, and everything that it started, and returns when that is gone.
func (p *Program) Kill() {
	p.handle.kill()
	<-p.done
}

// Done is closed when the program has ended.
func (p *Program) Done() <-chan struct{} { return p.done }

// Exit says how it ended. Only to be called when Done is closed.
func (p *Program) Exit() Exit { return p.exit }

// Exit is how a program ended.
type Exit = proc.Exit
