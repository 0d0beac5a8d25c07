package pubsub

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"

	"pubsublab/protocol"
)

const (
	handshakeTimeout = 10 * time.Second
	// attemptTimeout is how long one of several brokers may take to connect and
	// to register the client before it is the next one's turn. It is twice and then
	// four times that when none of them was so fast.
	attemptTimeout = 3 * time.Second
	// healthyAfter is how long a connection must have lasted to end an outage
	// even if nothing was received on it.
	healthyAfter = 10 * time.Second
	// ghostTimeout is how long after a connection was made an earlier one, that
	// was given up, may still register: longer than a server waits for a role.
	ghostTimeout = protocol.RoleTimeout + 5*time.Second
)

// firstPause is about how long to wait before trying again for the first
// time. Tests shorten it.
var firstPause = 100 * time.Millisecond

// ErrNotAServer is what connecting ends with when that which answers does not
// speak the protocol.
var ErrNotAServer = errors.New("not a Pub/Sub Lab server")

// session is one registered connection.
type session struct {
	net.Conn
	addr    string // HOST:PORT, as it was given
	reader  *bufio.Reader
	welcome protocol.Welcome
}

// bufferedLine returns the next line without its line end, valid until the
// next call, if all of it has come.
func (s *session) bufferedLine() (line []byte, ok bool) {
	data, _ := s.reader.Peek(s.reader.Buffered())
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		return nil, false
	}
	s.reader.Discard(i + 1)
	return protocol.TrimLine(data[:i+1]), true
}

// readLine waits for the next line. After an error, what came of a line is
// kept, so that a read deadline does no harm.
func (s *session) readLine() ([]byte, error) {
	for {
		if line, ok := s.bufferedLine(); ok {
			return line, nil
		}
		n := s.reader.Buffered()
		if _, err := s.reader.Peek(n + 1); err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("%w: it sent a line of more than %d bytes", ErrNotAServer, n)
		} else if err != nil {
			return nil, err
		}
	}
}

// connector makes sessions, one after the other. It is for one goroutine.
type connector struct {
	rotation
	cfg    Config
	buffer int // of a session's reader, bytes

	connected time.Time // when the last session began; zero before the first
	outage    time.Time // since when there has been no healthy session; zero while there is one
	backoff   backoff.ExponentialBackOff
}

func newConnector(addrs []string, cfg Config, buffer int) *connector {
	return &connector{rotation: newRotation(addrs), cfg: cfg, buffer: buffer, backoff: backoff.ExponentialBackOff{
		InitialInterval: firstPause, Multiplier: 2, MaxInterval: 3 * time.Second, RandomizationFactor: 0.5,
	}}
}

// healthy ends an outage: the next one begins with all the patience again.
func (c *connector) healthy() { c.outage = time.Time{} }

// connect registers with a role line, trying one broker after the other until
// one succeeds, ctx ends, trying again makes no sense, or the outage has lasted
// for GiveUp. It begins with the broker of the last session, or with the one
// after it where lost says why that session is no more.
func (c *connector) connect(ctx context.Context, hello protocol.Hello, lost error) (*session, error) {
	first := c.connected.IsZero()
	message, done := "connection lost, trying again", "connected again"
	if first {
		message, done = "no connection yet, trying again", "connected"
	}
	if time.Since(c.connected) > healthyAfter {
		c.healthy()
	}
	if time.Since(c.connected) > ghostTimeout {
		clear(c.ghosts)
	}
	if c.outage.IsZero() {
		c.outage = time.Now()
		c.tried = 0
		c.backoff.Reset()
	}
	for err, told := lost, false; ; {
		if err != nil {
			final := c.final(err)
			if c.fail(err, final); c.hopeless() {
				return nil, c.err()
			}
			if final && takenOver(err) || c.cfg.GiveUp < 0 && lost != nil {
				return nil, err
			}
		}
		var pause time.Duration
		if n, whole := c.round(); n > 0 && whole {
			pause = c.backoff.NextBackOff()
			if err != nil && c.cfg.GiveUp < 0 {
				return nil, c.err()
			}
			if tried := time.Since(c.outage); err != nil && tried+pause > c.cfg.GiveUp {
				return nil, fmt.Errorf("gave up after %v: %w", tried.Round(time.Millisecond), c.err())
			}
		}
		if err != nil && !told && c.cfg.GiveUp > 0 {
			c.cfg.Logger.Warn(message, "for", c.cfg.GiveUp, "err", err)
			told = true
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
		var s *session
		if s, err = c.once(ctx, hello); err == nil {
			if lost != nil || first && c.several() {
				c.cfg.Logger.Info(done, "to", s.addr, "after", time.Since(c.outage).Round(time.Millisecond))
			}
			c.connected = time.Now()
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		err = c.blame(err)
	}
}

// final tells whether there is no sense in trying the broker again whose turn
// it is.
func (c *connector) final(err error) bool {
	if takenOver(err) {
		if c.ghosts[c.turn] > 0 {
			c.ghosts[c.turn]-- // it was this client itself, most likely
			return false
		}
		return true
	}
	if errors.As(err, new(*protocol.Refusal)) {
		// What was accepted once may be refused now, because all places are
		// taken for instance, and be accepted again.
		return c.connected.IsZero()
	}
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	return errors.Is(err, ErrNotAServer) || errors.As(err, &untrusted) || errors.As(err, &plain)
}

// takenOver tells whether another connection has taken the name over (P5).
func takenOver(err error) bool {
	var refusal *protocol.Refusal
	return errors.As(err, &refusal) && refusal.Text == protocol.TakenOver
}

// once tries the broker whose turn it is.
func (c *connector) once(ctx context.Context, hello protocol.Hello) (*session, error) {
	if c.several() {
		n, _ := c.round()
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, attemptTimeout<<min(n, 2))
		defer cancel()
	}
	c.tried++
	conn, err := c.cfg.Dial(ctx, "tcp", c.addr())
	if err != nil {
		return nil, err
	}
	if c.cfg.TLS != nil {
		secure := c.cfg.TLS.Clone()
		if host, _, err := net.SplitHostPort(c.addr()); err == nil && secure.ServerName == "" {
			secure.ServerName = host
		}
		conn = tls.Client(conn, secure) // the first write is the handshake
	}
	s := &session{Conn: conn, addr: c.addr(), reader: bufio.NewReaderSize(conn, c.buffer)}
	if err := s.register(ctx, hello); err != nil {
		if !errors.As(err, new(*protocol.Refusal)) && !errors.Is(err, ErrNotAServer) {
			c.ghosts[c.turn]++
		}
		conn.Close()
		return nil, err
	}
	return s, nil
}

// register does the handshake (P1, P2, P4).
func (s *session) register(ctx context.Context, hello protocol.Hello) error {
	s.SetDeadline(time.Now().Add(handshakeTimeout))
	stop := context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(s, hello.String()+"\n"); err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	line, err := s.readLine()
	if err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	line = bytes.TrimPrefix(line, []byte(protocol.Prompt))
	if s.welcome, err = protocol.ParseWelcome(string(line)); err != nil {
		if refusal := (*protocol.Refusal)(nil); errors.As(err, &refusal) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrNotAServer, err)
	}
	if s.welcome.Role != hello.Role {
		return fmt.Errorf("%w: asked to be a %s, registered as %s", ErrNotAServer, hello.Role, s.welcome.Role)
	}
	if hello.Name != "" && s.welcome.Name != hello.Name {
		// The role word came alone and the rest of the line 200 ms later, which
		// is how clients speak that know no newlines (P3). It will not be so again.
		return fmt.Errorf("asked to be called %s, registered as %s", hello.Name, s.welcome.Name)
	}
	if !stop() {
		return context.Cause(ctx)
	}
	return s.SetDeadline(time.Time{})
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
