package history

import (
	"cmp"
	"fmt"
	"slices"
)

// Check judges a history, in about linear time, and is deterministic. It panics where two
// publishers share a name: that history says nothing that could be checked. Any number of
// goroutines may call it at once.
func Check(h History) Report {
	c := newChecker(h)
	c.placing = true
	c.place()
	c.place() // what now has its place says where others are
	c.placing = false
	for _, v := range c.views {
		c.everyLineOnceInOrder(v)
	}
	for _, v := range c.views {
		c.locate(v)
		c.onlyWhatWasSent(v)
		c.filterHolds(v)
		c.onePositionOneMessage(v)
		c.positionsGrow(v)
		c.nothingSkipped(v)
		c.gapsAreAllowed(v)
	}
	c.oneOrderOfItsLines()
	for _, n := range c.accepted {
		c.report.Lines += n
	}
	return c.report
}

// checker is one call of Check.
type checker struct {
	History
	pubs  []*publisher
	named map[string]int // index in pubs
	views []*view

	accepted []int           // by publisher: how many of its lines are known to have been accepted, by now
	order    []uint64        // all positions that anybody received, growing
	at       map[uint64]spot // who received what there, first
	counted  bool            // positions count all messages: they came with them, or are of somebody who received all
	placing  bool            // faults are counted only: it is not yet known which line is where
	report   Report
}

// spot is the i-th thing that a subscriber received.
type spot struct {
	*view
	i int
}

func (s spot) message() Message { return s.Received[s.i] }
func (s spot) number() int      { return s.line[s.i] }

// view is one subscriber as it is checked.
type view struct {
	*Subscriber
	from  []int    // of each message received: its publisher; -1: none
	line  []int    // of each message received: its number among its publisher's lines, from 0; or one of the two below
	pos   []uint64 // of each message received, that of its line too where it has none itself; 0: not known
	gaps  []int    // before each thing received, and behind them all: how many gaps came
	wrong int      // faults found while placing
	lost  int      // lines that were reported as lost
}

const (
	wrong   = -1 // not a line of its publisher, or one that comes again
	unknown = -2 // one of several lines with the same text, and nobody knows which
)

// publisher is one publisher as its lines are looked up.
type publisher struct {
	*Publisher
	numbers map[string][]int // by text, the numbers of its lines from 0, growing
	pos     []uint64         // by line: its position; 0: not known
}

func newChecker(h History) *checker {
	c := &checker{History: h, named: map[string]int{}, at: map[uint64]spot{}}
	c.report.Publishers, c.report.Subscribers = len(h.Publishers), len(h.Subscribers)
	for i := range h.Publishers {
		p := &publisher{&h.Publishers[i], map[string][]int{}, make([]uint64, len(h.Publishers[i].Sent))}
		if _, twice := c.named[p.Name]; twice {
			panic(fmt.Sprintf("history: two publishers are named %q", p.Name))
		}
		for n, text := range p.Sent {
			p.numbers[text] = append(p.numbers[text], n)
		}
		c.named[p.Name] = i
		c.pubs = append(c.pubs, p)
		c.accepted = append(c.accepted, min(max(p.Acked, 0), len(p.Sent)))
	}
	for i := range h.Subscribers {
		n := len(h.Subscribers[i].Received)
		v := &view{Subscriber: &h.Subscribers[i], from: make([]int, n), line: make([]int, n), pos: make([]uint64, n), gaps: make([]int, n+1)}
		for k, m := range v.Received {
			v.from[k], v.line[k], v.pos[k] = -1, wrong, m.Pos
			if p, known := c.named[m.From]; known && m.Gap == 0 {
				v.from[k] = p
			}
			c.counted = c.counted || m.Pos != 0
			if v.gaps[k+1] = v.gaps[k]; m.Gap != 0 {
				v.gaps[k+1]++
			}
			c.report.Declared += max(0, m.Gap)
		}
		c.views = append(c.views, v)
	}
	return c
}

// place finds out the positions there are, and which line is at each. Those whose messages can all
// be right are believed before the others. Where nobody has positions, the places of messages at
// the one of them that received most serve as such.
func (c *checker) place() {
	for _, v := range c.views {
		v.wrong = 0
		for p := range c.pubs {
			before := v.wrong
			if r := c.read(v, p); v.wrong == before {
				c.accepted[p] = max(c.accepted[p], r.next)
			}
		}
	}
	believed := slices.Clone(c.views)
	slices.SortStableFunc(believed, func(a, b *view) int { return cmp.Or(min(a.wrong, 1)-min(b.wrong, 1), len(b.Received)-len(a.Received)) })
	if !c.counted && len(believed) > 0 {
		c.counted = believed[0].Filter == ""
		next := uint64(1)
		for i, m := range believed[0].Received {
			if m.Gap == 0 && believed[0].line[i] >= 0 {
				believed[0].pos[i] = next
			}
			next += uint64(max(1, m.Gap))
		}
	}
	for _, v := range believed {
		for i, pos := range v.pos {
			if known := c.known(v, i); pos == 0 || known != nil && *known != 0 && *known != pos {
				continue
			} else if known != nil {
				*known = pos
			}
			first, again := c.at[pos]
			if !again {
				c.order = append(c.order, pos)
			}
			if !again || v.line[i] >= 0 && first.number() < 0 {
				c.at[pos] = spot{v, i}
			}
		}
	}
	slices.Sort(c.order)
}

// known is the position of the line that a message is; nil where it is not known which it is.
func (c *checker) known(v *view, i int) *uint64 {
	if v.line[i] < 0 {
		return nil
	}
	return &c.pubs[v.from[i]].pos[v.line[i]]
}

// locate gives messages that came without a position that of their line.
func (c *checker) locate(v *view) {
	for i := range v.pos {
		if known := c.known(v, i); known != nil && v.pos[i] == 0 {
			v.pos[i] = *known
		}
		if v.line[i] == unknown {
			c.report.Unknown++
		}
	}
}

// everyLineOnceInOrder: a publisher's lines come in the order in which it sent them, each once,
// none altered, none of those that were accepted missing (P9, P10).
func (c *checker) everyLineOnceInOrder(v *view) {
	for p := range c.pubs {
		c.lost(c.read(v, p), c.accepted[p])
	}
}

// onlyWhatWasSent: every message is of somebody who published, and carries that one's topic.
func (c *checker) onlyWhatWasSent(v *view) {
	for i, m := range v.Received {
		switch p := v.from[i]; {
		case p < 0 && m.Gap == 0 && !c.Others:
			c.fault(v, Invented, i, "received %s from %q, who published nothing, as line %s", quote(m.Line), m.From, thousands(i+1))
		case p >= 0 && v.line[i] != wrong && m.Topic != c.pubs[p].Topic:
			c.fault(v, Misattributed, i, "received %s with the topic %q instead of %q, as line %s",
				v.tell(i), m.Topic, c.pubs[p].Topic, thousands(i+1))
		}
	}
}

// filterHolds: a message comes to nobody whose filter does not match its topic (P11).
func (c *checker) filterHolds(v *view) {
	for i, m := range v.Received {
		if v.line[i] != wrong && m.Topic == c.pubs[v.from[i]].Topic && !Match(v.Filter, m.Topic) {
			c.fault(v, Misfiltered, i, "received %s as line %s, whose topic %q does not match its filter %q",
				v.tell(i), thousands(i+1), m.Topic, v.Filter)
		}
	}
}

// onePositionOneMessage: a position is the same message for everybody, and a message has the same
// position (P12). One that is not counts as received at a place that is not known.
func (c *checker) onePositionOneMessage(v *view) {
	for i, m := range v.Received {
		if v.pos[i] == 0 || v.line[i] == wrong {
			continue
		}
		first, placed := c.at[v.pos[i]]
		if known := c.known(v, i); known != nil && *known != 0 && *known != v.pos[i] {
			c.fault(v, Disagreement, i, "received %s%s, %s at %s", v.tell(i), v.atPosition(i), c.at[*known].Name, thousands(int(*known)))
		} else if placed && (m.From != first.message().From || m.Line != first.message().Line) {
			c.fault(v, Disagreement, i, "received %s%s, where %s received %s", v.tell(i), v.atPosition(i), first.Name, first.tell(first.i))
		} else if placed {
			continue
		}
		v.pos[i] = 0
	}
}

// positionsGrow: along what a subscriber receives, positions only grow (P9, P12). Where two messages
// of one publisher came out of its order, that has been said already.
func (c *checker) positionsGrow(v *view) {
	last := -1
	for i, pos := range v.pos {
		if pos == 0 || v.line[i] == wrong {
			continue
		}
		if last < 0 || pos > v.pos[last] {
			last = i
		} else if v.from[i] != v.from[last] || v.line[i] >= v.line[last] {
			c.fault(v, Disagreement, i, "received %s%s after %s%s, the other way round from %s",
				v.tell(i), v.atPosition(i), v.tell(last), v.atPosition(last), c.at[pos].Name)
		}
	}
}

// oneOrderOfItsLines: in the order of positions, whoever received them, a publisher's lines are in
// the order in which it sent them (P9).
func (c *checker) oneOrderOfItsLines() {
	last := make([]spot, len(c.pubs))
	for _, pos := range c.order {
		s := c.at[pos]
		if s.number() < 0 {
			continue
		}
		before := last[s.from[s.i]]
		last[s.from[s.i]] = s
		if before.view != nil && before.view != s.view && before.number() > s.number() {
			c.fault(s.view, Disagreement, s.i, "received %s%s, and %s received %s before it%s",
				s.tell(s.i), s.atPosition(s.i), before.Name, before.tell(before.i), before.atPosition(before.i))
		}
	}
}

// gapsAreAllowed: where nothing may be missing, no gap may be declared.
func (c *checker) gapsAreAllowed(v *view) {
	for i, m := range v.Received {
		switch {
		case m.Gap == 0 || v.GapsAllowed:
		case m.Gap <= Unknown:
			c.fault(v, Gap, i, "was told that an order ended, as line %s", thousands(i+1))
		default:
			c.add(v, Fault{Kind: Gap, At: i + 1, Count: m.Gap, Text: fmt.Sprintf(
				"was told that %s are missing, as line %s", count(m.Gap, "message"), thousands(i+1))})
		}
	}
}
