package main

import (
	"cmp"
	"slices"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

const (
	openMost  = 6    // messages that may wait for somebody
	knownMost = 4096 // messages that are known again when one more subscriber has them
)

// A crowd is the subscribers of a demo, and who of them has which message. It is not for concurrent
// use.
type crowd struct {
	ended   func(node string) bool
	readers []*reader
	open    []*message // those that somebody has not yet, and all behind the first of them, in their order
	seen    int        // messages

	known  map[history.Place]bool
	recent []history.Place // the keys of known, in their order
	past   int64           // the time up to which messages are not known any more
}

// A reader is a subscriber of the demo.
type reader struct {
	name, filter string
	first        bool // it has everything from the beginning
	has          int  // messages
	behind       int  // messages that others have
}

// A message is one that a subscriber has at least.
type message struct {
	history.Message
	has map[*reader]bool
}

// add adds a subscriber, unless it is there.
func (c *crowd) add(s *topology.Spec) {
	if c.reader(s.Name) == nil {
		from, _ := s.Flag("from")
		c.readers = append(c.readers, &reader{name: s.Name, filter: s.Topic(), first: from == "first"})
	}
}

func (c *crowd) reader(name string) *reader {
	for _, r := range c.readers {
		if r.name == name {
			return r
		}
	}
	return nil
}

// received notes that a subscriber, which was added, has a message.
func (c *crowd) received(name string, m history.Message) {
	r := c.reader(name)
	at := m.Place()
	if c.known[at] || m.Time <= c.past {
		r.behind = max(0, r.behind-1)
		if i := slices.IndexFunc(c.open, func(o *message) bool { return o.Place() == at }); i >= 0 {
			c.open[i].has[r] = true
		}
	} else {
		c.learn(at)
		c.seen++
		for _, other := range c.readers {
			if other != r && c.waits(other, m) {
				other.behind++
			}
		}
		i, _ := slices.BinarySearchFunc(c.open, at, func(o *message, at history.Place) int {
			return cmp.Or(cmp.Compare(o.Time, at.Time), cmp.Compare(o.Pos, at.Pos))
		})
		c.open = slices.Insert(c.open, i, &message{m, map[*reader]bool{r: true}})
	}
	r.has++
}

// learn keeps the place of a new message.
func (c *crowd) learn(at history.Place) {
	if c.known == nil {
		c.known = map[history.Place]bool{}
	}
	c.known[at] = true
	if c.recent = append(c.recent, at); len(c.recent) > knownMost {
		delete(c.known, c.recent[0])
		c.past = max(c.past, c.recent[0].Time)
		c.recent = c.recent[1:]
	}
}

// waits reports whether a subscriber is to have a message, if it has not.
func (c *crowd) waits(r *reader, m history.Message) bool {
	return (r.first || r.has > 0) && history.Match(r.filter, m.Topic) && !c.ended(r.name)
}

// settled reports whether the oldest open message need not be kept open: all have it, or too many
// are.
func (c *crowd) settled() bool {
	if len(c.open) == 0 {
		return false
	}
	return len(c.open) > openMost || !slices.ContainsFunc(c.readers, func(r *reader) bool {
		return !c.open[0].has[r] && c.waits(r, c.open[0].Message)
	})
}
