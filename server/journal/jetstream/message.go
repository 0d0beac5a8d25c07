package jetstream

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// A message of the stream is consecutive entries of one broker process, its producer. The payload
// is their lines as they are; headers say the rest, one Pubsub-Entry for each entry:
//
//	lines=2 name=ada topic=news run=r first=7
//	event=left name=ada topic=news role=PUBLISHER lines=9 reason=eof
//	mark
//
// What an entry has not is left out. A barrier is there to be read back.
const (
	headerProducer = "Pubsub-Producer"
	headerNumber   = "Pubsub-Number"  // of the first entry among the producer's, from 1
	headerAttempt  = "Pubsub-Attempt" // of the producer to send from some entry on
	headerEntry    = "Pubsub-Entry"
)

const (
	// maxGroup is about how many bytes a message of several entries has.
	maxGroup = 64 << 10
	// headerRoom is more than the headers of a message of one entry take, in bytes.
	headerRoom = 4 << 10
)

// barrier says that an entry is a barrier.
const barrier = "mark"

// message is what a message of the stream says.
type message struct {
	producer string
	number   uint64
	attempt  uint64
	entries  []journal.Entry // without what the order decides
}

func (m *message) encode(subject string) *nats.Msg {
	h := nats.Header{
		headerProducer: {m.producer},
		headerNumber:   {strconv.FormatUint(m.number, 10)},
		headerAttempt:  {strconv.FormatUint(m.attempt, 10)},
	}
	var data []byte
	for i := range m.entries {
		e := &m.entries[i]
		if len(m.entries) == 1 { // large ones come alone
			data = e.Lines
		} else {
			data = append(data, e.Lines...)
		}
		h[headerEntry] = append(h[headerEntry], describe(e))
	}
	return &nats.Msg{Subject: subject, Header: h, Data: data}
}

// describe says of an entry what its lines do not.
func describe(e *journal.Entry) string {
	var b []byte
	set := func(key, value string) {
		if value != "" {
			b = append(append(append(append(b, ' '), key...), '='), value...)
		}
	}
	if v := e.Event; v != nil {
		set("event", v.Kind.String())
		set("name", v.Name)
		set("topic", v.Topic)
		set("role", v.Role.String())
		if v.Kind == protocol.Left {
			set("lines", strconv.FormatUint(v.Lines, 10))
			set("reason", string(v.Reason))
		}
		return string(b[1:])
	}
	if e.Count > 0 {
		set("lines", strconv.Itoa(e.Count))
	}
	set("name", e.From)
	set("topic", e.Topic)
	if e.Run != "" {
		set("run", e.Run)
		set("first", strconv.FormatUint(e.First, 10))
	}
	if len(b) == 0 {
		return barrier
	}
	return string(b[1:])
}

// decode reads a message. The entries' lines are those of data.
func decode(h nats.Header, data []byte) (m message, err error) {
	if m.producer = h.Get(headerProducer); m.producer == "" {
		return m, fmt.Errorf("it has no header %s", headerProducer)
	}
	if m.number, err = number(headerNumber, h.Get(headerNumber)); err != nil {
		return m, err
	}
	if m.attempt, err = number(headerAttempt, h.Get(headerAttempt)); err != nil {
		return m, err
	}
	texts := h.Values(headerEntry)
	m.entries = make([]journal.Entry, len(texts))
	for i, text := range texts {
		e := &m.entries[i]
		if err := parse(e, text); err != nil {
			return m, fmt.Errorf("the header %s %q: %w", headerEntry, text, err)
		}
		if i == len(texts)-1 && bytes.Count(data, []byte{'\n'}) == e.Count && bytes.HasSuffix(data, []byte{'\n'}) {
			e.Lines, data = data, nil // all that is left, as for every large entry
			break
		}
		end := 0
		for range e.Count {
			n := bytes.IndexByte(data[end:], '\n') + 1
			if n == 0 {
				return m, fmt.Errorf("the header %s %q: there are fewer lines", headerEntry, text)
			}
			end += n
		}
		if end > 0 {
			e.Lines = data[:end:end]
			data = data[end:]
		}
	}
	if len(data) > 0 {
		return m, fmt.Errorf("%d bytes more than its entries say", len(data))
	}
	return m, nil
}

// size returns how many bytes a message has in the stream, about.
func size(h nats.Header, data []byte) int {
	n := len(data)
	for key, values := range h {
		for _, value := range values {
			n += len(key) + len(value) + len(": \r\n")
		}
	}
	return n
}

func number(what, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is %q, expected a number", what, text)
	}
	return n, nil
}

// parse reads what describe said.
func parse(e *journal.Entry, text string) (err error) {
	if text == barrier {
		return nil
	}
	var lines uint64
	var v protocol.Event
	var role string
	for field := range strings.SplitSeq(text, " ") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "event":
			e.Event = &v
			switch value {
			case protocol.Joined.String():
				v.Kind = protocol.Joined
			case protocol.Left.String():
				v.Kind = protocol.Left
			default:
				return fmt.Errorf("event is %q, expected %s or %s", value, protocol.Joined, protocol.Left)
			}
		case "lines":
			lines, err = number(key, value)
		case "name":
			e.From = value
		case "topic":
			e.Topic = value
		case "run":
			e.Run = value
		case "first":
			e.First, err = number(key, value)
		case "role":
			role = value
		case "reason":
			v.Reason = protocol.Reason(value)
		default:
			return fmt.Errorf("unknown %q", field)
		}
		if err != nil {
			return err
		}
	}
	if e.Event == nil {
		if e.Count = int(lines); e.Count < 0 {
			return fmt.Errorf("%d lines", lines)
		}
		return nil
	}
	v.Name, v.Topic, v.Lines = e.From, e.Topic, lines
	e.From, e.Topic = "", ""
	v.Role, err = protocol.ParseRole(role)
	return err
}
