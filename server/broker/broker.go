// Package broker serves publishers and subscribers: it owns the listener and
// the connections, and knows who is there. What is published goes to the
// journal, and comes back from it through the feeds.
package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/feed"
	"pubsublab/server/journal"
)

// Config says how a Broker behaves.
type Config struct {
	// Journal is the order of this broker's messages; a nil one is a memory
	// journal with 64 MiB of history. The broker closes it.
	Journal journal.Journal
	// Cache is how many bytes of rendered lines are kept to be shared; 0 is 64 MiB.
	Cache int
	// MaxClients is how many connections are served at once (P18); 0 is no limit.
	MaxClients int
	// MaxPerAddress is how many connections are served at once for one IP
	// address; 0 is no limit.
	MaxPerAddress int
	// TLS is spoken with every client; nil is plain text. Do not serve a
	// tls.Listener: a slow client would be taken for a stalled one.
	TLS *tls.Config
	// Tokens let clients in (P18): each has to know one of them. None lets
	// everybody in.
	Tokens []string
	// CutSlow disconnects a subscriber as soon as publishers would have to wait
	// for it, instead of letting them wait (P16).
	CutSlow bool
	// RoleTimeout is how long a client may take over a role line; 0 is 10 s (P2).
	RoleTimeout time.Duration
	// StallTimeout is how long a client may take nothing of what is sent to it
	// before it is disconnected; 0 is 30 s.
	StallTimeout time.Duration
	// IdleAfter is how long after the last client has left Idle says so; 0 is never.
	IdleAfter time.Duration
	// Echo logs every published line.
	Echo bool
	// Log is where the broker tells what happens; nil is nowhere.
	Log *slog.Logger
}

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("the broker is closed")

// Broker serves connections. Its methods may be called concurrently.
type Broker struct {
	cfg     Config
	log     *slog.Logger
	journal journal.Journal
	feeds   *feed.Set
	gate    *gate

	closed  chan struct{}  // closed by the first Shutdown
	gone    chan struct{}  // closed when nothing of the broker runs any more
	feeding sync.WaitGroup // sessions that are, or may become, publishers
	all     sync.WaitGroup // every goroutine

	mu         sync.Mutex // also covers every Add of the wait groups
	closing    bool
	listeners  map[net.Listener]struct{}
	sessions   map[*session]struct{}                        // every connection
	perAddress map[string]int                               // how many sessions there are of an IP address
	refusing   map[net.Conn]struct{}                        // connections that are being turned away
	broken     chan struct{}                                // closed when Shutdown has run out of time
	names      [protocol.Subscriber + 1]map[string]*session // the registered, by role and name
	idle       chan struct{}
	idleTimer  *time.Timer
}

// New returns a broker that serves nothing yet. It must be shut down.
func New(cfg Config) *Broker {
	const size = 64 << 20
	if cfg.Journal == nil {
		cfg.Journal = journal.NewMemory(size)
	}
	if cfg.Cache == 0 {
		cfg.Cache = size
	}
	if cfg.RoleTimeout == 0 {
		cfg.RoleTimeout = protocol.RoleTimeout
	}
	if cfg.StallTimeout == 0 {
		cfg.StallTimeout = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	b := &Broker{
		cfg:        cfg,
		log:        cfg.Log,
		journal:    cfg.Journal,
		feeds:      feed.NewSet(cfg.Journal, feed.Config{Cache: cfg.Cache, CutSlow: cfg.CutSlow}),
		gate:       newGate(cfg.Tokens),
		closed:     make(chan struct{}),
		gone:       make(chan struct{}),
		listeners:  map[net.Listener]struct{}{},
		sessions:   map[*session]struct{}{},
		perAddress: map[string]int{},
		refusing:   map[net.Conn]struct{}{},
		broken:     make(chan struct{}),
		idle:       make(chan struct{}),
	}
	b.names[protocol.Publisher] = map[string]*session{}
	b.names[protocol.Subscriber] = map[string]*session{}
	if cfg.Echo {
		wake := make(chan struct{}, 1) // each has been received when the next is sent
		cursor, err := b.feeds.Open(context.Background(), protocol.Filter{}, protocol.TSV, protocol.From{}, func() { wake <- struct{}{} }, nil)
		if err == nil {
			b.all.Go(func() { b.echo(cursor, wake) })
		}
	}
	return b
}

// Serve accepts connections until Shutdown, and then returns ErrClosed, or
// until the listener breaks. It closes the listener.
func (b *Broker) Serve(l net.Listener) error {
	defer l.Close()
	b.mu.Lock()
	if b.closing {
		b.mu.Unlock()
		return ErrClosed
	}
	b.listeners[l] = struct{}{}
	b.mu.Unlock()

	var pause time.Duration
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = 0
			b.admit(conn)
			continue
		}
		select {
		case <-b.closed:
			return ErrClosed
		default:
		}
		if !passes(err) {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		b.log.Error("cannot accept connections for now", "error", err, "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-b.closed:
			return ErrClosed
		}
	}
}

// passes tells whether accepting can work again after this error: running out
// of file descriptors or memory, or a connection that was gone too soon, passes;
// a broken listener does not.
func passes(err error) bool {
	for _, e := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPROTO,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// admit starts a session for a connection, or refuses it (P18).
func (b *Broker) admit(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closing:
		conn.Close()
	case b.cfg.MaxClients > 0 && len(b.sessions) >= b.cfg.MaxClients:
		b.refuseLocked(conn, "the server is full, try again later")
	case b.cfg.MaxPerAddress > 0 && b.perAddress[host(conn)] >= b.cfg.MaxPerAddress:
		b.refuseLocked(conn, "too many connections from your address")
	default:
		s := newSession(b, conn)
		b.sessions[s] = struct{}{}
		b.perAddress[s.host]++
		b.feeding.Add(1)
		b.all.Go(s.run)
	}
}

// refuseLocked turns a connection away with the reason. So that a flood of
// them costs little, only some are told it.
func (b *Broker) refuseLocked(conn net.Conn, why string) {
	const most = 64
	if len(b.refusing) == most {
		conn.Close()
		return
	}
	b.refusing[conn] = struct{}{}
	clients := len(b.sessions)
	b.all.Go(func() {
		b.log.Warn("client refused", "addr", conn.RemoteAddr().String(), "reason", why, "clients", clients)
		refuse(conn, why)
		b.mu.Lock()
		delete(b.refusing, conn)
		b.mu.Unlock()
	})
}

// host returns the IP address of a connection's other side.
func host(conn net.Conn) string {
	addr := conn.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}

// Idle is closed when no client has been registered for Config.IdleAfter,
// after there was one.
func (b *Broker) Idle() <-chan struct{} { return b.idle }

// Shutdown stops accepting, stops reading from publishers at a line boundary,
// delivers everything accepted to all subscribers and disconnects everyone
// (P17). When ctx ends first, it cuts off those that are left and returns why.
// When it returns, nothing of the broker runs any more. It may be called again.
func (b *Broker) Shutdown(ctx context.Context) error {
	b.mu.Lock()
	first := !b.closing
	b.closing = true
	if first {
		close(b.closed)
		for l := range b.listeners {
			l.Close()
		}
		if b.idleTimer != nil {
			b.idleTimer.Stop()
		}
		for s := range b.sessions {
			if s.feeding { // not a subscriber, and not past its end
				s.kick(errShutdown)
			}
		}
		go b.drain()
	}
	b.mu.Unlock()

	select {
	case <-b.gone:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	left := len(b.sessions)
	for s := range b.sessions {
		s.abort(errShutdown)
	}
	for conn := range b.refusing {
		conn.Close()
	}
	select {
	case <-b.broken:
	default:
		close(b.broken)
	}
	b.mu.Unlock()
	b.journal.Close(ctx)
	<-b.gone
	if left == 0 {
		return nil
	}
	return context.Cause(ctx)
}

// drain ends the order once the last publisher is done, and with it, one by
// one, the subscribers.
func (b *Broker) drain() {
	b.feeding.Wait()
	b.journal.Close(context.Background()) // until Shutdown has run out of time
	b.all.Wait()
	close(b.gone)
}
