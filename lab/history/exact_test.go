package history

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// explainable reports whether a history can be correct, by trying every order of the lines that may
// have been accepted and every window of every subscriber. Only for tiny histories.
func explainable(h History) bool {
	var order []event
	accepted := make([]int, len(h.Publishers))
	var interleave func() bool
	interleave = func() bool {
		complete := true
		for p, pub := range h.Publishers {
			n := accepted[p]
			complete = complete && n >= pub.Acked
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
		return complete && slices.ContainsFunc([]int{0, 1, 2, 3, 4, 5, 6}, func(others int) bool { return fitsAll(h, order, others) })
	}
	return interleave()
}

// fitsAll reports whether each subscriber can have received what it did on an order behind so many
// other messages.
func fitsAll(h History, order []event, others int) bool {
	for _, s := range h.Subscribers {
		fits := false
		for from := 0; from <= len(order) && !fits && (from == 0 || !s.FromFirst); from++ {
			fits = fitsFrom(h, s, order, others, from, s.Received)
		}
		if !fits {
			return false
		}
	}
	return true
}

// fitsFrom reports whether a subscriber can have received the rest of its messages from an event of
// the order on.
func fitsFrom(h History, s Subscriber, order []event, others, at int, rest []Message) bool {
	if len(rest) == 0 && !s.ToEnd {
		return true
	}
	if len(rest) > 0 && rest[0].Gap > 0 && at+rest[0].Gap <= len(order) && fitsFrom(h, s, order, others, at+rest[0].Gap, rest[1:]) {
		return true
	}
	if at == len(order) {
		return len(rest) == 0
	}
	pub := h.Publishers[order[at].p]
	if !Match(s.Filter, pub.Topic) {
		return fitsFrom(h, s, order, others, at+1, rest)
	}
	if len(rest) == 0 || rest[0].Gap > 0 {
		return false
	}
	m := rest[0]
	right := m.From == pub.Name && m.Topic == pub.Topic && m.Line == pub.Sent[order[at].index] && (m.Pos == 0 || m.Pos == uint64(others+at+1))
	return right && fitsFrom(h, s, order, others, at+1, rest[1:])
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
		pub.Acked = len(pub.Sent)
		if g.chance(30) {
			pub.Acked = g.IntN(len(pub.Sent) + 1)
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
	correct, missed, unknown, faulty := 0, 0, 0, 0
	for range 3000 {
		seed := rand.Uint64()
		g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		gaps := g.chance(20)
		positions := g.chance(50)
		h := g.tiny(gaps, positions)
		complete := g.chance(50) // the first subscriber received everything, in some order
		if complete {
			h.Subscribers[0].Filter, h.Subscribers[0].FromFirst, h.Subscribers[0].ToEnd = "", true, true
		}
		report := Check(h)
		if explainable(h) {
			correct++
			require.Empty(t, report.Faults, "seed %d: %s\n%+v", seed, report, h)
			continue
		}
		faulty++
		placed := !slices.ContainsFunc(h.Subscribers, func(s Subscriber) bool {
			return slices.ContainsFunc(s.Received, func(m Message) bool { return m.Pos == 0 })
		})
		switch {
		case report.OK():
			missed++
		case len(report.Faults) == 0:
			unknown++
		default:
			continue
		}
		require.False(t, complete && placed && !gaps, "seed %d: not noticed: %s\n%+v", seed, report, h)
	}
	t.Logf("%d correct; %d not, of which %d were not noticed, and of %d the checker says that it does not know", correct, faulty, missed, unknown)
	require.Less(t, missed*20, faulty, "more than 1 in 20 faulty histories were not noticed")
	require.Less(t, unknown*10, faulty, "more than 1 in 10 faulty histories are unknown")
}
