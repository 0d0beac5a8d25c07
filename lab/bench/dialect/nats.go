package dialect

import (
	"bytes"
	"fmt"
	"strconv"
)

// NATS is the client protocol of NATS core.
type NATS struct{}

func (NATS) Publisher(c *Conn, _, _ string) error { return natsEnter(c, "") }

func (NATS) Subscriber(c *Conn, topic string) error {
	return natsEnter(c, fmt.Sprintf("SUB %s 1\r\n", orAll(topic)))
}

func natsEnter(c *Conn, then string) error {
	if err := c.expect("INFO "); err != nil {
		return err
	}
	if err := c.send("CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"bench\"}\r\n%sPING\r\n", then); err != nil {
		return err
	}
	return c.expect("PONG")
}

func (NATS) AppendMessage(dst []byte, topic string, payload []byte) []byte {
	dst = append(append(dst, "PUB "...), orAll(topic)...)
	dst = strconv.AppendInt(append(dst, ' '), int64(len(payload)), 10)
	dst = append(append(dst, "\r\n"...), payload...)
	return append(dst, "\r\n"...)
}

func (NATS) NewCounter() Counter { return &natsCounter{feeds{per: 2}} }

// natsCounter leaves the server's PINGs out. They need no answer within minutes.
type natsCounter struct{ feeds }

func (n *natsCounter) Count(block []byte) int {
	n.rest -= bytes.Count(block, []byte{'P'}) // deliveries hold no P: see Dialect.AppendMessage
	return n.feeds.Count(block)
}
