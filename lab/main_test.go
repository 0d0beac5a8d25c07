package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"pubsublab/lab/topology"
)

func TestPrinter(t *testing.T) {
	topo := &topology.Topology{Specs: []*topology.Spec{{Name: "server"}, {Name: "subscriber-1"}}}
	var out bytes.Buffer
	p := newPrinter(&out, false, topo, nil)
	p.line(topology.Line{Node: "server", Text: "\x1b"})
	p.line(topology.Line{Node: "subscriber-1", Text: "b"})
	assert.Equal(t, "server       | \x1b\nsubscriber-1 | b\n", out.String(), "into a file bytes go as they came")

	out.Reset()
	p = newPrinter(&out, true, topo, nil)
	p.line(topology.Line{Node: "server", Text: "user \u202e resu\t\x1b[2K\u200b"})
	assert.Equal(t, `server       | user \u202e resu`+"\t"+`\x1b[2K\u200b`+"\n", out.String(), "at a terminal")

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
