// Package proxy is a TCP proxy that does to the bytes between two programs
// what networks do: it splits, coalesces, delays, throttles, resets and
// half-closes them, at exact byte offsets.
//
// What happens to a connection is a [Plan], and all that is random in it comes
// from a seed and depends on byte offsets only, never on how the bytes
// happened to arrive: the same plan breaks the same session at the same byte.
// That is why it is not Toxiproxy, the well-kept one, which was looked at
// first: its slicer draws from a source that nobody can seed for one
// connection, its reset comes after a time and not at a byte, and its
// limit_data ends both directions, so that there is no half-close. It would
// have to be run beside the tests, too, while this is an import.
package proxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy passes connections on to a server.
type Proxy struct {
	// Static after construction.
	listener net.Listener
	target   string
	plan     func(conn int) Plan
	closing  context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup

	conns  atomic.Int64
	faults [numFaults]atomic.Int64
}

// New starts a proxy to target, HOST:PORT, on a port of its own. The
// connections through it are numbered from 0; plan says, on a goroutine at a
// time, what happens to each; nil is nothing.
func New(target string, plan func(conn int) Plan) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if plan == nil {
		plan = func(int) Plan { return Plan{} }
	}
	p := &Proxy{listener: listener, target: target, plan: plan}
	p.closing, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where clients connect, HOST:PORT.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Conns returns how many connections there were.
func (p *Proxy) Conns() int { return int(p.conns.Load()) }

// Faults returns how often a fault has happened.
func (p *Proxy) Faults(f Fault) int { return int(p.faults[f].Load()) }

// Close cuts all connections. When it returns, nothing of the proxy runs any
// more. It may be called again.
func (p *Proxy) Close() {
	p.cancel()
	p.listener.Close()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for n := 0; ; n++ {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed: nothing else breaks a listener on loopback
		}
		p.conns.Add(1)
		plan := p.plan(n)
		p.running.Go(func() { p.link(conn.(*net.TCPConn), plan) })
	}
}

// link is one connection of a client, from its beginning to its end.
func (p *Proxy) link(client *net.TCPConn, plan Plan) {
	defer client.Close()
	conn, err := (&net.Dialer{}).DialContext(p.closing, "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	ctx, cancel := context.WithCancel(p.closing)
	defer cancel()
	for _, end := range []*net.TCPConn{client, server} {
		end.SetReadBuffer(longest) // not the megabytes behind which a slow network hides
	}
	l := &link{p: p, ctx: ctx, cancel: cancel, ends: [2]*net.TCPConn{client, server}}
	stop := context.AfterFunc(ctx, l.reset)
	defer stop()
	var up sync.WaitGroup
	up.Go(func() { l.pass(client, server, plan.Up) })
	l.pass(server, client, plan.Down)
	up.Wait()
	if ctx.Err() != nil {
		l.reset() // before they are closed in order
	}
}

// link is a client's connection and the one to the server that belongs to it.
type link struct {
	p      *Proxy
	ctx    context.Context // ends with the link
	cancel context.CancelFunc
	ends   [2]*net.TCPConn
	halved atomic.Bool // one end was reset, and the other is going to be
}

// reset breaks both connections.
func (l *link) reset() {
	for _, conn := range l.ends {
		reset(conn)
	}
}

// reset breaks a connection such that its other end reads ECONNRESET.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// sleep waits, or says false when the link ends.
func (l *link) sleep(d time.Duration) bool {
	if d <= 0 {
		return l.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}
