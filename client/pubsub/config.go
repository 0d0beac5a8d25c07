package pubsub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"pubsublab/protocol"
)

const (
	// DefaultGiveUp is how long a client tries to connect or to reconnect where Config.GiveUp is 0.
	DefaultGiveUp = 30 * time.Second
	// DefaultWindow is how many bytes a Publisher keeps unacknowledged where Config.Window is 0.
	DefaultWindow = 4 << 20
)

// ErrClosed is what a client's methods return after its Close.
var ErrClosed = errors.New("the client is closed")

// Config is how a Publisher or a Subscriber behaves. It is read once, when the client is made. The
// zero value is a good one.
type Config struct {
	// Name is how the client is known to others (P5), 1 to 64 of A-Z a-z 0-9 . _ -; with "", the
	// server names it IP:PORT. Only a Publisher with a name can send again what a broken connection
	// may have lost (P15). One without a name ends with an *UndeliveredError when a connection
	// breaks while lines are not acknowledged.
	Name string

	// Topic is the topic of a Publisher's messages, or the filter of a Subscriber (P11); "" is no
	// topic, or every message.
	Topic string

	// From is the position at which a Subscriber begins (P12); zero begins with new messages.
	From protocol.From

	// Window is how many bytes of lines a Publisher keeps until they are acknowledged, and so the
	// most that Publish is ahead of the server; a longer single line is let through. 0 is
	// DefaultWindow.
	Window int

	// Rejected is called for each line of a Publisher that the server rejects (P6). It must not
	// block, nor call the Publisher. nil is none.
	Rejected func(Rejected)

	// GiveUp is how long the client tries to connect: at first, and again whenever the connection
	// is lost. The last attempt comes when the time is over. Each of several brokers is tried at
	// least once; one that refuses for good, because of a wrong token for instance, is tried only
	// once. 0 is DefaultGiveUp. With a negative one, each broker is tried once at first, and none
	// when the connection is lost.
	GiveUp time.Duration

	// Logger receives, at level Info and above, when the connection is lost and made again, and to
	// which of several brokers; nil is silence.
	Logger *slog.Logger

	// Token lets the client in, where the server wants one (P18); "" is none.
	Token string

	// TLS is spoken with the server, whose certificate has to be for the host of its address or for
	// ServerName; nil is plain text.
	TLS *tls.Config

	// Dial makes the connection to one HOST:PORT; nil is TCP with keep-alive probes that notice a
	// vanished server within 30 s, or within 12 s where there are several brokers.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Rejected is a line that the server did not take (P6).
type Rejected struct {
	Line   uint64 // its number among all lines of the Publisher, counted from 1
	Text   string // the line; "" where the server acknowledged it before it rejected it
	Reason string // in the server's words
}

// UndeliveredError ends a Publisher that cannot go on while lines are not acknowledged. Those of
// them that were sent may have been delivered. All lines that are not among them are acknowledged.
type UndeliveredError struct {
	Lines []string // in the order of Publish
	Err   error    // what went wrong
}

func (e *UndeliveredError) Error() string {
	return fmt.Sprintf("%s not acknowledged: %v", count(len(e.Lines), "line"), e.Err)
}

// Unwrap returns what went wrong.
func (e *UndeliveredError) Unwrap() error { return e.Err }

func (c Config) withDefaults(brokers int) Config {
	if c.Window <= 0 {
		c.Window = DefaultWindow
	}
	if c.GiveUp == 0 {
		c.GiveUp = DefaultGiveUp
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		after := vanishTimeout(brokers)
		keepAlive := net.KeepAliveConfig{Enable: true, Idle: after / 2, Interval: after / 6, Count: 3}
		c.Dial = (&net.Dialer{Timeout: handshakeTimeout, KeepAliveConfig: keepAlive}).DialContext
	}
	return c
}
