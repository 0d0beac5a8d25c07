// Package load is the benchmark's clients: publishers that send prebuilt blocks, subscribers that
// count and check what arrives. All brokers are measured with the very same ones; only their
// dialects differ.
package load

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"pubsublab/lab/bench/dialect"
)

// handshakeTimeout is how long a broker may take to let one client in.
const handshakeTimeout = 10 * time.Second

// A System is what is under test: a broker that runs, or a limit.
type System struct {
	Dialect dialect.Dialect
	Dial    func(ctx context.Context, client int) (net.Conn, error) // client counts publishers, or subscribers, from 0
	CPU     func() (time.Duration, error)                           // that it has used so far
	// Limit: it is no broker and may cut lines of several publishers: what arrives is counted, and
	// not looked into.
	Limit bool
}

// enter opens one connection and lets hello say who it is.
func (t System) enter(ctx context.Context, client int, hello func(*dialect.Conn) error) (*dialect.Conn, error) {
	conn, err := t.Dial(ctx, client)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(handshakeTimeout))
	c := dialect.NewConn(conn)
	if err := hello(c); err != nil {
		c.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return c, nil
}

// crowd are the connections of one run.
type crowd struct {
	publishers, subscribers []*dialect.Conn
}

// gather lets all subscribers in, and then all publishers.
func (t System) gather(ctx context.Context, publishers, subscribers int, topic func(int) string) (*crowd, error) {
	c := &crowd{make([]*dialect.Conn, publishers), make([]*dialect.Conn, subscribers)}
	for _, group := range []struct {
		conns []*dialect.Conn
		hello func(i int, conn *dialect.Conn) error
		what  string
	}{
		{c.subscribers, func(i int, conn *dialect.Conn) error { return t.Dialect.Subscriber(conn, topic(i)) }, "subscriber"},
		{c.publishers, func(i int, conn *dialect.Conn) error {
			return t.Dialect.Publisher(conn, fmt.Sprintf("p%d", i), topic(i))
		}, "publisher"},
	} {
		var opening errgroup.Group
		opening.SetLimit(8)
		for i := range group.conns {
			opening.Go(func() (err error) {
				if group.conns[i], err = t.enter(ctx, i, func(conn *dialect.Conn) error { return group.hello(i, conn) }); err != nil {
					return fmt.Errorf("%s %d is not let in: %w", group.what, i, err)
				}
				return nil
			})
		}
		if err := opening.Wait(); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// close may be called more than once, and ends all reads and writes.
func (c *crowd) close() {
	for _, group := range [][]*dialect.Conn{c.publishers, c.subscribers} {
		for _, conn := range group {
			if conn != nil {
				conn.Close()
			}
		}
	}
}

// noTopic is for runs in which every subscriber wants everything.
func noTopic(int) string { return "" }

func ownTopic(i int) string { return fmt.Sprintf("bench.t%02d", i) }

// Try reports whether a publisher is let in.
func (t System) Try(ctx context.Context) error {
	c, err := t.enter(ctx, 0, func(c *dialect.Conn) error { return t.Dialect.Publisher(c, "try", "") })
	if err != nil {
		return err
	}
	return c.Close()
}
