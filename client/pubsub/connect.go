package pubsub

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"pubsublab/protocol"
)

const (
	handshakeTimeout = 10 * time.Second
	// attemptTimeout is how long one of several brokers may take to connect and to register the
	// client before the next one is tried. When no broker was fast enough, it is twice that in the
	// next round, and four times that later, but registering alone takes at most handshakeTimeout.
	attemptTimeout = 3 * time.Second
	// healthyAfter is how long a connection must have lasted to end an outage even if nothing was
	// received on it.
	healthyAfter = 10 * time.Second
	// staleTimeout is how long after a connection was made an earlier one, which was given up, may
	// still register: longer than a server waits for a role.
	staleTimeout = protocol.RoleTimeout + 5*time.Second
)

// firstPause is about how long to wait before trying again for the first time. Tests shorten it.
var firstPause = 100 * time.Millisecond

// ErrNotAServer is the error of a connection to something that does not speak the protocol.
var ErrNotAServer = errors.New("not a Pub/Sub Lab server")

// connector makes sessions, one after the other. It is for one goroutine.
type connector struct {
	failover
	cfg    Config
	buffer int // of a session's reader, bytes

	connected time.Time // when the last session began; zero before the first
	outage    time.Time // since when there has been no healthy session; zero while there is one
	backoff   backoff.ExponentialBackOff
}

func newConnector(addrs []string, cfg Config, buffer int) *connector {
	return &connector{failover: newFailover(addrs), cfg: cfg, buffer: buffer, backoff: backoff.ExponentialBackOff{
		InitialInterval: firstPause, Multiplier: 2, MaxInterval: 3 * time.Second, RandomizationFactor: 0.5,
	}}
}

// healthy ends an outage: the next one has all of GiveUp again.
func (c *connector) healthy() { c.outage = time.Time{} }

// connect registers with a role line, trying one broker after the other until one succeeds, ctx
// ends, trying again makes no sense, or the outage has lasted for GiveUp. It begins with the broker
// of the last session, or with the one after it where lost is why that session ended.
func (c *connector) connect(ctx context.Context, hello protocol.Hello, lost error) (*session, error) {
	c.beginOutage()
	err := lost
	for warned := false; ; {
		if err != nil {
			if end := c.recordFailure(err, lost != nil); end != nil {
				return nil, end
			}
			if !warned && c.cfg.GiveUp > 0 {
				c.warn(err)
				warned = true
			}
		}
		if err := sleep(ctx, c.pause()); err != nil {
			return nil, err
		}
		var s *session
		if s, err = c.once(ctx, hello); err == nil {
			c.succeeded(s, hello.Role, lost != nil)
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		err = c.blame(err)
	}
}

// beginOutage begins an outage. Where the last session was too short to end the one before, that
// one goes on.
func (c *connector) beginOutage() {
	age := time.Since(c.connected)
	if age > healthyAfter {
		c.healthy()
		clear(c.final)
	}
	if age > staleTimeout {
		clear(c.staleConns)
	}
	if c.outage.IsZero() {
		c.outage = time.Now()
		clear(c.tried)
		c.backoff.Reset()
	}
}

// recordFailure records why the broker whose turn it is cannot be used. It returns the error that
// connect ends with; nil where there will be another attempt. hadSession reports whether a session
// was lost.
func (c *connector) recordFailure(err error, hadSession bool) error {
	final := c.isFinal(err)
	c.fail(err, final)
	lasted := time.Since(c.outage)
	switch {
	case c.hopeless():
		return c.err()
	case final && takenOver(err), c.cfg.GiveUp < 0 && hadSession:
		return err
	case !c.roundOver():
		return nil
	case c.cfg.GiveUp < 0:
		return c.err()
	case lasted >= c.cfg.GiveUp:
		return fmt.Errorf("gave up after %v: %w", lasted.Round(time.Millisecond), c.err())
	}
	return nil
}

// pause returns how long to wait before the next attempt: not at all while a round is not over. The
// last attempt comes when GiveUp is over, and not before.
func (c *connector) pause() time.Duration {
	if !c.roundOver() {
		return 0
	}
	return min(c.backoff.NextBackOff(), max(c.cfg.GiveUp-time.Since(c.outage), 0))
}

// warn logs the first failure.
func (c *connector) warn(err error) {
	message := "connection lost, trying again"
	if c.connected.IsZero() {
		message = "no connection yet, trying again"
	}
	c.cfg.Logger.Warn(message, "for", c.cfg.GiveUp, "err", err)
}

// succeeded records a new session. It logs those that come after a lost one, and the first one
// where there are several brokers.
func (c *connector) succeeded(s *session, role protocol.Role, hadSession bool) {
	first, message := c.connected.IsZero(), "connected again"
	if first {
		message = "connected"
	}
	if hadSession || first && c.several() && role != 0 {
		c.cfg.Logger.Info(message, "to", s.addr, "after", time.Since(c.outage).Round(time.Millisecond))
	}
	c.connected = time.Now()
}

// isFinal reports whether it is useless to try the broker again whose turn it is.
func (c *connector) isFinal(err error) bool {
	if takenOver(err) && c.staleConns[c.turn] > 0 {
		c.staleConns[c.turn]-- // it was this client itself, most likely
		return false
	}
	return !mayPass(err)
}

// once tries the broker whose turn it is.
func (c *connector) once(ctx context.Context, hello protocol.Hello) (*session, error) {
	if c.several() {
		rounds, _ := c.rounds()
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, attemptTimeout<<min(rounds, 2))
		defer cancel()
	}
	c.tried[c.turn]++
	conn, err := c.cfg.Dial(ctx, "tcp", c.addr())
	if err != nil {
		return nil, err
	}
	if c.cfg.TLS != nil {
		secure := c.cfg.TLS.Clone()
		if host, _, err := net.SplitHostPort(c.addr()); err == nil && secure.ServerName == "" {
			secure.ServerName, _, _ = strings.Cut(host, "%") // certificates know no zones
		}
		conn = tls.Client(conn, secure) // the first write is the handshake
	}
	s := &session{Conn: conn, addr: c.addr(), reader: bufio.NewReaderSize(conn, c.buffer)}
	if err := s.register(ctx, hello); err != nil {
		if !errors.As(err, new(*protocol.Refusal)) && !errors.Is(err, ErrNotAServer) {
			c.staleConns[c.turn]++
		}
		conn.Close()
		return nil, err
	}
	return s, nil
}

// Reach waits until there is a server at addr, as DialPublisher and DialSubscriber do, and
// disconnects again. It is for programs that want to know this before they do anything else. The
// server may still refuse a role line later.
func Reach(ctx context.Context, addr string, cfg Config) error {
	addrs, err := ParseAddrs(addr)
	if err != nil {
		return err
	}
	s, err := newConnector(addrs, cfg.withDefaults(len(addrs)), 4096).connect(ctx, protocol.Hello{}, nil)
	if err == nil {
		s.Close()
	}
	return err
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
