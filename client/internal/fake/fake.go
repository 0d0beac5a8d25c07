// Package fake is a scripted server, for the tests of clients.
package fake

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"

	"pubsublab/e2e/ports"
	"pubsublab/e2e/wait"
	"pubsublab/protocol"
)

// Server is a server that does with each connection, in turn, what a script says, and refuses those
// that come after the last.
type Server struct {
	Addr string // HOST:PORT
}

// New starts a server that ends with the test.
func New(t testing.TB, scripts ...func(*Peer)) *Server {
	listener, deadline := ports.Listen(t), wait.Deadline(t)
	s := &Server{Addr: listener.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		defer listener.Close()
		for i, script := range scripts {
			conn, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			if i == len(scripts)-1 {
				listener.Close()
			}
			p := &Peer{t: t, Conn: conn.(*net.TCPConn), R: bufio.NewReaderSize(conn, 1<<18), Number: i + 1}
			conn.SetDeadline(deadline)
			script(p)
			conn.Close()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return s
}

// Peer is the server's side of one connection. It fails the test with a sentence, but never stops
// the goroutine that uses it.
type Peer struct {
	t      testing.TB
	Conn   *net.TCPConn
	R      *bufio.Reader // of Conn
	Number int           // of the connection, from 1
}

// Accept does the handshake and returns the role line. more is the end of the welcome, with the
// space before it, such as " next=1".
func (p *Peer) Accept(more string) protocol.Hello {
	p.Send(protocol.Prompt)
	h, err := protocol.ParseHello(p.Line())
	if err != nil {
		p.t.Errorf("connection %d: %v", p.Number, err)
	}
	name := h.Name
	if name == "" {
		name = p.Conn.RemoteAddr().String()
	}
	p.Send(fmt.Sprintf("registered as %s name=%s publishers=1 subscribers=1%s\n", h.Role, name, more))
	return h
}

// Send writes s as it is.
func (p *Peer) Send(s string) { p.Conn.Write([]byte(s)) }

// Line reads a line; "<gone>" is the end.
func (p *Peer) Line() string {
	s, err := p.R.ReadString('\n')
	if err != nil {
		return s + "<gone>"
	}
	return string(protocol.TrimLine([]byte(s)))
}

// Want reads these lines.
func (p *Peer) Want(lines ...string) {
	for _, want := range lines {
		if got := p.Line(); got != want {
			p.t.Errorf("connection %d: got line %q, want %q", p.Number, got, want)
			return
		}
	}
}

// Reset makes the client see a broken connection rather than an end.
func (p *Peer) Reset() {
	p.Conn.SetLinger(0)
	p.Conn.Close()
}

// Discard acknowledges all it reads until it reads terminate.
func (p *Peer) Discard() {
	buf := make([]byte, 256<<10)
	lines := 0
	for {
		n, err := p.R.Read(buf)
		if err != nil {
			return
		}
		lines += bytes.Count(buf[:n], []byte{'\n'})
		end := bytes.HasSuffix(buf[:n], []byte(protocol.Terminate+"\n"))
		if end {
			lines--
		}
		p.Send(fmt.Sprintf("ack %d\n", lines))
		if end {
			return
		}
	}
}
