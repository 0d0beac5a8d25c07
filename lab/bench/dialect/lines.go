package dialect

import (
	"bytes"
	"fmt"
	"io"

	"pubsublab/protocol"
)

// Lines is the line protocol of this project.
type Lines struct {
	From string // where subscribers begin (P12); empty for what is new
	Ack  bool   // publishers want to be told what is in the journal (P14)
}

func (l Lines) Publisher(c *Conn, name, topic string) error {
	role := "PUBLISHER name=" + name
	if l.Ack {
		role += " ack=yes"
	}
	return enter(c, role, topic)
}

func (l Lines) Subscriber(c *Conn, topic string) error {
	role := "SUBSCRIBER"
	if l.From != "" {
		role += " from=" + l.From
	}
	return enter(c, role, topic)
}

func enter(c *Conn, role, topic string) error {
	prompt := make([]byte, len(protocol.Prompt))
	if _, err := io.ReadFull(c, prompt); err != nil {
		return fmt.Errorf("waiting for the prompt: %w", err)
	}
	if string(prompt) != protocol.Prompt {
		return fmt.Errorf("the broker says %q, expected %q", prompt, protocol.Prompt)
	}
	if topic != "" {
		role += " topic=" + topic
	}
	if err := c.send("%s\n", role); err != nil {
		return err
	}
	return c.expect("registered as ")
}

func (Lines) AppendMessage(dst []byte, _ string, payload []byte) []byte {
	return append(append(dst, payload...), '\n')
}

func (Lines) NewCounter() Counter { return &feeds{per: 1} }

// feeds counts deliveries by their line feeds.
type feeds struct {
	per  int // line feeds of one delivery
	rest int // of the delivery that is not complete
}

func (f *feeds) Count(block []byte) int {
	f.rest += bytes.Count(block, []byte{'\n'})
	n := f.rest / f.per
	f.rest %= f.per
	return n
}
