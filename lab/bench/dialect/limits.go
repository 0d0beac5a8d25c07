package dialect

import "fmt"

// Relay is what ./lab/bench/limit speaks as a relay: the line protocol to come in, and then bytes
// that nobody looks at.
type Relay struct{ Lines }

// Kernel is what ./lab/bench/limit speaks where it writes by itself. Its messages are the
// deliveries of this project's broker.
type Kernel struct{ Lines }

// AppendMessage appends what the broker would deliver of a message.
func (Kernel) AppendMessage(dst []byte, _ string, payload []byte) []byte {
	dst = append(append(dst, "[FROM p0] : "...), payload...)
	return append(dst, '\n')
}

// Order has block written to every subscriber so many times.
func (Kernel) Order(c *Conn, times int, block []byte) error {
	if err := c.send("%d %d\n", times, len(block)); err != nil {
		return fmt.Errorf("ordering: %w", err)
	}
	_, err := c.Conn.Write(block)
	return err
}
