package dialect

import (
	"fmt"
	"strconv"
)

// Redis is RESP2 with Pub/Sub.
type Redis struct{}

func (Redis) Publisher(c *Conn, _, _ string) error {
	if err := c.send("PING\r\n"); err != nil {
		return err
	}
	return c.expect("+PONG")
}

func (Redis) Subscriber(c *Conn, topic string) error {
	if err := c.send("SUBSCRIBE %s\r\n", orAll(topic)); err != nil {
		return err
	}
	for _, line := range []string{"*3", "$9", "subscribe", "$", orAll(topic), ":1"} {
		if err := c.expect(line); err != nil {
			return err
		}
	}
	return nil
}

func (Redis) AppendMessage(dst []byte, topic string, payload []byte) []byte {
	dst = fmt.Appendf(dst, "*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$", len(orAll(topic)), orAll(topic))
	dst = append(strconv.AppendInt(dst, int64(len(payload)), 10), "\r\n"...)
	return append(append(dst, payload...), "\r\n"...)
}

// NewCounter counts *3, $7, message, $N, TOPIC, $N and the payload as one.
func (Redis) NewCounter() Counter { return &feeds{per: 7} }
