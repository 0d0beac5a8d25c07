// Package dialect is what the smallest possible client says to each broker: how to come in, how a
// message is written, and how deliveries are counted. It does nothing per message that the protocol
// does not force on it, so that what is measured is the broker.
package dialect

import (
	"bufio"
	"fmt"
	"net"
	"strings"
)

// Dialect is the protocol of one kind of broker. Its methods may be called concurrently.
type Dialect interface {
	// Publisher says on a new connection that it is a publisher called name, and returns when the
	// broker has agreed.
	Publisher(c *Conn, name, topic string) error
	// Subscriber asks for every message under topic, or for all of them where it is empty, and
	// returns when the broker has agreed.
	Subscriber(c *Conn, topic string) error
	// AppendMessage appends one message as a publisher sends it. The payload holds neither LF nor
	// 'P'.
	AppendMessage(dst []byte, topic string, payload []byte) []byte
	// NewCounter returns what counts the deliveries in all that one subscriber receives.
	NewCounter() Counter
}

// Counter counts deliveries. It is for one goroutine.
type Counter interface {
	// Count returns how many deliveries ended in block, which goes on where the last one stopped.
	Count(block []byte) int
}

// Conn is a connection whose handshake may have read too far. Reads of more than a few hundred
// bytes go past its buffer.
type Conn struct {
	net.Conn
	in *bufio.Reader
}

// NewConn makes a Conn of a fresh connection.
func NewConn(c net.Conn) *Conn { return &Conn{Conn: c, in: bufio.NewReaderSize(c, 512)} }

func (c *Conn) Read(p []byte) (int, error) { return c.in.Read(p) }

// send writes what a client says in its handshake.
func (c *Conn) send(format string, args ...any) error {
	_, err := fmt.Fprintf(c.Conn, format, args...)
	return err
}

// expect reads one line, which has to begin with prefix.
func (c *Conn) expect(prefix string) error {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("waiting for %q: %w", prefix, err)
	}
	if !strings.HasPrefix(line, prefix) {
		return fmt.Errorf("the broker says %q, expected %q", strings.TrimSpace(line), prefix)
	}
	return nil
}

// orAll is the topic of those who name none, where the protocol has no word for that.
func orAll(topic string) string {
	if topic == "" {
		return "bench"
	}
	return topic
}
