package console

import (
	"slices"

	"pubsublab/lab/history"
)

// keptMessages is how many of the newest messages of each subscriber a window keeps, at most twice.
const keptMessages = 4000

// A window is what publishers sent and subscribers received lately. What is older has been judged,
// and only the counts of that are kept, so that a demo may go on for ever. It is for one goroutine.
type window struct {
	limit int
	pubs  []*sent
	subs  []*got

	guests bool    // somebody else has published too
	ends   []int64 // when orders of the broker ended, in microseconds since 1970, by the clock of messages
	oldest int     // the number of the oldest order that is kept
	floor  uint64  // what came up to this position of the oldest order is not kept
	passed Tally   // of what is not kept
}

// sent is what a publisher sent.
type sent struct {
	name, topic string
	lines       []string
	before      int // lines that are not kept
	done        bool
}

// got is what a subscriber received.
type got struct {
	name, filter string
	fromFirst    bool
	toEnd        bool
	since        int // the order in which what is kept begins
	order        int // the order that it is in
	received     []history.Message
	lines        int    // messages since it was started
	last         uint64 // its last position
	told         bool   // that an order had ended
	turned       bool   // the next message tells which order it is in now
}

// A Tally is what the checker says.
type Tally struct {
	Lines   int                  `json:"lines"` // sent and accepted
	Counts  map[history.Kind]int `json:"counts"`
	Unknown int                  `json:"unknown"` // messages of which it is not known which line they are
	// Lost and Again are of where the order of a broker ended that kept it in memory.
	Lost   int      `json:"lost"`
	Again  int      `json:"again"`
	Faults []string `json:"faults"` // some of them in words
}

// most is how many faults a tally has in words.
const most = 10

// add adds what the checker says of one more order.
func (t *Tally) add(r history.Report) {
	t.Lines += r.Lines
	t.Unknown += r.Unknown
	for kind, n := range r.Counts {
		if t.Counts == nil {
			t.Counts = map[history.Kind]int{}
		}
		t.Counts[kind] += n
	}
	for _, f := range r.Faults {
		if len(t.Faults) < most {
			t.Faults = append(t.Faults, f.Subscriber+": "+f.Text)
		}
	}
}

func (t *Tally) broke(broken []history.Broken) {
	for _, b := range broken {
		t.Lost += b.Lost
		t.Again += b.Again
	}
}

// clone returns a copy that shares nothing.
func (t *Tally) clone() Tally {
	c := *t
	c.Counts, c.Faults = map[history.Kind]int{}, slices.Clone(t.Faults)
	for kind, n := range t.Counts {
		c.Counts[kind] = n
	}
	return c
}

func (w *window) publisher(name string) *sent {
	i := slices.IndexFunc(w.pubs, func(p *sent) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return w.pubs[i]
}

// begin notes that a subscriber begins to receive, or does so again from nothing. What it received
// before is judged first, and older orders, whose only witness it may be.
func (w *window) begin(s *got) {
	if len(s.received) > 0 {
		if orders, broken := history.Orders(w.history()); len(orders) > 1 {
			w.dropOrders(orders, broken)
		}
		h := w.history()
		h.Subscribers = []history.Subscriber{h.Subscribers[slices.Index(w.subs, s)]}
		r := history.Check(h)
		r.Lines = 0 // of which others are the witnesses
		w.passed.add(r)
	}
	s.received, s.lines, s.last, s.toEnd, s.told = nil, 0, 0, false, false
	s.since, s.order, s.turned = len(w.ends), len(w.ends), true
}

// receive notes what a subscriber received.
func (w *window) receive(s *got, messages []history.Message) {
	for _, m := range messages {
		s.last = m.Pos // 0 where an order has ended
		if s.turned && m.Gap == 0 {
			w.turn(s, m.Time)
		}
		switch {
		case m.Gap <= history.Unknown:
			s.told, s.turned = true, true
			continue
		case s.order < w.oldest, s.order == w.oldest && m.Pos != 0 && m.Pos <= w.floor:
			if m.Gap == 0 && w.publisher(m.From) != nil {
				s.lines++
			}
			continue
		case m.Gap == 0 && w.publisher(m.From) == nil:
			w.guests = true // who is not judged
		case m.Gap == 0:
			s.lines++
		}
		s.received = append(s.received, m)
	}
}

// turn finds the order that a subscriber is in, by the time of its first message there: more than
// one may have ended since it received anything.
func (w *window) turn(s *got, at int64) {
	s.turned = false
	order := 0
	for order < len(w.ends) && w.ends[order] < at {
		order++
	}
	if s.told && order <= s.order && len(s.received) > 0 {
		order = s.order + 1 // whatever the clocks say
	}
	for len(w.ends) < order {
		w.ends = append(w.ends, at-1) // nobody else has noticed
	}
	switch missed := order - s.order - 1; {
	case order <= w.oldest || len(s.received) == 0 && !s.told:
		s.since, s.received = order, nil // all before is not kept, or there is nothing
	case missed >= 0:
		s.received = append(s.received, history.Message{Gap: history.Unknown - missed})
	}
	s.order = order
}

// accepted is how many lines of a publisher have been received by somebody, of all that it sent.
func (w *window) accepted(p *sent) int {
	orders, _ := history.Orders(w.history())
	last, i := orders[len(orders)-1], slices.Index(w.pubs, p)
	most := 0
	for _, s := range last.Subscribers {
		most = max(most, countOf(p.name, s.Received))
	}
	return p.before + last.First[i] + most
}

func countOf(publisher string, received []history.Message) (n int) {
	for _, m := range received {
		if m.Gap == 0 && m.From == publisher {
			n++
		}
	}
	return n
}

// history is what is kept. It shares the lines and messages with the window.
func (w *window) history() history.History {
	h := history.History{Others: w.guests}
	for _, p := range w.pubs {
		pub := history.Publisher{Name: p.name, Topic: p.topic, Sent: p.lines}
		if p.done {
			pub.Acked = len(p.lines)
		}
		h.Publishers = append(h.Publishers, pub)
	}
	for _, s := range w.subs {
		h.Subscribers = append(h.Subscribers, history.Subscriber{
			Name: s.name, Filter: s.filter, FromFirst: s.fromFirst, ToEnd: s.toEnd, Since: max(0, s.since-w.oldest), Received: s.received,
		})
	}
	return h
}

// lastHistory is history for the verdict at the end, which wants to know who was told that an order
// had ended, even if that is not kept.
func (w *window) lastHistory() history.History {
	h := w.history()
	end := func(m history.Message) bool { return m.Gap <= history.Unknown }
	forgotten := func(s *got) bool { return s.told && !slices.ContainsFunc(s.received, end) }
	if !slices.ContainsFunc(w.subs, forgotten) {
		return h
	}
	for i, s := range w.subs {
		sub := &h.Subscribers[i]
		if forgotten(s) { // an order of which nothing is kept, and its end
			sub.Received = append([]history.Message{{Gap: history.Unknown}}, sub.Received...)
		} else {
			sub.Since++
		}
	}
	return h
}

// check judges all there has been.
func (w *window) check() Tally {
	t := w.passed.clone()
	orders, broken := history.Orders(w.history())
	for _, o := range orders {
		t.add(history.Check(o.History))
	}
	t.broke(broken)
	return t
}

// prune judges and forgets what is old, where there is too much.
func (w *window) prune() {
	for _, p := range w.pubs {
		if len(p.lines) > w.limit && !w.heard(p) {
			p.forget(len(p.lines))
		}
	}
	if w.longest() <= 2*w.limit {
		return
	}
	h := w.history()
	if orders, broken := history.Orders(h); len(orders) > 1 {
		w.dropOrders(orders, broken)
	}
	if w.longest() > 2*w.limit {
		w.dropFirst()
	}
}

// heard reports whether any subscriber is to have the lines of a publisher. Those of the others are
// nobody's evidence.
func (w *window) heard(p *sent) bool {
	return slices.ContainsFunc(w.subs, func(s *got) bool { return history.Match(s.filter, p.topic) })
}

func (w *window) longest() (n int) {
	for _, s := range w.subs {
		n = max(n, len(s.received))
	}
	return n
}

// dropOrders forgets all orders but the last.
func (w *window) dropOrders(orders []history.Order, broken []history.Broken) {
	last := len(orders) - 1
	for _, o := range orders[:last] {
		w.passed.add(history.Check(o.History))
	}
	w.passed.broke(broken)
	w.oldest += last
	w.floor = 0
	for i, p := range w.pubs {
		p.forget(orders[last].First[i])
	}
	for i, s := range w.subs {
		// Cloned, so that what is forgotten is freed.
		s.received, s.since = slices.Clone(orders[last].Subscribers[i].Received), max(s.since, min(s.order, w.oldest))
	}
}

// dropFirst forgets the older part of the one order there is.
func (w *window) dropFirst() {
	full := slices.MaxFunc(w.subs, func(a, b *got) int { return len(a.received) - len(b.received) })
	cut := full.received[len(full.received)-w.limit].Pos
	for _, p := range w.pubs {
		// Of each publisher, somebody has everything up to there.
		reach := uint64(0)
		for _, s := range w.subs {
			if history.Match(s.filter, p.topic) && s.order == w.oldest {
				reach = max(reach, s.last)
			}
		}
		if w.heard(p) {
			cut = min(cut, reach)
		}
	}
	if cut <= w.floor {
		return // the next time
	}
	h := w.history()
	counts := make([]int, len(w.pubs))
	for i, s := range w.subs {
		older := slices.IndexFunc(s.received, func(m history.Message) bool { return m.Pos > cut })
		if older < 0 {
			older = len(s.received)
		}
		sub := &h.Subscribers[i]
		// Who is so far behind is judged again from behind the cut on.
		sub.Received, sub.ToEnd = s.received[:older], s.order == w.oldest && s.last >= cut
		for p, pub := range w.pubs {
			counts[p] = max(counts[p], countOf(pub.name, sub.Received))
		}
		s.received = slices.Clone(s.received[older:])
	}
	for i, p := range w.pubs {
		pub := &h.Publishers[i]
		pub.Sent, pub.Acked = pub.Sent[:counts[i]], counts[i]
		p.forget(counts[i])
	}
	w.floor = cut
	w.passed.add(history.Check(h))
}

func (p *sent) forget(n int) {
	p.before += n
	p.lines = slices.Clone(p.lines[n:])
}
