package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// event is line index of publisher p, in the one order that a generated history really had.
type event struct{ p, index int }

type generator struct {
	*rand.Rand
	unique bool // no text is sent twice
}

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g generator) pick(of ...string) string { return of[g.IntN(len(of))] }

// publisher makes one, and says how many of its lines really were accepted.
func (g generator) publisher(p int) (Publisher, int) {
	pub := Publisher{Name: fmt.Sprintf("pub-%d", p), Topic: g.pick("", "a", "a.b", "a.c", "b.c")}
	alphabet := 1 + g.IntN(4)
	for i := range g.IntN(30) {
		text := g.pick("", "x", "y", "z")
		if alphabet < 3 {
			text = g.pick("", "x")
		}
		if g.unique {
			text = fmt.Sprintf("text %d of %d", i, p)
		}
		pub.Sent = append(pub.Sent, text)
	}
	if g.chance(70) {
		pub.Acked = len(pub.Sent)
		return pub, len(pub.Sent)
	}
	pub.Acked = g.IntN(len(pub.Sent) + 1)
	return pub, pub.Acked + g.IntN(len(pub.Sent)-pub.Acked+1)
}

// correct makes a history with no fault in it.
func (g generator) correct() History {
	var h History
	var order []event
	for p := range 1 + g.IntN(4) {
		pub, accepted := g.publisher(p)
		h.Publishers = append(h.Publishers, pub)
		for i := range accepted {
			order = append(order, event{p, i})
		}
	}
	next := make([]int, len(h.Publishers))
	g.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	for n, e := range order {
		order[n].index = next[e.p]
		next[e.p]++
	}
	for s := range 1 + g.IntN(5) {
		h.Subscribers = append(h.Subscribers, g.subscriber(h, order, s))
	}
	return h
}

func (g generator) subscriber(h History, order []event, n int) Subscriber {
	s := Subscriber{Name: fmt.Sprintf("sub-%d", n), Filter: g.pick("", "", "", "a", "a.*", ">", "*.c", "a.>")}
	s.FromFirst, s.ToEnd, s.GapsAllowed = g.chance(50), g.chance(50), g.chance(30)
	from, to := 0, len(order)
	if !s.FromFirst {
		from = g.IntN(len(order) + 1)
	}
	if !s.ToEnd {
		to = from + g.IntN(len(order)-from+1)
	}
	withPositions, gap := g.chance(40), 0
	for i := from; i < to; i++ {
		if s.GapsAllowed && (g.chance(3) || gap > 0 && g.chance(60)) {
			gap++ // of all messages: nobody knows which would have matched
			continue
		}
		if gap > 0 {
			s.Received = append(s.Received, Message{Gap: gap})
			gap = 0
		}
		pub := h.Publishers[order[i].p]
		if !Match(s.Filter, pub.Topic) {
			continue
		}
		m := Message{From: pub.Name, Topic: pub.Topic, Line: pub.Sent[order[i].index]}
		if withPositions {
			m.Pos = uint64(i + 1)
		}
		s.Received = append(s.Received, m)
	}
	if gap > 0 {
		s.Received = append(s.Received, Message{Gap: gap})
	}
	return s
}

func TestCorrectHistoriesAreNeverFlagged(t *testing.T) {
	for range 2000 {
		seed := rand.Uint64()
		g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		h := g.correct()
		report := Check(h)
		require.Empty(t, report.Faults, "seed %d: %s\n%+v", seed, report, h)
		g.unique = true
		h = g.correct()
		report = Check(h)
		require.True(t, report.OK(), "seed %d, unique texts: %s\n%+v", seed, report, h)
	}
}

// complete makes a correct history of unique texts in which every subscriber must have everything.
func (g generator) complete() History {
	g.unique = true
	for {
		h := g.correct()
		for p := range h.Publishers {
			h.Publishers[p].Acked = len(h.Publishers[p].Sent)
		}
		h.Subscribers = nil
		var order []event
		for p, pub := range h.Publishers {
			for i := range pub.Sent {
				order = append(order, event{p, i})
			}
		}
		g.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		next := make([]int, len(h.Publishers))
		var all []Message
		for n, e := range order {
			pub := h.Publishers[e.p]
			all = append(all, Message{Pos: uint64(n + 1), From: pub.Name, Topic: pub.Topic, Line: pub.Sent[next[e.p]]})
			next[e.p]++
		}
		if len(all) < 4 || len(h.Publishers) < 2 {
			continue
		}
		for n := range 2 + g.IntN(3) {
			received := slices.Clone(all)
			if n > 0 && g.chance(50) {
				for i := range received {
					received[i].Pos = 0
				}
			}
			s := Subscriber{Name: fmt.Sprintf("sub-%d", n), FromFirst: true, ToEnd: true, Received: received}
			h.Subscribers = append(h.Subscribers, s)
		}
		return h
	}
}

// injections are single faults. Each changes what one subscriber received at i, and says what kind
// that must be.
var injections = map[Kind]func(g generator, s *Subscriber, i int) bool{
	Lost: func(g generator, s *Subscriber, i int) bool {
		s.Received = slices.Delete(s.Received, i, i+1)
		return true
	},
	Duplicated: func(g generator, s *Subscriber, i int) bool {
		s.Received = slices.Insert(s.Received, i+g.IntN(len(s.Received)-i)+1, s.Received[i])
		return true
	},
	Reordered: func(g generator, s *Subscriber, i int) bool {
		for k := i + 1; k < len(s.Received); k++ {
			if s.Received[k].From == s.Received[i].From {
				m := s.Received[i]
				s.Received = slices.Insert(slices.Delete(s.Received, i, i+1), k, m)
				return true
			}
		}
		return false
	},
	Invented: func(g generator, s *Subscriber, i int) bool {
		s.Received = slices.Insert(s.Received, i, Message{From: g.pick("pub-0", "nobody"), Topic: s.Received[0].Topic, Line: "!"})
		return true
	},
	Altered: func(g generator, s *Subscriber, i int) bool {
		s.Received[i].Line = s.Received[i].Line[:g.IntN(3)]
		return true
	},
	Misattributed: func(g generator, s *Subscriber, i int) bool {
		s.Received[i].Topic += ".x"
		return true
	},
	Gap: func(g generator, s *Subscriber, i int) bool {
		s.Received[i] = Message{Gap: 1}
		return true
	},
}

func TestOneFaultIsFoundAndNamed(t *testing.T) {
	for range 500 {
		for kind, inject := range injections {
			seed := rand.Uint64()
			g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
			h := g.complete()
			n := g.IntN(len(h.Subscribers))
			s := &h.Subscribers[n]
			before := slices.Clone(s.Received)
			if !inject(g, s, g.IntN(len(s.Received))) || slices.Equal(before, s.Received) {
				continue
			}
			report := Check(h)
			require.Len(t, report.Faults, 1, "%s, seed %d: %s\n%+v", kind, seed, report, h)
			require.Equal(t, kind, report.Faults[0].Kind, "seed %d: %s\n%+v", seed, report, h)
			require.Equal(t, map[Kind]int{kind: 1}, report.Counts, "seed %d: %s", seed, report)
		}
	}
}

// A message under another name is one that its publisher lost, and one that the other never sent.
func TestMessageUnderAnotherName(t *testing.T) {
	for range 500 {
		seed := rand.Uint64()
		g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		h := g.complete()
		m := &h.Subscribers[g.IntN(len(h.Subscribers))].Received[g.IntN(4)]
		name := g.pick("nobody", "pub-0", "pub-1")
		if name == m.From {
			continue
		}
		m.From, m.Topic = name, h.Publishers[0].Topic
		if name == "pub-1" {
			m.Topic = h.Publishers[1].Topic
		}
		report := Check(h)
		require.Equal(t, map[Kind]int{Lost: 1, Invented: 1}, report.Counts, "seed %d: %s", seed, report)
	}
}

// TestSwappedPublishersDisagree moves a line past lines of other publishers only, which breaks no
// publisher's order.
func TestSwappedPublishersDisagree(t *testing.T) {
	for range 500 {
		seed := rand.Uint64()
		g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		h := g.complete()
		n := g.IntN(len(h.Subscribers))
		r := h.Subscribers[n].Received
		i := g.IntN(len(r) - 1)
		if r[i].From == r[i+1].From {
			continue
		}
		r[i], r[i+1] = r[i+1], r[i]
		report := Check(h)
		require.Equal(t, 1, report.Counts[Disagreement], "seed %d: %s\n%+v", seed, report, h)
		require.Len(t, report.Counts, 1, "seed %d: %s", seed, report)
	}
}
