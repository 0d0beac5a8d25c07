package jetstream

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// A message of the stream is one entry of one broker process, its producer: the
// lines as they are, and the rest in headers. One that holds no more than the
// first three headers is a mark, to be read back.
const (
	headerProducer = "Pubsub-Producer"
	headerNumber   = "Pubsub-Number"  // of the producer's entry, from 1
	headerAttempt  = "Pubsub-Attempt" // of the producer to send from some entry on

	headerName  = "Pubsub-Name"  // the publisher's, or that of the client an event is about
	headerTopic = "Pubsub-Topic" // none for none
	headerRun   = "Pubsub-Run"
	headerFirst = "Pubsub-First" // the first line's number in the run

	headerEvent  = "Pubsub-Event"
	headerRole   = "Pubsub-Role"
	headerLines  = "Pubsub-Lines"
	headerReason = "Pubsub-Reason"
)

// headerRoom is more than the headers of a message take, in bytes.
const headerRoom = 4 << 10

// message is what a message of the stream says.
type message struct {
	producer string
	number   uint64
	attempt  uint64
	entry    journal.Entry // without what the order decides
}

func (m *message) encode(subject string) *nats.Msg {
	e := &m.entry
	h := nats.Header{}
	set := func(key, value string) {
		if value != "" {
			h[key] = []string{value}
		}
	}
	number := func(key string, n uint64) { h[key] = []string{strconv.FormatUint(n, 10)} }
	set(headerProducer, m.producer)
	number(headerNumber, m.number)
	number(headerAttempt, m.attempt)
	set(headerName, e.From)
	set(headerTopic, e.Topic)
	if e.Run != "" {
		set(headerRun, e.Run)
		number(headerFirst, e.First)
	}
	if e.Event != nil {
		set(headerEvent, e.Event.Kind.String())
		set(headerRole, e.Event.Role.String())
		set(headerName, e.Event.Name)
		set(headerTopic, e.Event.Topic)
		if e.Event.Kind == protocol.Left {
			number(headerLines, e.Event.Lines)
			set(headerReason, string(e.Event.Reason))
		}
	}
	return &nats.Msg{Subject: subject, Header: h, Data: e.Lines}
}

// decode reads a message. The entry's lines are those of data.
func decode(h nats.Header, data []byte) (m message, err error) {
	number := func(key string) (n uint64) {
		n, parseErr := strconv.ParseUint(h.Get(key), 10, 64)
		if parseErr != nil && err == nil {
			err = fmt.Errorf("the header %s is %q, expected a number", key, h.Get(key))
		}
		return n
	}
	if m.producer = h.Get(headerProducer); m.producer == "" {
		return m, fmt.Errorf("it has no header %s", headerProducer)
	}
	m.number = number(headerNumber)
	m.attempt = number(headerAttempt)
	e := &m.entry
	if kind := h.Get(headerEvent); kind != "" {
		e.Event = &protocol.Event{Name: h.Get(headerName), Topic: h.Get(headerTopic)}
		switch kind {
		case protocol.Joined.String():
			e.Event.Kind = protocol.Joined
		case protocol.Left.String():
			e.Event.Kind = protocol.Left
			e.Event.Lines = number(headerLines)
			e.Event.Reason = protocol.Reason(h.Get(headerReason))
		default:
			return m, fmt.Errorf("the header %s is %q, expected %s or %s", headerEvent, kind, protocol.Joined, protocol.Left)
		}
		role, roleErr := protocol.ParseRole(h.Get(headerRole))
		if roleErr != nil {
			return m, fmt.Errorf("the header %s: %w", headerRole, roleErr)
		}
		e.Event.Role = role
		return m, err
	}
	if n := len(data); n > 0 && data[n-1] != '\n' {
		return m, fmt.Errorf("the last line has no end")
	}
	e.From, e.Topic, e.Run = h.Get(headerName), h.Get(headerTopic), h.Get(headerRun)
	e.Lines, e.Count = data, bytes.Count(data, []byte{'\n'})
	if e.Run != "" {
		e.First = number(headerFirst)
	}
	return m, err
}
