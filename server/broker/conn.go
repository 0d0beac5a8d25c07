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

// lingerTimeout is how long a connection that ends is kept open for the client
// to take the last words and close its side.
const lingerTimeout = time.Second

// past is a deadline that wakes whoever is reading or writing.
var past = time.Unix(1, 0)

// conn is a connection that is patient with a client that is slow, and not with
// one that takes nothing. TLS goes on top of it, because TLS cannot go on after
// a write that ran into a deadline.
type conn struct {
	net.Conn
	ctx   context.Context // ends when the session is kicked
	stall time.Duration
}

// Write writes all of p, for as long as the client takes some of it. It fails
// with errStalled when the client has taken nothing for so long. Once the
// session is kicked, it has no more than lingerTimeout, and fails with the cause.
func (c *conn) Write(p []byte) (n int, err error) {
	// A socket takes more only once a good part of its buffer is free, so a slow
	// client may take something for long before a write moves on. What it has
	// not confirmed yet tells.
	const looks = 4
	left, idle := math.MaxInt, 0
	for n < len(p) {
		c.SetWriteDeadline(time.Now().Add(c.stall / looks))
		if c.ctx.Err() != nil {
			c.SetWriteDeadline(time.Now().Add(lingerTimeout))
		}
		m, err := c.Conn.Write(p[n:])
		n += m
		if err == nil {
			continue
		}
		if errors.Is(err, syscall.ETIMEDOUT) {
			return n, errStalled // the system has been waiting for the client in the same way
		}
		if c.ctx.Err() != nil {
			return n, context.Cause(c.ctx)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		before := left
		if left = unsent(c.Conn); m > 0 || left < before {
			idle = 0
		} else if idle++; idle == looks {
			return n, errStalled
		}
	}
	return n, nil
}

// CloseWrite closes the broker's side, where the connection has sides.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// hangUp ends a connection such that the client gets all that was written: it
// waits for the client to close its side, and longer, for as long as the client
// takes what is under way, with no pause over patience. That also keeps input
// that nobody reads from turning into a reset, and a container's end from
// cutting off its last words. raw is the connection below TLS, or c itself.
func hangUp(c, raw net.Conn, patience time.Duration) {
	defer raw.Close()
	half, ok := c.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	var sink [512]byte
	left, moved := unsent(raw), time.Now()
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
		if left = unsent(raw); left < before {
			moved = time.Now()
		}
		if left == 0 || time.Since(moved) >= patience {
			return
		}
	}
}

// refuse tells a connection in a line why it is not served, and ends it.
func refuse(raw net.Conn, why string) {
	raw.SetDeadline(time.Now().Add(lingerTimeout))
	io.WriteString(raw, protocol.ErrorPrefix+why+"\n")
	hangUp(raw, raw, 0)
}
