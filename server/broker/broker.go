// Package broker serves publishers and subscribers: it owns the listeners and the connections, and
// knows which clients are registered. What is published goes to the journal, and comes back from
// there through the feeds.
package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/feed"
	"pubsublab/server/journal"
)

// Config says how a Broker behaves.
type Config struct {
	// Journal puts the messages of this broker in order; nil is a memory journal with 64 MiB of
	// history. The broker closes it.
	Journal journal.Journal
	// Sync is when what the Journal acknowledges is on a disk, in a word that clients are told (P4);
	// "" tells them nothing.
	Sync string
	// Cache is how many bytes of rendered lines are kept to be shared; 0 is 64 MiB.
	Cache int
	// MaxClients is how many connections are served at once (P18); 0 is no limit.
	MaxClients int
	// MaxPerAddress is how many connections are served at once for one IPv4 address or one /64 of
	// IPv6; 0 is no limit. With Tokens, it counts only connections that have not shown one: a
	// client with a right token is always let in.
	MaxPerAddress int
	// TLS is spoken with every client; nil is plain text. Do not pass a tls.Listener to Serve
	// instead: a slow client would then be disconnected as a stalled one.
	TLS *tls.Config
	// Tokens let clients in (P18): each client has to know one of them. None lets everybody in.
	// SetTokens replaces them.
	Tokens []string
	// CutSlow disconnects a subscriber as soon as publishers would have to wait for it, instead of
	// letting them wait (P16).
	CutSlow bool
	// RoleTimeout is how long a client may take over a role line; 0 is 10 s (P2).
	RoleTimeout time.Duration
	// StallTimeout is how long a client may take nothing of what is sent to it before it is
	// disconnected; 0 is 30 s.
	StallTimeout time.Duration
	// IdleAfter is for how long no client must have been registered before Idle is closed; 0 never
	// closes it.
	IdleAfter time.Duration
	// Echo logs every published line.
	Echo bool
	// Log is where the broker logs what happens; nil discards it. It is called under locks that
	// other clients need, so it must not wait for whoever reads the log.
	Log *slog.Logger
	// LogRoom waits until Log has room for published lines (Echo), or until ctx ends; nil does not
	// wait.
	LogRoom func(ctx context.Context) error
}

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("the broker is closed")

// Broker serves connections. Its methods may be called concurrently.
type Broker struct {
	cfg      Config
	log      *slog.Logger
	activity *activity
	echo     *echo // nil for none
	journal  journal.Journal
	feeds    *feed.Set
	auth     *tokenAuth
	tokens   bool          // clients need one
	beats    atomic.Uint64 // how often browsers that wait were to be sent a comment
	poller   poller

	closed  chan struct{}  // closed by the first Shutdown
	gone    chan struct{}  // closed when every goroutine of the broker has ended
	feeding sync.WaitGroup // sessions that are, or may become, publishers
	all     sync.WaitGroup // every goroutine

	mu         sync.Mutex // also covers every Add of the wait groups
	closing    bool
	listeners  map[net.Listener]struct{}
	sessions   map[*session]struct{}                        // every connection
	networks   map[string]*network                          // by what networkOf returns
	refusing   map[net.Conn]struct{}                        // connections that are being refused
	registered []*session                                   // in the order in which they were
	names      [protocol.Subscriber + 1]map[string]*session // the registered, by role and name
	active     int                                          // registered, but for those who look on
	past       totals                                       // of clients that were registered
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
		cfg:       cfg,
		log:       cfg.Log,
		activity:  newActivity(cfg.Log, cfg.Echo),
		journal:   cfg.Journal,
		feeds:     feed.NewSet(cfg.Journal, feed.Config{Cache: cfg.Cache, CutSlow: cfg.CutSlow}),
		auth:      newTokenAuth(cfg.Tokens),
		tokens:    len(cfg.Tokens) > 0,
		closed:    make(chan struct{}),
		gone:      make(chan struct{}),
		listeners: map[net.Listener]struct{}{},
		sessions:  map[*session]struct{}{},
		networks:  map[string]*network{},
		refusing:  map[net.Conn]struct{}{},
		idle:      make(chan struct{}),
	}
	b.past.left = map[protocol.Reason]uint64{}
	b.names[protocol.Publisher] = map[string]*session{}
	b.names[protocol.Subscriber] = map[string]*session{}
	if cfg.Echo {
		b.echo = startEcho(b)
	}
	return b
}

// Serve accepts connections until Shutdown, and then returns ErrClosed, or until the listener
// breaks. It closes the listener.
func (b *Broker) Serve(l net.Listener) error {
	defer l.Close()
	b.mu.Lock()
	if b.closing {
		b.mu.Unlock()
		return ErrClosed
	}
	b.listeners[l] = struct{}{}
	b.mu.Unlock()

	for {
		conn, err := b.accept(l)
		if err != nil {
			return err
		}
		b.admit(conn, false)
	}
}

// accept returns the next connection of a listener. It waits while there is an error that passes,
// and returns ErrClosed after Shutdown.
func (b *Broker) accept(l net.Listener) (net.Conn, error) {
	var pause time.Duration
	for {
		conn, err := l.Accept()
		if err == nil {
			return conn, nil
		}
		select {
		case <-b.closed:
			return nil, ErrClosed
		default:
		}
		if !passes(err) {
			return nil, err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		b.log.Error("cannot accept connections for now", "error", err, "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-b.closed:
			return nil, ErrClosed
		}
	}
}

// passes reports whether accepting can work again after this error: running out of file descriptors
// or memory passes, and so does a connection that was gone too soon; a broken listener does not.
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

// Sync returns Config.Sync.
func (b *Broker) Sync() string { return b.cfg.Sync }

// Idle returns a channel that is closed when there was a client, and none has been registered for
// Config.IdleAfter since.
func (b *Broker) Idle() <-chan struct{} { return b.idle }

// Shutdown stops accepting, stops reading from publishers at a line boundary, delivers everything
// accepted to all subscribers and disconnects everyone (P17). When ctx ends first, it cuts off the
// clients that are left and returns the cause. When it returns, every goroutine of the broker has
// ended. It may be called again.
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
	b.mu.Unlock()
	if b.echo != nil {
		b.echo.cancel(errUnread)
	}
	b.journal.Close(ctx)
	<-b.gone
	if left == 0 {
		return nil
	}
	return context.Cause(ctx)
}

// drain closes the journal once the last publisher is done. A subscriber's session ends when it has
// sent everything up to the end of the journal; the echo ends last.
func (b *Broker) drain() {
	b.feeding.Wait()
	b.journal.Close(context.Background()) // until Shutdown has run out of time
	b.all.Wait()
	b.poller.close()
	if b.echo != nil {
		b.echo.end()
	}
	close(b.gone)
}
