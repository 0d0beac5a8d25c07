package gallery_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/gallery"
)

// rig is one entry's server, and who is connected to it.
type rig struct {
	*testing.T
	entry   gallery.Entry
	timeout time.Duration // how long nothing has to happen until it is sure that nothing will; 0: it never is
	port    string
	server  *program
}

// newRig starts the entry's server. Only of a faulty entry is something awaited in
// vain: with the others, what has to come does, however long it takes.
func newRig(t *testing.T, entry gallery.Entry) *rig {
	r := &rig{T: t, entry: entry}
	if entry.Fault != "" {
		r.timeout = 3 * time.Second
	}
	for range 5 {
		r.port = freePort(t)
		if r.serve() {
			return r
		}
		if !strings.Contains(r.server.output.String(), "in use") {
			break
		} // another program's test had the same port in mind
	}
	require.FailNow(t, "the server does not say that it listens")
	return nil
}

// comes returns whether a text comes.
func (r *rig) comes(to *transcript, text string) bool { return to.has(r.T, r.timeout, text) }

// await waits for a text that has to come for the test to go on.
func (r *rig) await(to *transcript, text string) {
	r.Helper()
	require.True(r, to.has(r.T, 0, text), "%q does not come", text)
}

// serve starts the server and returns whether it came to listen.
func (r *rig) serve() bool {
	r.server = start(r.T, r.entry.Server, "{port}", r.port)
	return r.server.output.has(r.T, 0, "listening")
}

// client starts the entry's client and answers its question for the role.
func (r *rig) client(role string) *program {
	r.Helper()
	p := start(r.T, r.entry.Client, "{host}", "127.0.0.1", "{port}", r.port)
	r.await(p.output, "role")
	p.types(r.T, role)
	r.await(p.output, "regist")
	return p
}

// peer is a connection of the test's own.
type peer struct {
	net.Conn
	rig  *rig
	said *transcript // what the server said; ends when it closes
}

// dial returns nil when nothing listens.
func (r *rig) dial() *peer {
	conn, err := net.Dial("tcp", "127.0.0.1:"+r.port)
	if err != nil {
		return nil
	}
	r.Cleanup(func() { conn.Close() })
	p := &peer{Conn: conn, rig: r, said: newTranscript()}
	go func() {
		io.Copy(p.said, conn)
		p.said.end()
	}()
	return p
}

// join connects as role; nil when the server does not take it.
func (r *rig) join(role string) *peer {
	p := r.dial()
	if p == nil {
		return nil
	}
	p.say(role)
	if !r.comes(p.said, "regist") {
		return nil
	}
	return p
}

// must is join where nothing else is thinkable.
func (r *rig) must(role string) *peer {
	r.Helper()
	p := r.join(role)
	require.NotNil(r, p, "the server does not register a %s", role)
	return p
}

// say sends a message as the entry's clients do.
func (p *peer) say(message string) {
	if p.rig.entry.Framing == "lines" {
		message += "\n"
	}
	p.send(message)
}

// send gives up when not all is taken before long: what a server did not take
// shows in what comes of it.
func (p *peer) send(text string) {
	if p.rig.timeout > 0 {
		p.SetWriteDeadline(time.Now().Add(p.rig.timeout))
	}
	io.WriteString(p, text)
}

// leave closes the connection and waits until the server has heard of it.
func (p *peer) leave() {
	p.Close()
	p.rig.server.output.wait(p.rig.T, p.rig.timeout, func(text string) bool {
		name := p.LocalAddr().String()
		return strings.Contains(text, name+" disconnected") || strings.Contains(text, "disconnected: "+name)
	})
}

// terminate lets a client end by itself, so that nothing of it is under way any more.
func (p *peer) terminate() {
	p.say("terminate")
	p.said.ends(p.rig.T, 0)
}

// fence publishes a message from somewhere else and waits until the subscriber
// has it, and with it everything from before.
func (r *rig) fence(subscriber *peer) {
	r.Helper()
	message := word("fence")
	r.must("PUBLISHER").say(message)
	r.await(subscriber.said, message)
}

var words atomic.Int64

// word returns a message that there is but once.
func word(about string) string { return fmt.Sprintf("%s-%d;", about, words.Add(1)) }

var ports = func() *atomic.Int64 {
	n := &atomic.Int64{}
	n.Store(20000 + rand.Int64N(8000))
	return n
}()

// freePort returns one below those that the system gives to outgoing
// connections, so that none of them can take it before the server does.
func freePort(t *testing.T) string {
	for range 1000 {
		port := strconv.FormatInt(ports.Add(1), 10)
		if listener, err := net.Listen("tcp", ":"+port); err == nil {
			listener.Close()
			return port
		}
	}
	require.FailNow(t, "no free port")
	return ""
}
