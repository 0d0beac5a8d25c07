package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fatih/color"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain, tab\t and Ελληνικά 🧅": "plain, tab\t and Ελληνικά 🧅",
		"\x1b[31mred\x07":             `\x1b[31mred\a`,
		"\u009b1A up":                 `\u009b1A up`,
		"broken \xff\xc3 \ufffd":      "broken \\xff\\xc3 \ufffd",
		"a\rb\x00\x7f":                `a\rb\x00\x7f`,
	} {
		assert.Equal(t, want, escape(in), "%q", in)
	}
}

func TestPrinter(t *testing.T) {
	color.NoColor = true
	topo := &topology.Topology{Specs: []*topology.Spec{{Name: "server"}, {Name: "subscriber-1"}}}
	var out bytes.Buffer
	p := newPrinter(&out, false, topo, nil)
	p.line(topology.Line{Node: "server", Text: "\x1b"})
	p.line(topology.Line{Node: "subscriber-1", Text: "b"})
	assert.Equal(t, "server       | \x1b\nsubscriber-1 | b\n", out.String(), "into a file bytes go as they came")

	out.Reset()
	for _, text := range []string{
		"[1] 2026/11/22 17:15:40.808938 [INF] Server is ready",
		"[1] 2026/11/22 17:15:40.830421 [ERR] Error trying to connect to route (attempt 1): lookup for host \"nats-2\"",
		"[1] 2026/11/22 17:15:40.830421 [ERR] JetStream out of file resources",
	} {
		p.line(topology.Line{Node: "server", Role: topology.Stream, Text: text})
	}
	assert.Equal(t, "server       | [1] 2026/11/22 17:15:40.830421 [ERR] JetStream out of file resources\n", out.String(), "of NATS only errors")

	var told error
	gone := errors.New("gone")
	p = newPrinter(writerFunc(func([]byte) (int, error) { return 0, gone }), true, topo, func(err error) { told = err })
	p.line(topology.Line{Node: "server", Text: "a"})
	assert.ErrorIs(t, told, gone)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// fixture is a history of one publisher and two subscribers who received these lines.
func fixture(first, second []string) history.History {
	h := history.History{Publishers: []history.Publisher{{Name: "p", Sent: []string{"a", "b"}, Sure: 2}}}
	for i, lines := range [][]string{first, second} {
		s := history.Subscriber{Name: []string{"s1", "s2"}[i], FromFirst: true, ToEnd: true}
		for _, line := range lines {
			s.Received = append(s.Received, history.Message{From: "p", Line: line})
		}
		h.Subscribers = append(h.Subscribers, s)
	}
	return h
}

func TestVerdict(t *testing.T) {
	color.NoColor = true
	nodes := []ended{
		{&topology.Spec{Name: "pub", Role: topology.Publisher, Args: []string{"--name=p"}}, 0},
		{&topology.Spec{Name: "nats", Role: topology.Stream}, 0},
		{&topology.Spec{Name: "server", Role: topology.Broker}, 0},
		{&topology.Spec{Name: "s1", Role: topology.Subscriber}, 0},
		{&topology.Spec{Name: "s2", Role: topology.Subscriber, Args: []string{"--format=json"}}, 0},
	}
	h := fixture([]string{"a", "b"}, []string{"a", "b"})
	h.Subscribers[0].Received = append(h.Subscribers[0].Received, history.Message{From: "guest", Line: "hello"})
	v := judge(h, nodes)
	require.True(t, v.ok())
	var out bytes.Buffer
	v.print(&out, "in no time")
	assert.Equal(t, `
✔ Every subscriber received every line, in one order.

  pub      sent 2 lines as p                                          exit code 0
  server   passed them on                                             exit code 0
  nats     kept the stream                                            exit code 0
  s1       received 2 of 2 lines, plain   SHA-256 3ea5e5e95975fc19…   exit code 0
  s2       received 2 of 2 lines, json    SHA-256 3ea5e5e95975fc19…   exit code 0

  Scripts compared with transcripts, line by line: nothing lost, doubled, reordered, altered
  or invented, the same order and the same digest for all, and every node ended well.
  Not judged: 1 line of others who joined in.
  (in no time)
`, out.String())
}

func TestVerdictOnFaults(t *testing.T) {
	color.NoColor = true
	for name, test := range map[string]struct {
		h     history.History
		nodes []ended
		want  string
	}{
		"a lost line":      {fixture([]string{"a", "b"}, []string{"a"}), nil, "lost 1 line"},
		"different orders": {fixture([]string{"a", "b"}, []string{"a"}), nil, "the digests of the subscribers differ"},
		"a bad exit code": {fixture([]string{"a", "b"}, []string{"a", "b"}), []ended{{&topology.Spec{Name: "server", Role: topology.Broker}, 137}},
			"✘ server ended with exit code 137"},
		"no subscriber": {history.History{}, nil, "✘ there was no subscriber"},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(test.h, test.nodes)
			assert.False(t, v.ok())
			var out bytes.Buffer
			v.print(&out, "")
			assert.Contains(t, out.String(), "✘ Not everything is right.")
			assert.Contains(t, out.String(), test.want)
		})
	}
}
