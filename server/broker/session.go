package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/feed"
)

// Why a session ends, besides what its connection says.
var (
	errShutdown = errors.New("the server is shutting down")
	errTakeover = errors.New(protocol.TakenOver)
	errStalled  = errors.New("took nothing for too long")
	errCutOff   = errors.New("the input ended without terminate") // of a publisher that would say it
)

// lingerTimeout is how long a connection that ends is kept open for the client
// to take the last words and close its side.
const lingerTimeout = time.Second

// past is a deadline that wakes whoever is reading or writing.
var past = time.Unix(1, 0)

// session owns one connection.
type session struct {
	// Static after construction.
	b      *Broker
	conn   net.Conn
	addr   string
	host   string          // addr without its port
	ctx    context.Context // ends when the session is kicked
	cancel context.CancelCauseFunc
	left   chan struct{} // closed when the session has done all it will do

	// Owned by the session's goroutine.
	hello      protocol.Hello
	name       string
	lines      uint64 // messages published or delivered
	subscribed bool   // has been accepted as a subscriber, and is told nothing but its feed (P8)
	known      bool   // the log has heard of this connection

	// Guarded by the Broker's lock.
	feeding     bool // counted in Broker.feeding
	subscribing bool // registered as a subscriber

	mu     sync.Mutex
	cursor *feed.Cursor // of a subscriber, while it has one
}

func newSession(b *Broker, conn net.Conn) *session {
	s := &session{b: b, conn: conn, addr: conn.RemoteAddr().String(), host: host(conn), left: make(chan struct{}), feeding: true}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// kick asks the session to end for this reason, soon and by itself. It may be
// called on any goroutine, and more than once: the first reason counts.
func (s *session) kick(why error) {
	s.cancel(why)
	s.conn.SetReadDeadline(past)
	s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor != nil {
		s.cursor.Interrupt(why)
	}
}

// abort ends the session now.
func (s *session) abort(why error) {
	s.kick(why)
	s.conn.Close()
}

// readUntil sets the deadline of reads, zero for none, and fails when the
// session has been kicked, which a later deadline would hide.
func (s *session) readUntil(t time.Time) error {
	s.conn.SetReadDeadline(t)
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return nil
}

// write writes all of p, for as long as the client takes some of it. It fails
// with errStalled when the client has taken nothing for StallTimeout, and once
// the session is kicked, which leaves it no more than lingerTimeout.
func (s *session) write(p []byte) (n int, err error) {
	// A socket takes more only once a good part of its buffer is free, so a slow
	// client may take something for long before a write moves on. What it has
	// not confirmed yet tells.
	const looks = 4
	left, idle := math.MaxInt, 0
	for n < len(p) {
		s.conn.SetWriteDeadline(time.Now().Add(s.b.cfg.StallTimeout / looks))
		if s.ctx.Err() != nil {
			s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
		}
		m, err := s.conn.Write(p[n:])
		n += m
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, s.cause(err)
		}
		if err == nil {
			continue
		}
		if s.ctx.Err() != nil {
			return n, s.cause(err)
		}
		before := left
		if left = unsent(s.conn); m > 0 || left < before {
			idle = 0
		} else if idle++; idle == looks {
			return n, errStalled
		}
	}
	return n, nil
}

// cause returns why the session ends, given the error of a read or write.
func (s *session) cause(err error) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return err
}

// run is the session, from the prompt to the end of the connection.
func (s *session) run() {
	defer s.b.forget(s)
	defer s.cancel(nil)
	defer s.conn.Close()
	rest, unframed, err := s.handshake()
	if err == nil {
		err = s.serve(rest, unframed)
	} else if s.known {
		s.b.log.Info("client left without a role", "addr", s.addr, "reason", err)
	} else {
		s.b.log.Debug("connection closed without a word", "addr", s.addr, "reason", err)
	}
	tellPlainClient(s.conn)
	s.b.doneFeeding(s)
	close(s.left)
	if text := farewell(err); text != "" && !s.subscribed {
		s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
		io.WriteString(s.conn, protocol.ErrorPrefix+text+"\n")
	}
	if !brokenPipe(err) {
		hangUp(s.conn, s.b.cfg.StallTimeout)
	}
}

// serve registers the session and does its work. It returns why that ended:
// nil when the client said terminate.
func (s *session) serve(rest []byte, unframed bool) error {
	publishers, subscribers, err := s.b.register(s)
	if err != nil {
		return err
	}
	role, topic := s.hello.Role, s.hello.Topic+s.hello.Filter.String()
	who := strings.ToLower(role.String())
	log := s.b.log.With("addr", s.addr)
	if s.hello.Name != "" {
		log = log.With("name", s.name)
	}
	if topic != "" {
		log = log.With("topic", topic)
	}
	log.Info(who+" added", "publishers", publishers, "subscribers", subscribers)
	s.b.tell(s.ctx, &protocol.Event{Kind: protocol.Joined, Role: role, Name: s.name, Topic: topic})
	welcome := protocol.Welcome{
		Role: role, Name: s.name, Publishers: publishers, Subscribers: subscribers, Journal: s.b.journal.ID(),
	}

	s.subscribed = role == protocol.Subscriber
	if role == protocol.Publisher {
		err = s.publish(welcome, rest, unframed)
	} else {
		err = s.subscribe(welcome, rest, unframed)
	}

	why := reason(err)
	s.b.tell(context.Background(), &protocol.Event{
		Kind: protocol.Left, Role: role, Name: s.name, Topic: topic, Lines: s.lines, Reason: why,
	})
	publishers, subscribers = s.b.unregister(s)
	log.Info(who+" left", "lines", s.lines, "reason", string(why), "publishers", publishers, "subscribers", subscribers)
	return err
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

// tellPlainClient tells a client that does not speak TLS what the matter is.
func tellPlainClient(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok && !secure.ConnectionState().HandshakeComplete {
		secure.NetConn().SetWriteDeadline(time.Now().Add(lingerTimeout))
		io.WriteString(secure.NetConn(), protocol.ErrorPrefix+protocol.SpeaksTLS+"\n")
	}
}

// hangUp ends a connection such that the client gets all that was written: it
// waits for the client to close its side, and longer, for as long as the client
// takes what is under way, with no pause over patience. That also keeps input
// that nobody reads from turning into a reset, and a container's end from
// cutting off its last words.
func hangUp(conn net.Conn, patience time.Duration) {
	defer conn.Close()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	var sink [512]byte
	left, moved := unsent(conn), time.Now()
	for {
		conn.SetReadDeadline(time.Now().Add(lingerTimeout))
		for {
			if _, err := conn.Read(sink[:]); errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				return
			}
		}
		before := left
		if left = unsent(conn); left < before {
			moved = time.Now()
		}
		if left == 0 || time.Since(moved) >= patience {
			return
		}
	}
}
