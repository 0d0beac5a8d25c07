package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/feed"
	"pubsublab/server/journal"
)

// Why a session ends, besides what its connection says.
var (
	errShutdown = errors.New("the server is shutting down")
	errTakeover = errors.New(protocol.TakenOver)
	errStalled  = errors.New("took nothing for too long")
	errCutOff   = errors.New("the input ended without terminate") // of a publisher that would say it
)

// session owns one connection.
type session struct {
	// Static after construction.
	b      *Broker
	raw    net.Conn // the connection
	conn   net.Conn // what is spoken on it: the lines themselves, or TLS
	addr   string
	host   string          // addr without its port
	ctx    context.Context // ends when the session is kicked
	cancel context.CancelCauseFunc
	left   chan struct{} // closed when the session has done all it will do

	// Owned by the session's goroutine: of a subscriber, first the one that shakes
	// hands, then the one that reads.
	hello      protocol.Hello
	name       string
	lines      uint64 // messages published or delivered
	subscribed bool   // has been accepted as a subscriber, and is told nothing but its feed (P8)
	known      bool   // the log has heard of this connection

	// Guarded by the Broker's lock.
	feeding     bool // counted in Broker.feeding
	subscribing bool // registered as a subscriber

	mu     sync.Mutex
	cursor *feed.Cursor // of a subscriber, while it has one; written while nobody sends

	sent chan error // of a subscriber: how its last writer ended
}

func newSession(b *Broker, raw net.Conn) *session {
	s := &session{b: b, raw: raw, addr: raw.RemoteAddr().String(), host: host(raw), left: make(chan struct{}), feeding: true}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.conn = &conn{Conn: raw, ctx: s.ctx, stall: b.cfg.StallTimeout}
	if b.cfg.TLS != nil {
		s.conn = tls.Server(s.conn, b.cfg.TLS)
	}
	return s
}

// kick asks the session to end for this reason, soon and by itself. It may be
// called on any goroutine, and more than once: the first reason counts.
func (s *session) kick(why error) {
	s.cancel(why)
	s.raw.SetReadDeadline(past)
	s.raw.SetWriteDeadline(time.Now().Add(lingerTimeout))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor != nil {
		s.cursor.Interrupt(why)
	}
}

// abort ends the session now.
func (s *session) abort(why error) {
	s.kick(why)
	s.raw.Close()
}

// readUntil sets the deadline of reads, zero for none, and fails when the
// session has been kicked, which a later deadline would hide.
func (s *session) readUntil(t time.Time) error {
	s.raw.SetReadDeadline(t)
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return nil
}

// cause returns why the session ends, given the error of a read or write.
func (s *session) cause(err error) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return err
}

// run is the session, from the prompt to the end of the connection. That of a
// subscriber goes on in other goroutines.
func (s *session) run() {
	rest, unframed, err := s.handshake()
	if err != nil {
		if s.known {
			s.b.log.Info("client left without a role", "addr", s.addr, "reason", err)
		} else {
			s.b.log.Debug("connection closed without a word", "addr", s.addr, "reason", err)
		}
		s.end(err)
		return
	}
	welcome, err := s.enter()
	switch {
	case err != nil:
		s.end(err)
	case s.hello.Role == protocol.Publisher:
		s.leave(s.publish(welcome, rest, unframed))
	default:
		s.subscribe(welcome, rest, unframed)
	}
}

// enter registers the session.
func (s *session) enter() (protocol.Welcome, error) {
	publishers, subscribers, err := s.b.register(s)
	if err != nil {
		return protocol.Welcome{}, err
	}
	role := s.hello.Role
	s.subscribed = role == protocol.Subscriber
	s.log().Info(s.who()+" added", "publishers", publishers, "subscribers", subscribers)
	s.b.tell(s.ctx, &protocol.Event{Kind: protocol.Joined, Role: role, Name: s.name, Topic: s.topic()})
	return protocol.Welcome{
		Role: role, Name: s.name, Publishers: publishers, Subscribers: subscribers, Journal: s.b.journal.ID(),
	}, nil
}

// keptOut returns why the session ends when the journal does not answer what it
// has to know at its beginning. The client may come back, and is not told.
func (s *session) keptOut(err error) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if errors.Is(err, journal.ErrClosed) {
		return errShutdown
	}
	s.log().Warn("cannot let the client in", "error", err)
	return err
}

// leave ends a registered session. err says why: nil when the client said
// terminate.
func (s *session) leave(err error) {
	why := reason(err)
	s.b.tell(context.Background(), &protocol.Event{
		Kind: protocol.Left, Role: s.hello.Role, Name: s.name, Topic: s.topic(), Lines: s.lines, Reason: why,
	})
	publishers, subscribers := s.b.unregister(s)
	s.log().Info(s.who()+" left", "lines", s.lines, "reason", string(why), "publishers", publishers, "subscribers", subscribers)
	s.end(err)
}

// end ends the connection, and the session with it.
func (s *session) end(err error) {
	defer s.b.forget(s)
	defer s.cancel(nil)
	defer s.raw.Close()
	if speaksPlain(s.conn, err) {
		refuse(s.raw, protocol.SpeaksTLS)
	}
	s.b.doneFeeding(s)
	close(s.left)
	if text := farewell(err); text != "" && !s.subscribed {
		io.WriteString(s.conn, protocol.ErrorPrefix+text+"\n")
	}
	if !brokenPipe(err) {
		hangUp(s.conn, s.raw, s.b.cfg.StallTimeout)
	}
}

// log returns the broker's log, with who this is.
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

// speaksPlain tells whether a client seems to speak plain text where TLS is
// spoken: it has sent something else, or it waits for the prompt. One whose
// handshake broke off is not told so: it would not come back.
func speaksPlain(conn net.Conn, err error) bool {
	secure, ok := conn.(*tls.Conn)
	return ok && !secure.ConnectionState().HandshakeComplete &&
		(errors.As(err, new(tls.RecordHeaderError)) || errors.Is(err, os.ErrDeadlineExceeded))
}

// reason puts the end of a registered session into the protocol's words.
func reason(err error) protocol.Reason {
	switch {
	case err == nil:
		return protocol.ReasonTerminate
	case errors.Is(err, io.EOF):
		return protocol.ReasonEOF
	case errors.Is(err, errTakeover):
		return protocol.ReasonTakeover
	case errors.Is(err, errShutdown):
		return protocol.ReasonShutdown
	case errors.Is(err, errStalled), errors.Is(err, feed.ErrSlow):
		return protocol.ReasonStalled
	}
	return protocol.ReasonReset
}

// mistake is an error of the client's making, in words meant for it.
type mistake struct{ text string }

func (m *mistake) Error() string { return m.text }

// farewell returns what a client is told at the end, "" for nothing.
func farewell(err error) string {
	var m *mistake
	switch {
	case errors.Is(err, errTakeover), errors.Is(err, errShutdown):
		return err.Error()
	case errors.As(err, &m):
		return m.text
	}
	return ""
}

// brokenPipe tells whether there is no use in waiting for the client.
func brokenPipe(err error) bool {
	switch reason(err) {
	case protocol.ReasonReset, protocol.ReasonStalled:
		var m *mistake
		return !errors.As(err, &m)
	}
	return false
}
