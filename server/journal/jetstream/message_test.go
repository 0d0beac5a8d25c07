package jetstream

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestMessagesComeBack(t *testing.T) {
	for name, e := range map[string]journal.Entry{
		"a mark":       {},
		"lines":        {From: "ada", Topic: "news.sea", Lines: []byte("one\n\n: three\r\n"), Count: 3},
		"of a run":     {From: "ada", Lines: []byte("one\n"), Count: 1, Run: "r", First: 7},
		"rejected":     {From: "ada", Run: "r", First: 8},
		"without name": {From: "[fe80::1%eth0]:5000", Lines: []byte("\n"), Count: 1},
		"joined":       {Event: &protocol.Event{Kind: protocol.Joined, Role: protocol.Subscriber, Name: "bob", Topic: "news.>"}},
		"left": {Event: &protocol.Event{
			Kind: protocol.Left, Role: protocol.Publisher, Name: "ada", Lines: 9, Reason: protocol.ReasonEOF,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := message{"producer", 12, 3, e}
			sent := m.encode("subject")
			got, err := decode(sent.Header, sent.Data)
			require.NoError(t, err)
			assert.Equal(t, m, got)
		})
	}
}

func TestBadMessages(t *testing.T) {
	good := func() nats.Header {
		m := message{"producer", 12, 3, journal.Entry{From: "ada", Run: "r", First: 1}}
		return m.encode("subject").Header
	}
	event := func(h nats.Header) {
		h.Set(headerEvent, "left")
		h.Set(headerRole, "PUBLISHER")
		h.Set(headerLines, "1")
	}
	for _, c := range []struct {
		want   string
		change func(nats.Header)
		data   string
	}{
		{"it has no header Pubsub-Producer", func(h nats.Header) { h.Del(headerProducer) }, ""},
		{`the header Pubsub-Number is "", expected a number`, func(h nats.Header) { h.Del(headerNumber) }, ""},
		{`the header Pubsub-Attempt is "x", expected a number`, func(h nats.Header) { h.Set(headerAttempt, "x") }, ""},
		{`the header Pubsub-First is "-1", expected a number`, func(h nats.Header) { h.Set(headerFirst, "-1") }, ""},
		{"the last line has no end", func(nats.Header) {}, "one\ntwo"},
		{`the header Pubsub-Event is "gone", expected joined or left`, func(h nats.Header) { event(h); h.Set(headerEvent, "gone") }, ""},
		{"the header Pubsub-Role: unknown role", func(h nats.Header) { event(h); h.Set(headerRole, "x") }, ""},
		{`the header Pubsub-Lines is "", expected a number`, func(h nats.Header) { event(h); h.Del(headerLines) }, ""},
	} {
		h := good()
		c.change(h)
		_, err := decode(h, []byte(c.data))
		assert.ErrorContains(t, err, c.want)
	}
}
