package broker

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"pubsublab/protocol"
)

// lingerTimeout is how long a connection that ends is kept open, so that the client can read the
// last words and close its side.
const lingerTimeout = time.Second

// Bytes that may be under way to a client that is near (see boundSendBuffer): a subscriber, and one
// that gets an answer over HTTP, which it may not read.
const (
	nearBuffer   = 256 << 10
	answerBuffer = 32 << 10
)

// past is a deadline that has passed: it wakes whoever is reading or writing.
var past = time.Unix(1, 0)

// conn is a connection that bears with a slow client: a write goes on for as long as the client
// takes something, and fails once it has taken nothing for the stall timeout. TLS goes on top of
// it, because TLS cannot go on after a write that ran into a deadline.
type conn struct {
	net.Conn
	ctx     context.Context // ends when the session is kicked
	stall   time.Duration
	records *records // of TLS on top; nil for none
}

// Read reads what has come.
func (c *conn) Read(p []byte) (n int, err error) {
	const large = 16 << 10 // less is copied sooner than readAtOnce is made ready
	if len(p) >= large {
		if n, err = readAtOnce(c.Conn, p); !errors.Is(err, errors.ErrUnsupported) {
			return n, err
		}
	}
	return c.Conn.Read(p)
}

// Write writes all of p, or gathers it as one of the records. It fails with errStalled when the client
// has taken nothing for the stall timeout. Once the session is kicked, it has no more than
// lingerTimeout, and fails with the cause.
func (c *conn) Write(p []byte) (n int, err error) {
	if r := c.records; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.on {
			r.written = append(r.written, p...)
			return len(p), nil
		}
	}
	return c.write(p)
}

func (c *conn) write(p []byte) (n int, err error) {
	err = c.untilStalled(func() (moved bool, err error) {
		m, err := c.Conn.Write(p[n:])
		n += m
		return m > 0, err
	})
	return n, err
}

// wait waits until try can write something, with the timeouts of Write.
func (c *conn) wait() error {
	return c.untilStalled(func() (bool, error) { return false, waitWritable(c.Conn) })
}

// untilStalled calls try again and again, until it succeeds or fails with an error other than the
// deadline's. It returns errStalled once the client has taken nothing for the stall timeout.
func (c *conn) untilStalled(try func() (moved bool, err error)) error {
	// A socket takes more only once a good part of its buffer is free. So a client may be taking
	// something for long before a write goes on. The number of unacked bytes shows that it is.
	const looks = 4
	left, idle := math.MaxInt, 0
	for {
		c.SetWriteDeadline(time.Now().Add(c.stall / looks))
		if c.ctx.Err() != nil {
			c.SetWriteDeadline(time.Now().Add(lingerTimeout))
		}
		moved, err := try()
		if err == nil {
			return nil
		}
		if errors.Is(err, syscall.ETIMEDOUT) {
			return errStalled // the system's own timeout for the same thing was shorter
		}
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		before := left
		if left = unacked(c.Conn); moved || left < before {
			idle = 0
		} else if idle++; idle == looks {
			return errStalled
		}
	}
}

// try writes what the client takes at once, and returns whether that is all. The error is
// errors.ErrUnsupported where the connection cannot write without waiting; it has then written
// nothing.
func (c *conn) try(run [][]byte, g *gatherer) (n int, all bool, err error) {
	n, err = writeAtOnce(c.Conn, run, g)
	left := n
	for _, data := range run {
		left -= len(data)
	}
	switch {
	case errors.Is(err, syscall.ETIMEDOUT):
		err = errStalled // see untilStalled
	case errors.Is(err, os.ErrDeadlineExceeded): // of an earlier write, or the session was kicked
		err = nil
	}
	return n, left == 0, err
}

// CloseWrite closes the broker's side, where the connection has sides.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// lingerClose ends a connection such that the client gets all that was written. It closes the
// broker's side and waits up to lingerTimeout for the client to close its own. It waits longer
// while the client takes what is under way, with no pause over timeout. Meanwhile it reads: input
// that nobody reads would turn the end into a reset. When a container is stopped, the wait also
// lets the last words out. raw is the connection below TLS, or c itself.
func lingerClose(c, raw net.Conn, timeout time.Duration) {
	defer raw.Close()
	half, ok := c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	var sink [512]byte
	left, moved := unacked(raw), time.Now()
	for {
		c.SetReadDeadline(time.Now().Add(lingerTimeout))
		for {
			if _, err := c.Read(sink[:]); errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				return
			}
		}
		before := left
		if left = unacked(raw); left < before {
			moved = time.Now()
		}
		if left == 0 || time.Since(moved) >= timeout {
			return
		}
	}
}

// refuse sends a connection the words with which it is not served, and ends it.
func refuse(raw net.Conn, words string) {
	raw.SetDeadline(time.Now().Add(lingerTimeout))
	io.WriteString(raw, words)
	lingerClose(raw, raw, 0)
}

// refusal returns the words with which a connection is refused.
func refusal(why string, http bool) string {
	if http {
		return "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 1\r\n" +
			"Connection: close\r\n\r\n" + why + "\n"
	}
	return protocol.ErrorPrefix + why + "\n"
}
