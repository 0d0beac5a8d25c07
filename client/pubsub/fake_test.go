package pubsub

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/protocol"
)

func TestMain(m *testing.M) {
	firstPause = time.Millisecond
	goleak.VerifyTestMain(m)
}

// fake is a server that does with each connection, in turn, what a script
// says, and refuses those that come after the last.
type fake struct {
	t    testing.TB
	addr string
}

func newFake(t testing.TB, scripts ...func(*peer)) *fake {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &fake{t: t, addr: listener.Addr().String()}
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
			p := &peer{t: t, conn: conn.(*net.TCPConn), r: bufio.NewReaderSize(conn, 1<<18), number: i + 1}
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			script(p)
			conn.Close()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return f
}

// peer is the server's side of one connection. It fails the test with a
// sentence, but never stops the goroutine that it is used on.
type peer struct {
	t      testing.TB
	conn   *net.TCPConn
	r      *bufio.Reader
	number int
}

// accept does the handshake and returns the role line; %s formats go on from
// "registered as ROLE name=NAME".
func (p *peer) accept(more string) protocol.Hello {
	p.send(protocol.Prompt)
	h, err := protocol.ParseHello(p.line())
	if err != nil {
		p.t.Errorf("connection %d: %v", p.number, err)
	}
	name := h.Name
	if name == "" {
		name = p.conn.RemoteAddr().String()
	}
	p.send(fmt.Sprintf("registered as %s name=%s publishers=1 subscribers=1%s\n", h.Role, name, more))
	return h
}

func (p *peer) send(s string) { p.conn.Write([]byte(s)) }

// line reads a line; "<gone>" is the end.
func (p *peer) line() string {
	s, err := p.r.ReadString('\n')
	if err != nil {
		return s + "<gone>"
	}
	return string(protocol.TrimLine([]byte(s)))
}

// want reads these lines.
func (p *peer) want(lines ...string) {
	for _, want := range lines {
		if got := p.line(); got != want {
			p.t.Errorf("connection %d: got line %q, want %q", p.number, got, want)
			return
		}
	}
}

// reset makes the client see a broken connection rather than an end.
func (p *peer) reset() {
	p.conn.SetLinger(0)
	p.conn.Close()
}

// discard acknowledges all it reads until it reads terminate.
func (p *peer) discard() {
	buf := make([]byte, 256<<10)
	lines := 0
	for {
		n, err := p.r.Read(buf)
		if err != nil {
			return
		}
		lines += bytes.Count(buf[:n], []byte{'\n'})
		end := bytes.HasSuffix(buf[:n], []byte(protocol.Terminate+"\n"))
		if end {
			lines--
		}
		p.send(fmt.Sprintf("ack %d\n", lines))
		if end {
			return
		}
	}
}

func numbered(prefix string, from, to int) (lines []string) {
	for i := from; i <= to; i++ {
		lines = append(lines, fmt.Sprintf("%s %d", prefix, i))
	}
	return lines
}

func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
