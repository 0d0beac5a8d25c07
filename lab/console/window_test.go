package console

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
)

// A stage plays what two publishers send in a loop to three subscribers.
type stage struct {
	*rand.Rand
	windows []*window // all are told the same
	order   []history.Message
	read    [3]int // by subscriber: how much of order it has received
	now     int64
}

func newStage(seed uint64, limits ...int) *stage {
	s := &stage{Rand: rand.New(rand.NewPCG(seed, 1))}
	for _, limit := range limits {
		w := &window{limit: limit}
		w.pubs = []*sent{{name: "keeper", topic: "sea"}, {name: "cook", topic: "rail"}}
		w.subs = []*got{{name: "a", fromFirst: true}, {name: "b", fromFirst: true}, {name: "c", filter: "sea", fromFirst: true}}
		for _, sub := range w.subs {
			w.begin(sub)
		}
		s.windows = append(s.windows, w)
	}
	return s
}

// publish sends a line, of which there are only four different ones.
func (s *stage) publish() {
	p := s.IntN(2)
	s.now++
	var line string
	for _, w := range s.windows {
		pub := w.pubs[p]
		line = fmt.Sprint("line ", (pub.before+len(pub.lines))%4)
		pub.lines = append(pub.lines, line)
	}
	pub := s.windows[0].pubs[p]
	s.order = append(s.order, history.Message{Pos: uint64(len(s.order) + 1), From: pub.name, Topic: pub.topic, Line: line, Time: s.now})
}

// receive brings the next of the order to a subscriber, or nothing where that is done instead.
func (s *stage) receive(sub int, instead func(m history.Message) []history.Message) {
	if s.read[sub] == len(s.order) {
		return
	}
	m := s.order[s.read[sub]]
	s.read[sub]++
	messages := []history.Message{m}
	if instead != nil {
		messages = instead(m)
	}
	for _, w := range s.windows {
		if history.Match(w.subs[sub].filter, m.Topic) {
			w.receive(w.subs[sub], messages)
			w.prune()
		}
	}
}

// restart is a broker that loses its memory; what somebody has not received is sent again.
func (s *stage) restart() {
	s.settle(nil) // so that it is known what must be in which order
	s.order, s.read = nil, [3]int{}
	for _, w := range s.windows {
		w.ends = append(w.ends, s.now)
		for _, sub := range w.subs {
			w.receive(sub, []history.Message{{Gap: history.Unknown}})
		}
	}
}

func (s *stage) settle(instead func(history.Message) []history.Message) {
	for sub := range s.read {
		for s.read[sub] < len(s.order) {
			s.receive(sub, instead)
		}
	}
}

func (s *stage) play(steps int) {
	for range steps {
		switch n := s.IntN(1000); {
		case n < 300:
			s.publish()
		case n < 995:
			s.receive(s.IntN(3), nil)
		case n < 998:
			sub := s.IntN(3) // is started again
			s.read[sub] = 0
			for _, w := range s.windows {
				w.begin(w.subs[sub])
			}
		default:
			s.restart()
		}
	}
}

// TestWindowForgetsWithoutASlip: a window that keeps little says of a good run what one says that
// keeps all: nothing is wrong, and so many lines.
func TestWindowForgetsWithoutASlip(t *testing.T) {
	for seed := range uint64(12) {
		s := newStage(seed, 20, 1<<30)
		s.play(2000)
		s.settle(nil)
		little, all := s.windows[0], s.windows[1]
		for _, tally := range []Tally{little.check(), all.check()} {
			require.Empty(t, tally.Faults, "seed %d", seed)
			require.Zero(t, tally.Lost+tally.Again+tally.Unknown, "seed %d: %+v", seed, tally)
		}
		assert.Equal(t, all.check().Lines, little.check().Lines, "seed %d", seed)
		assert.Less(t, little.longest(), 200)
		for i, p := range little.pubs {
			assert.Less(t, len(p.lines), 200)
			assert.Equal(t, all.accepted(all.pubs[i]), little.accepted(p))
		}
	}
}

// TestWindowSaysWhoWasTold: at the end it is known who was told that an order had ended, though that
// is not kept; and that changes nothing.
func TestWindowSaysWhoWasTold(t *testing.T) {
	s := newStage(1, 20)
	for range 30 {
		s.publish()
	}
	s.restart()
	w := s.windows[0]
	w.begin(w.subs[1]) // it is a new one, and was told nothing
	for range 100 {
		s.publish()
		s.settle(nil)
	}
	require.Equal(t, 1, w.oldest, "the first order is forgotten")
	h := w.lastHistory()
	for i, told := range []bool{true, false, true} {
		assert.Equal(t, told, slices.ContainsFunc(h.Subscribers[i].Received, func(m history.Message) bool { return m.Gap == history.Unknown }))
	}
	orders, broken := history.Orders(h)
	require.Len(t, orders, 2)
	assert.Empty(t, broken)
	report := history.Check(orders[1].History)
	assert.True(t, report.OK(), "%s", report)
}

// TestWindowFindsTheOrder: a gap that is read late, when one more order has ended, is still that of
// the order which followed it; and who saw nothing of an order missed nothing of it.
func TestWindowFindsTheOrder(t *testing.T) {
	s := newStage(1, 1<<30)
	w := s.windows[0]
	end := []history.Message{{Gap: history.Unknown}}
	receive := func(sub int) {
		for s.read[sub] < len(s.order) {
			s.receive(sub, nil)
		}
	}
	for order := range 3 {
		if order > 0 {
			w.ends = append(w.ends, s.now)
			s.order, s.read = nil, [3]int{}
		}
		for range 10 {
			s.publish()
		}
		if order > 0 {
			w.receive(w.subs[0], end)
		}
		if order == 1 {
			w.ends = append(w.ends, s.now) // noticed before the first of them has read anything
			receive(0)
			w.ends = w.ends[:1]
		}
		receive(0)
		if order == 2 {
			w.receive(w.subs[1], end)
			w.receive(w.subs[2], end)
		}
		if order != 1 {
			receive(1)
			receive(2)
		}
	}
	assert.Equal(t, 2, w.subs[0].order)
	assert.Equal(t, 2, w.subs[1].order)
	tally := w.check()
	assert.Empty(t, tally.Faults)
	assert.Zero(t, tally.Lost+tally.Again+tally.Unknown)
	assert.Equal(t, 30, tally.Lines)
}

// TestWindowFindsFaults: a fault is found and counted, however long ago it was.
func TestWindowFindsFaults(t *testing.T) {
	for kind, fault := range map[history.Kind]func(history.Message) []history.Message{
		history.Lost:       func(history.Message) []history.Message { return nil },
		history.Duplicated: func(m history.Message) []history.Message { return []history.Message{m, m} },
		history.Altered: func(m history.Message) []history.Message {
			m.Line = "something else"
			return []history.Message{m}
		},
	} {
		for seed := range uint64(10) {
			s := newStage(seed, 20)
			for range 30 {
				s.publish()
			}
			s.settle(nil)
			s.publish()
			s.receive(0, fault)
			for range 5 {
				s.publish()
			}
			s.settle(nil)
			early := s.windows[0].check()
			for range 200 {
				s.publish()
				s.settle(nil)
			}
			for _, tally := range []Tally{early, s.windows[0].check()} {
				assert.Positive(t, tally.Counts[kind], "%s, seed %d: %v", kind, seed, tally)
				assert.NotEmpty(t, tally.Faults)
			}
			assert.Less(t, s.windows[0].longest(), 60)
		}
	}
}

// TestWindowUnheard: what nobody subscribed to is not kept for ever, and its publisher goes on where
// it was.
func TestWindowUnheard(t *testing.T) {
	s := newStage(1, 20)
	w := s.windows[0]
	lone := &sent{name: "lone", topic: "moon"}
	w.pubs = append(w.pubs, lone)
	w.subs[0].filter, w.subs[1].filter = "sea", "rail"
	for n := range 500 {
		lone.lines = append(lone.lines, fmt.Sprint("nobody hears line ", n))
		s.publish()
		s.settle(nil)
	}
	assert.LessOrEqual(t, len(lone.lines), 21)
	assert.Equal(t, 500, lone.before+len(lone.lines))
	assert.Equal(t, lone.before, w.accepted(lone))
	tally := w.check()
	assert.Empty(t, tally.Faults)
	assert.Equal(t, 500, tally.Lines)
}

// TestWindowBehind: who is too far behind holds nothing up, and is judged again from where it is.
func TestWindowBehind(t *testing.T) {
	s := newStage(1, 20)
	for range 500 {
		s.publish()
		s.receive(0, nil)
		s.receive(2, nil)
	}
	assert.Less(t, len(s.windows[0].pubs[0].lines), 100)
	s.settle(nil)
	assert.Empty(t, s.windows[0].check().Faults)
	assert.Equal(t, 500, s.windows[0].subs[1].lines)
}

// TestWindowGuests: what others publish is not judged.
func TestWindowGuests(t *testing.T) {
	s := newStage(1, 20)
	w := s.windows[0]
	for _, sub := range w.subs[:2] {
		w.receive(sub, []history.Message{{Pos: 1, From: "guest", Line: "hi"}})
	}
	s.order = make([]history.Message, 1)
	s.read = [3]int{1, 1, 1}
	for range 100 {
		s.publish()
		s.settle(nil)
	}
	assert.Empty(t, w.check().Faults)
}
