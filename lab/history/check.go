package history

import "fmt"

// Check judges a history. It takes about linear time in what was sent and received where that is correct, and is
// deterministic. Where a history is not correct it looks for an explanation with few faults; a fault that cannot be
// proven, because texts repeat and nothing tells them apart, is not reported; without gaps and with a subscriber that
// received everything that does not happen. It panics where two publishers share a name: that history says nothing
// that could be checked. A history may hold 2^31 - 1 sent lines. Any number of goroutines may call it at once.
func Check(h History) Report {
	c := newChecker(h)
	for _, v := range c.views {
		c.placeAnchored(v)
	}
	c.settle()
	for _, v := range c.views {
		c.placeFloating(v)
	}
	c.settle()
	for _, v := range c.views {
		c.judge(v)
	}
	c.checkOrder()
	for _, n := range c.accepted {
		c.report.Lines += n
	}
	return c.report
}

// checker is one call of Check. Every sent line is a node: its publisher's base plus its index.
type checker struct {
	// Static after construction.
	pubs  []Publisher
	named map[string]int // publisher by name
	base  []int32        // of each publisher its first node; one more at the end: the number of nodes
	views []*view

	accepted  []int    // per publisher: how many of its lines are known to have been accepted, by now
	texts     []*texts // per publisher, made where needed
	state     []lineState
	positions []uint64 // see knownPositions
	report    Report
}

// view is one subscriber on its way through the check.
type view struct {
	*Subscriber
	index     int
	matches   []bool  // per publisher: its topic matches the filter
	parts     []part  // what it received, cut at the declared gaps
	strays    []int32 // indexes into Received: of no publisher, or of one that does not match
	at        []int32 // per received message its node, in the order of each publisher, or none
	unclear   []bool  // per publisher: repeated texts leave open which of its lines these are
	elsewhere []int32 // nodes received out of place, or reported as lost already
}

// part is what a subscriber received between two gaps: within it, nothing may be missing.
type part struct {
	first, last bool      // it begins at the beginning, it ends at the end
	lines       [][]int32 // per publisher: indexes into Received
}

func newChecker(h History) *checker {
	c := &checker{pubs: h.Publishers, named: make(map[string]int), base: make([]int32, 1)}
	c.accepted = make([]int, len(c.pubs))
	c.texts = make([]*texts, len(c.pubs))
	c.report.Publishers = len(c.pubs)
	for p, pub := range c.pubs {
		if _, twice := c.named[pub.Name]; twice {
			panic(fmt.Sprintf("history: two publishers are named %q", pub.Name))
		}
		c.named[pub.Name] = p
		c.base = append(c.base, c.base[p]+int32(len(pub.Sent)))
		c.accepted[p] = c.sure(p)
	}
	for i := range h.Subscribers {
		c.views = append(c.views, c.newView(&h.Subscribers[i], i))
	}
	return c
}

// newView sorts what a subscriber received by parts and publishers.
func (c *checker) newView(s *Subscriber, index int) *view {
	v := &view{Subscriber: s, index: index, at: make([]int32, len(s.Received)), unclear: make([]bool, len(c.pubs))}
	for _, pub := range c.pubs {
		v.matches = append(v.matches, Match(s.Filter, pub.Topic))
	}
	tally := Tally{Subscriber: s.Name, ByPublisher: make(map[string]int), Faults: make(map[Kind]int)}
	v.parts = []part{{first: s.FromFirst, lines: make([][]int32, len(c.pubs))}}
	for i, m := range s.Received {
		v.at[i] = none
		if m.Gap > 0 {
			tally.Declared += m.Gap
			v.parts = append(v.parts, part{lines: make([][]int32, len(c.pubs))})
			continue
		}
		tally.Lines++
		tally.ByPublisher[m.From]++
		if p, known := c.named[m.From]; known && v.matches[p] {
			lines := v.parts[len(v.parts)-1].lines
			lines[p] = append(lines[p], int32(i))
		} else {
			v.strays = append(v.strays, int32(i))
		}
	}
	v.parts[len(v.parts)-1].last = s.ToEnd
	c.report.Subscribers = append(c.report.Subscribers, tally)
	return v
}

func (c *checker) sure(p int) int { return min(max(c.pubs[p].Sure, 0), len(c.pubs[p].Sent)) }

func (c *checker) allSure(p int) bool { return c.sure(p) == len(c.pubs[p].Sent) }

// settle raises accepted to what anyone received.
func (c *checker) settle() {
	for _, v := range c.views {
		for _, part := range v.parts {
			for p, lines := range part.lines {
				for i := len(lines) - 1; i >= 0; i-- {
					if node := v.at[lines[i]]; node != none {
						c.accepted[p] = max(c.accepted[p], int(node-c.base[p])+1)
						break
					}
				}
			}
		}
	}
}

// owner gives the publisher of a node and the index of its line.
func (c *checker) owner(node int32) (p int, index int32) {
	for node >= c.base[p+1] {
		p++
	}
	return p, node - c.base[p]
}

// texts tells the lines of a publisher by their texts.
type texts struct {
	first map[string]int32 // the first line of each text
	same  []int32          // per line: the first line of the same text, its symbol
	next  []int32          // per line: the next line of the same text, or none
}

func (c *checker) textsOf(p int) *texts {
	if c.texts[p] != nil {
		return c.texts[p]
	}
	sent := c.pubs[p].Sent
	t := &texts{first: make(map[string]int32, len(sent)), same: make([]int32, len(sent)), next: make([]int32, len(sent))}
	for i := len(sent) - 1; i >= 0; i-- {
		t.same[i], t.next[i] = int32(i), t.symbol(sent[i])
		t.first[sent[i]] = int32(i)
	}
	for i, next := range t.next {
		if next != none {
			t.same[next] = t.same[i]
		}
	}
	c.texts[p] = t
	return t
}

// symbol of a text of this publisher, or none.
func (t *texts) symbol(text string) int32 {
	if first, known := t.first[text]; known {
		return first
	}
	return none
}
