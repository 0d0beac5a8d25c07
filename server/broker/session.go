package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/feed"
	"pubsublab/server/journal"
)

// session owns one connection.
type session struct {
	// Static after construction.
	b       *Broker
	raw     net.Conn // the connection
	conn    net.Conn // what is spoken on it: the lines themselves, or TLS
	wire    *conn    // raw with the timeouts of a client: what conn is, or what is below its TLS
	addr    string
	network string          // what the limits count as its address
	ctx     context.Context // ends when the session is kicked
	cancel  context.CancelCauseFunc
	http    bool          // net/http reads its requests
	refused *mistake      // over HTTP: it is beyond this limit, and only there to be told so; nil for none
	until   time.Time     // to which it may be there then
	left    chan struct{} // closed when the session publishes and receives nothing more; over HTTP, in a request

	// Owned by the session's goroutine. A subscriber's session has two, one after the other: the
	// one that shakes hands, and then the reader.
	hello      protocol.Hello
	name       string
	subscribed bool    // accepted as a subscriber, which is sent nothing but its feed (P8)
	known      bool    // the connection has been logged
	shown      *digest // over HTTP: the token of its last request; nil for none, or a wrong one
	typed      bool    // the role word came alone, and in pieces (P3)
	beat       uint64  // what Broker.beats was when it last sent a comment

	// Written by the session alone.
	lines   atomic.Uint64 // messages published or delivered
	bytes   atomic.Uint64 // of them, as they came or were sent
	waiting atomic.Bool   // for room in the journal, or for the client to take something

	// Guarded by the Broker's lock.
	id          uint64    // its number among those that were registered; 0 while it is not
	since       time.Time // when it was registered
	feeding     bool      // counted in Broker.feeding
	subscribing bool      // registered as a subscriber
	counted     bool      // in the count of its network
	token       *digest   // that its client came in with; nil for none

	mu     sync.Mutex
	cursor *feed.Cursor // of a subscriber, while it has one; written while nobody sends

	// Of a subscriber.
	sending sync.WaitGroup // until its last writer has ended
	sent    error          // how it did

	// Guarded by the poller's lock.
	polled int32 // the descriptor, while the poller waits for what the client says; else 0
	woken  bool  // the reader has to end, and must not wait any more
}

func newSession(b *Broker, raw net.Conn, network string, http bool) *session {
	s := &session{
		b: b, raw: raw, addr: raw.RemoteAddr().String(), network: network, http: http, left: make(chan struct{}),
		feeding: true,
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.wire = &conn{Conn: raw, ctx: s.ctx, stall: b.cfg.StallTimeout}
	if b.cfg.TLS != nil {
		s.wire.records = new(records)
	}
	s.conn = s.wire
	if http {
		s.conn = &Link{conn: s.wire, s: s}
	}
	if b.cfg.TLS != nil {
		s.conn = tls.Server(s.conn, b.cfg.TLS)
	}
	return s
}

// kick asks the session to end for this reason; the session does so soon, and by itself. It may be
// called on any goroutine, and more than once: the first reason counts.
func (s *session) kick(why error) {
	s.cancel(why)
	s.wakeReader()
	s.raw.SetWriteDeadline(time.Now().Add(lingerTimeout))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor != nil {
		s.cursor.Interrupt(why)
	}
}

// wakeReader has the goroutine that reads find that the session ends.
func (s *session) wakeReader() {
	s.raw.SetReadDeadline(past)
	s.b.poller.wake(s)
}

// abort ends the session now.
func (s *session) abort(why error) {
	s.kick(why)
	s.raw.Close()
}

// readUntil sets the deadline of reads; zero is none. It fails when the session has been kicked: a
// later deadline would hide that.
func (s *session) readUntil(t time.Time) error {
	s.raw.SetReadDeadline(t)
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return nil
}

// cause returns why the session ends: why it was kicked or, where it was not, the given error of a
// read or write.
func (s *session) cause(err error) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return err
}

// run is the session, from the prompt to the end of the connection. A subscriber's session goes on
// in other goroutines when run has returned.
func (s *session) run() {
	known, rest, unframed, err := s.handshake()
	if err != nil {
		s.b.activity.lost(s, err)
		s.end(err)
		return
	}
	welcome, err := s.enter(known)
	switch {
	case err != nil:
		s.end(err)
	case s.hello.Role == protocol.Publisher:
		s.leave(s.publish(welcome, rest, unframed))
	default:
		s.subscribe(welcome, rest, unframed)
	}
}

// enter registers the session. known is the token that its client came in with.
func (s *session) enter(known *digest) (protocol.Welcome, error) {
	publishers, subscribers, err := s.b.register(s, known)
	if err != nil {
		s.b.activity.lost(s, err)
		return protocol.Welcome{}, err
	}
	role := s.hello.Role
	s.subscribed = role == protocol.Subscriber
	s.b.activity.added(s)
	joined := &protocol.Event{Kind: protocol.Joined, Role: role, Name: s.name, Topic: s.topic()}
	if err := s.b.tell(s.ctx, joined); err != nil {
		err = s.entryError(err)
		left := *joined
		left.Kind, left.Reason = protocol.Left, reason(err)
		s.b.activity.left(s, &left)
		s.b.activity.passed(&left)
		s.b.unregister(s, left.Reason)
		return protocol.Welcome{}, err
	}
	return protocol.Welcome{
		Role: role, Name: s.name, Publishers: publishers, Subscribers: subscribers, Journal: s.b.journal.ID(),
		Sync: s.b.cfg.Sync,
	}, nil
}

// entryError returns why a session ends before it has begun, because the journal did not answer.
// The client is not told: it may come back.
func (s *session) entryError(err error) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if errors.Is(err, journal.ErrClosed) {
		return errShutdown
	}
	s.log().Warn("cannot let the client in", "error", err)
	return err
}

// leave ends a registered session. err is the reason; nil when the client said terminate.
func (s *session) leave(err error) {
	s.depart(err)
	s.end(err)
}

// depart makes a registered session one that is not.
func (s *session) depart(err error) {
	e := &protocol.Event{
		Kind: protocol.Left, Role: s.hello.Role, Name: s.name, Topic: s.topic(), Lines: s.lines.Load(), Reason: reason(err),
	}
	s.b.activity.left(s, e)
	if s.b.tell(context.Background(), e) != nil {
		s.b.activity.passed(e)
	}
	s.b.unregister(s, e.Reason)
}

// end ends the connection, and the session with it.
func (s *session) end(err error) {
	defer s.b.forget(s)
	defer s.cancel(nil)
	defer s.raw.Close()
	if speaksPlain(s.conn, err) {
		refuse(s.raw, refusal(protocol.SpeaksTLS, false))
	}
	s.b.doneFeeding(s)
	close(s.left)
	if text := closeMessage(err); text != "" && !s.subscribed {
		io.WriteString(s.conn, protocol.ErrorPrefix+text+"\n")
	}
	if !brokenPipe(err) {
		lingerClose(s.conn, s.raw, s.b.cfg.StallTimeout)
	}
}

// log returns the broker's log with the client's address, name and topic.
func (s *session) log() *slog.Logger {
	log := s.b.log.With("addr", s.addr)
	if s.hello.Name != "" {
		log = log.With("name", s.name)
	}
	if topic := s.topic(); topic != "" {
		log = log.With("topic", topic)
	}
	return log
}

func (s *session) who() string { return strings.ToLower(s.hello.Role.String()) }

func (s *session) topic() string { return s.hello.Topic + s.hello.Filter.String() }
