package history

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// explainable says whether a history can be correct, by trying every order of the lines that may have been accepted
// and every window of every subscriber. Only for tiny histories.
func explainable(h History) bool {
	var order []event
	accepted := make([]int, len(h.Publishers))
	var interleave func() bool
	interleave = func() bool {
		complete := true
		for p, pub := range h.Publishers {
			n := accepted[p]
			complete = complete && n >= pub.Sure
			if n < len(pub.Sent) {
				accepted[p]++
				order = append(order, event{p, n})
				found := interleave()
				order = order[:len(order)-1]
				accepted[p]--
				if found {
					return true
				}
			}
		}
		return complete && fitsAll(h, order, 0, make(map[event]uint64))
	}
	return interleave()
}

// fitsAll looks for windows on an order for the subscribers from n on, given positions that are fixed already.
func fitsAll(h History, order []event, n int, positions map[event]uint64) bool {
	if n == len(h.Subscribers) {
		last := uint64(0)
		for _, e := range order {
			if pos := positions[e]; pos != 0 {
				if pos <= last {
					return false
				}
				last = pos
			}
		}
		return true
	}
	s := h.Subscribers[n]
	var matching []event
	for _, e := range order {
		if Match(s.Filter, h.Publishers[e.p].Topic) {
			matching = append(matching, e)
		}
	}
	length := 0
	for _, m := range s.Received {
		length += max(1, m.Gap)
	}
	for from := 0; from+length <= len(matching); from++ {
		if s.FromFirst && from > 0 || s.ToEnd && from+length < len(matching) {
			continue
		}
		fixed, fits, at := make(map[event]uint64), true, from
		for e, pos := range positions {
			fixed[e] = pos
		}
		for _, m := range s.Received {
			e := matching[at]
			at += max(1, m.Gap)
			if m.Gap > 0 {
				continue
			}
			pub := h.Publishers[e.p]
			fits = fits && m.From == pub.Name && m.Topic == pub.Topic && m.Line == pub.Sent[e.index]
			fits = fits && (m.Pos == 0 || fixed[e] == 0 || fixed[e] == m.Pos)
			if m.Pos != 0 {
				fixed[e] = m.Pos
			}
		}
		if fits && fitsAll(h, order, n+1, fixed) {
			return true
		}
	}
	return false
}

// tiny makes a history of a few lines with many repeats, which may be correct or not.
func (g generator) tiny(gaps, positions bool) History {
	var h History
	var order []event
	for p := range 2 {
		pub := Publisher{Name: string(rune('p' + p)), Topic: g.pick("", "a", "b")}
		for range g.IntN(4) {
			pub.Sent = append(pub.Sent, g.pick("x", "y"))
		}
		pub.Sure = len(pub.Sent)
		if g.chance(30) {
			pub.Sure = g.IntN(len(pub.Sent) + 1)
		}
		for range pub.Sent {
			order = append(order, event{p: p})
		}
		h.Publishers = append(h.Publishers, pub)
	}
	g.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	next := [2]int{}
	for n := range order {
		order[n].index = next[order[n].p]
		next[order[n].p]++
	}
	for n := range 1 + g.IntN(3) {
		s := g.subscriber(h, order, n)
		s.Filter = g.pick("", "", "a", "b")
		s.GapsAllowed = true
		s.Received = slices.DeleteFunc(s.Received, func(m Message) bool {
			return m.Gap > 0 && !gaps || m.Gap == 0 && !Match(s.Filter, m.Topic)
		})
		for i := range s.Received {
			if !positions {
				s.Received[i].Pos = 0
			}
		}
		if len(s.Received) > 1 && g.chance(25) {
			a, b := g.IntN(len(s.Received)), g.IntN(len(s.Received))
			s.Received[a], s.Received[b] = s.Received[b], s.Received[a]
		}
		h.Subscribers = append(h.Subscribers, s)
	}
	return h
}

func TestAgreesWithTryingEverything(t *testing.T) {
	correct, missed, faulty := 0, 0, 0
	for range 3000 {
		seed := rand.Uint64()
		g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		gaps := g.chance(20)
		h := g.tiny(gaps, g.chance(30))
		complete := g.chance(50) // the first subscriber received everything, in some order
		if complete {
			h.Subscribers[0].Filter, h.Subscribers[0].FromFirst, h.Subscribers[0].ToEnd = "", true, true
		}
		report := Check(h)
		if explainable(h) {
			correct++
			require.True(t, report.OK(), "seed %d: %s\n%+v", seed, report, h)
			continue
		}
		faulty++
		if report.OK() {
			missed++
			require.False(t, complete && !gaps, "seed %d: not noticed\n%+v", seed, h)
		}
	}
	t.Logf("%d correct; %d not, of which %d were not noticed", correct, faulty, missed)
	require.Less(t, missed*20, faulty, "more than 1 in 20 faulty histories were not noticed")
}
