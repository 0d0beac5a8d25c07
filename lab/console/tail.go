package console

import (
	"bytes"
	"io"
	"os"
	"time"

	"pubsublab/lab/history"
)

// mostRead is how many bytes of a transcript are read at once.
const mostRead = 4 << 20

// A tail reads a transcript as it grows. It is for one goroutine.
type tail struct {
	path   string
	offset int64 // of what was read and parsed
}

// read returns what has been added since the last time. again says that the transcript has begun
// again since then. No file is an empty one.
func (t *tail) read() (added history.Transcript, again bool, err error) {
	info, err := os.Stat(t.path)
	if err != nil || info.Size() < t.offset {
		again, t.offset = t.offset > 0, 0
	}
	if err != nil || info.Size() == t.offset {
		return added, again, nil
	}
	file, err := os.Open(t.path)
	if err != nil {
		return added, again, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, t.offset, mostRead))
	if err != nil {
		return added, again, err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	t.offset += int64(len(text))
	added, err = history.Read(bytes.NewReader(text), history.TSV)
	return added, again, err
}

// read notes what a subscriber has received.
func (c *Console) read(n *node) {
	added, again, err := n.tail.read()
	if again {
		c.window.begin(n.got)
	}
	if err != nil {
		n.trouble = "its transcript cannot be read: " + err.Error()
	}
	now := time.Now()
	for i := range added.Messages {
		added.Messages[i].Arrived = now.UnixMicro()
	}
	c.window.receive(n.got, added.Messages)
	for _, e := range added.Events {
		if p := c.publisher(e.Name); p != nil && e.Kind == "left" && e.Role == "PUBLISHER" {
			p.left = now
		}
		if e.Kind == "left" && e.Role == "SUBSCRIBER" && e.Name == c.awaited {
			c.awaited = ""
		}
	}
	for _, m := range added.Messages {
		if p := c.publisher(m.From); p != nil && m.Gap == 0 {
			p.heard, n.heard = now, now
		}
	}
}

// publisher returns the node that publishes under a name, or nil.
func (c *Console) publisher(name string) *node {
	for _, n := range c.nodes {
		if n.sent != nil && n.sent.name == name {
			return n
		}
	}
	return nil
}
