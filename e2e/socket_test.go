package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

const prompt = "Enter your role (PUBLISHER/SUBSCRIBER) : "

// socket is a client made of nothing but a socket, as a person has with nc.
type socket struct {
	*net.TCPConn
	t *testing.T
	r *bufio.Reader
}

// dial connects, and takes the prompt.
func dial(t *testing.T, addr string) *socket {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(wait.Deadline(t)))
	s := &socket{conn.(*net.TCPConn), t, bufio.NewReaderSize(conn, 1<<20)}
	got := make([]byte, len(prompt))
	_, err = io.ReadFull(s.r, got)
	require.NoError(t, err)
	require.Equal(t, prompt, string(got), "P1")
	return s
}

// join connects as a client with that role line, and returns after it was accepted.
func join(t *testing.T, addr, role string) *socket {
	t.Helper()
	s := dial(t, addr)
	s.send(role + "\n")
	require.Regexp(t, "^registered as ", s.line(), "P4")
	return s
}

func (s *socket) send(text string) {
	s.t.Helper()
	_, err := io.WriteString(s.TCPConn, text)
	require.NoError(s.t, err)
}

// line takes one line, without its line end.
func (s *socket) line() string {
	s.t.Helper()
	line, err := s.r.ReadString('\n')
	require.NoError(s.t, err)
	return strings.TrimSuffix(line, "\n")
}

// rest takes all lines until the server closes.
func (s *socket) rest() []string {
	s.t.Helper()
	text, err := io.ReadAll(s.r)
	require.NoError(s.t, err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// end takes the end of the connection, which must come next.
func (s *socket) end() {
	s.t.Helper()
	_, err := s.r.ReadByte()
	require.ErrorIs(s.t, err, io.EOF)
}

// reset breaks the connection without a last word, as a crash of the machine or
// a NAT does.
func (s *socket) reset() {
	require.NoError(s.t, s.SetLinger(0))
	require.NoError(s.t, s.Close())
}

// silent requires that nothing is to be read for now.
func (s *socket) silent(d time.Duration) {
	s.t.Helper()
	require.NoError(s.t, s.SetReadDeadline(time.Now().Add(d)))
	_, err := s.r.ReadByte()
	var timeout net.Error
	require.True(s.t, errors.As(err, &timeout) && timeout.Timeout(), "nothing was expected, not even an end (%v)", err)
	require.NoError(s.t, s.SetReadDeadline(wait.Deadline(s.t)))
}

// until reads lines up to one that has that prefix and holds that text.
func (s *socket) until(text, prefix string) {
	s.t.Helper()
	for {
		if line := s.line(); strings.HasPrefix(line, prefix) && strings.Contains(line, text) {
			return
		}
	}
}

// scripted is a publisher that publishes a script as far as it is told.
type scripted struct {
	*socket
	name  string
	lines []string
	sent  int
}

// joinScripted registers a publisher with a script of n lines.
func joinScripted(t *testing.T, addr, name string, n int) *scripted {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(string(script(name, n)), "\n"), "\n")
	return &scripted{join(t, addr, "PUBLISHER ack=yes name="+name), name, lines, 0}
}

// publish publishes the next n lines, and returns when they are acknowledged.
func (p *scripted) publish(n int) {
	p.t.Helper()
	p.send(strings.Join(p.lines[p.sent:p.sent+n], "\n") + "\n")
	p.sent += n
	p.until("", fmt.Sprintf("ack %d", p.sent))
}

// finish says terminate.
func (p *scripted) finish() {
	p.t.Helper()
	p.send("terminate\n")
	p.end()
}

// reader is a subscriber that reads all it can from its socket.
type reader struct {
	name     string
	lines    atomic.Int64
	received chan string // when a publisher has left, or the broker has cut it off: its transcript
}

// reader joins as a subscriber of that name.
func (s *testbed) reader(name string) *reader {
	s.t.Helper()
	sub := join(s.t, s.Addr(), "SUBSCRIBER format=tsv name="+name)
	r := &reader{name: name, received: make(chan string, 1)}
	go func() {
		var transcript strings.Builder
		for {
			line, err := sub.r.ReadString('\n')
			transcript.WriteString(line)
			if err != nil || strings.HasPrefix(line, "#left\t") && strings.Contains(line, "\tPUBLISHER\t") {
				r.received <- transcript.String()
				return
			}
			if !strings.HasPrefix(line, "#") {
				r.lines.Add(1)
			}
		}
	}()
	return r
}
