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
	var all []journal.Entry
	for name, c := range map[string]struct {
		entry journal.Entry
		text  string
	}{
		"a barrier": {journal.Entry{}, "mark"},
		"lines": {
			journal.Entry{From: "ada", Topic: "news.sea", Lines: []byte("one\n\n: three\r\n"), Count: 3},
			"lines=3 name=ada topic=news.sea",
		},
		"of a run": {
			journal.Entry{From: "ada", Lines: []byte("one\n"), Count: 1, Run: "r", First: 7},
			"lines=1 name=ada run=r first=7",
		},
		"rejected": {journal.Entry{From: "ada", Run: "r", First: 8}, "name=ada run=r first=8"},
		"without name": {
			journal.Entry{From: "[fe80::1%eth0]:5000", Lines: []byte("\n"), Count: 1},
			"lines=1 name=[fe80::1%eth0]:5000",
		},
		"joined": {
			journal.Entry{Event: &protocol.Event{Kind: protocol.Joined, Role: protocol.Subscriber, Name: "bob", Topic: "news.>"}},
			"event=joined name=bob topic=news.> role=SUBSCRIBER",
		},
		"left": {
			journal.Entry{Event: &protocol.Event{
				Kind: protocol.Left, Role: protocol.Publisher, Name: "ada", Lines: 9, Reason: protocol.ReasonEOF,
			}},
			"event=left name=ada role=PUBLISHER lines=9 reason=eof",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := message{"producer", 12, 3, []journal.Entry{c.entry}}
			sent := m.encode("subject")
			assert.Equal(t, []string{c.text}, sent.Header[headerEntry])
			assert.Equal(t, string(c.entry.Lines), string(sent.Data), "the lines as they are")
			got, err := decode(sent.Header, sent.Data)
			require.NoError(t, err)
			assert.Equal(t, m, got)
		})
		all = append(all, c.entry)
	}
	m := message{"producer", 12, 3, all}
	sent := m.encode("subject")
	got, err := decode(sent.Header, sent.Data)
	require.NoError(t, err)
	assert.Equal(t, m, got, "several entries")
}

func TestBadMessages(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(nats.Header)
	}{
		{"it has no header Pubsub-Producer", func(h nats.Header) { h.Del(headerProducer) }},
		{`Pubsub-Number is "", expected a number`, func(h nats.Header) { h.Del(headerNumber) }},
		{`Pubsub-Attempt is "x", expected a number`, func(h nats.Header) { h.Set(headerAttempt, "x") }},
		{`first is "-1", expected a number`, func(h nats.Header) { h.Add(headerEntry, "name=ada run=r first=-1") }},
		{`"lines=2 name=ada": there are fewer lines`, func(h nats.Header) { h.Add(headerEntry, "lines=2 name=ada") }},
		{`"lines=18446744073709551615": 18446744073709551615 lines`, func(h nats.Header) { h.Add(headerEntry, "lines=18446744073709551615") }},
		{"8 bytes more than its entries say", func(h nats.Header) { h.Del(headerEntry) }},
		{"3 bytes more than its entries say", func(nats.Header) {}},
		{`event is "gone", expected joined or left`, func(h nats.Header) { h.Add(headerEntry, "event=gone role=PUBLISHER") }},
		{`unknown role "x"`, func(h nats.Header) { h.Add(headerEntry, "event=left role=x") }},
		{`lines is "", expected a number`, func(h nats.Header) { h.Add(headerEntry, "event=left role=PUBLISHER lines=") }},
		{`unknown "colour=red"`, func(h nats.Header) { h.Add(headerEntry, "lines=1 colour=red") }},
	} {
		m := message{"producer", 12, 3, []journal.Entry{{From: "ada", Lines: []byte("line\n"), Count: 1}}}
		h := m.encode("subject").Header
		c.change(h)
		_, err := decode(h, []byte("line\nend"))
		assert.ErrorContains(t, err, c.want)
	}
}
