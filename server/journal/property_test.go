package journal

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// item is a message or an event, as the model has it.
type item struct {
	pos   uint64 // for an event, of the message after it
	topic string
	event bool
	text  string // as texts has it
}

// model is a journal that keeps everything, and does everything the slow way.
type model struct {
	items []item
	next  uint64
	runs  map[string]*modelRun // by name
}

type modelRun struct {
	id   string
	seen uint64 // lines
}

func (m *model) add(e Entry) {
	if e.Event != nil {
		m.items = append(m.items, item{m.next, "", true, fmt.Sprintf("%d %s joined", m.next, e.Event.Name)})
		return
	}
	r := m.runs[e.From]
	if e.Run != "" && (r == nil || r.id != e.Run) {
		r = &modelRun{id: e.Run}
		m.runs[e.From] = r
	}
	number := e.First
	for line := range strings.Lines(string(e.Lines)) {
		if e.Run != "" {
			if number++; number-1 <= r.seen {
				continue
			}
		}
		one := Entry{Pos: m.next, From: e.From, Topic: e.Topic, Lines: []byte(line)}
		m.items = append(m.items, item{m.next, e.Topic, false, texts([]Entry{one})[0]})
		m.next++
	}
	if e.Run != "" {
		r.seen = max(r.seen, e.First+uint64(e.Count)-1)
	}
}

// start is the index of the item with which a reader begins, when oldest is the
// index of the first that is kept.
func (m *model) start(from protocol.From, filter protocol.Filter, oldest int) (index int, missing uint64) {
	first := m.next
	if oldest < len(m.items) {
		first = m.items[oldest].pos
	}
	pos := m.next
	switch {
	case from.First():
		return oldest, 0
	case from.Last() > 0:
		left := from.Last()
		for i := len(m.items) - 1; i >= oldest && left > 0; i-- {
			if it := m.items[i]; !it.event && filter.Match(it.topic) {
				pos = it.pos
				left--
			}
		}
	case from.Position() > 0 && from.Position() <= m.next:
		pos = from.Position()
	default:
		return len(m.items), 0
	}
	if pos < first {
		return oldest, first - pos
	}
	for i := oldest; i < len(m.items); i++ {
		if m.items[i].pos >= pos {
			return i, 0
		}
	}
	return len(m.items), 0
}

// follower is a reader, and what the model says that it gets next.
type follower struct {
	*reader
	at int
}

type property struct {
	*bench
	all       *model
	rng       *rand.Rand
	followers []*follower
	sent      int
}

func TestAgainstAModel(t *testing.T) {
	for range 2 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			p := &property{
				bench: newBench(t, MinHistory),
				all:   &model{next: 1, runs: map[string]*modelRun{}},
				rng:   rand.New(rand.NewPCG(seed, 0)),
			}
			for range 1000 {
				switch n := p.rng.IntN(20); {
				case n < 9:
					p.append()
				case n < 10:
					p.append()
					p.openOne()
				case n < 19:
					p.readSome()
				default:
					p.checkSize()
				}
			}
			p.Close(context.Background())
			for _, f := range p.followers {
				p.follow(f, 1<<30)
				require.Nil(t, f.s, "every reader finds the end")
				require.Equal(t, len(p.all.items), f.at, "after the last item")
			}
		})
	}
}

func (p *property) randomEntry() Entry {
	name := fmt.Sprint("p", p.rng.IntN(3))
	if p.rng.IntN(6) == 0 {
		return joined(name)
	}
	e := Entry{From: name, Topic: []string{"", "a", "a.b", "c"}[p.rng.IntN(4)], Count: p.rng.IntN(4)}
	if p.rng.IntN(60) == 0 {
		e.Count = 1500
	}
	if p.rng.IntN(2) == 0 {
		e.Run, e.First = []string{"r", "q"}[p.rng.IntN(20)/19], 1
		if r := p.all.runs[name]; r != nil && r.id == e.Run {
			e.First = 1 + r.seen - min(r.seen, uint64(max(0, p.rng.IntN(8)-4)))
		}
	}
	long := ""
	if p.rng.IntN(3) == 0 {
		long = strings.Repeat("x", p.rng.IntN(60_000)/max(1, e.Count))
	}
	for i := range e.Count {
		text := fmt.Sprint("free ", p.sent)
		if p.sent++; e.Run != "" {
			text = fmt.Sprint(e.Run, " ", e.First+uint64(i))
		}
		e.Lines = append(e.Lines, text+long+"\n"...)
	}
	return e
}

// append tries to append, and checks what it says of room.
func (p *property) append() {
	e := p.randomEntry()
	p.pressed, p.pressNext = nil, time.Time{} // it may tell again
	acked := false
	oldest, size := p.segments[0], p.size
	err := p.try(e, func(error) { acked = true })
	require.Equal(p.t, err == nil, acked)
	if err != nil {
		require.Nil(p.t, e.Event, "events never wait")
		require.Positive(p.t, p.segments[0].refs, "it waits for a reader only")
		require.Equal(p.t, []uint64{p.segments[0].Seq}, p.pressed)
		require.Greater(p.t, p.size+e.size(), p.limit)
		return
	}
	if e.Event == nil { // events tell that there is too little room, but do not wait
		require.Empty(p.t, p.pressed)
	}
	p.all.add(e)
	require.Equal(p.t, p.all.next, p.next)
	if e.Run != "" {
		require.Equal(p.t, p.all.runs[e.From].seen+1, p.nextLine(e.From, e.Run), "P15")
	}
	if oldest != p.segments[0] {
		require.Greater(p.t, size+e.size(), p.limit, "nothing is dropped while there is room")
	}
}

// oldest is the index of the first item that is kept.
func (p *property) oldest() int {
	kept := 0
	for _, s := range p.segments {
		entries, _ := s.Entries(0)
		for _, e := range entries {
			kept += max(1, e.Count)
		}
	}
	return len(p.all.items) - kept
}

func (p *property) openOne() {
	from := []protocol.From{
		{}, protocol.FromFirst(), protocol.FromLast(1 + p.rng.Uint64N(5)), protocol.FromLast(1 + p.rng.Uint64N(p.all.next)),
		protocol.FromPosition(1 + p.rng.Uint64N(p.all.next+5)),
	}[p.rng.IntN(5)]
	filter := []string{"", "", "a", "a.*", ">", "none"}[p.rng.IntN(6)]
	r := p.open(from, filter)
	at, missing := p.all.start(from, parseFilter(p.t, filter), p.oldest())
	require.Equal(p.t, missing, r.place.Missing, "from=%s topic=%s", from, filter)
	f := &follower{r, at}
	if len(p.followers) < 6 {
		p.followers = append(p.followers, f)
		return
	}
	p.follow(f, 50) // the one who goes again soon
	f.release()
}

// follow reads up to n entries, and compares.
func (p *property) follow(f *follower, n int) {
	for range n {
		got, ok := f.read()
		if !ok {
			require.Equal(p.t, len(p.all.items), f.at, "P10: a reader is told everything")
			return
		}
		require.LessOrEqual(p.t, f.at+len(got), len(p.all.items))
		for _, text := range got {
			if want := p.all.items[f.at].text; want != text {
				require.Equal(p.t, want, text, "P9: in the one order")
			}
			f.at++
		}
	}
}

func (p *property) readSome() {
	if len(p.followers) == 0 {
		return
	}
	i := p.rng.IntN(len(p.followers))
	p.follow(p.followers[i], p.rng.IntN(80))
	if p.rng.IntN(30) == 0 {
		p.followers[i].release()
		p.followers = append(p.followers[:i], p.followers[i+1:]...)
	}
}

func (p *property) checkSize() {
	sum, events := 0, 0
	for i, s := range p.segments {
		sum += s.size
		entries, sealed := s.Entries(0)
		require.Equal(p.t, i < len(p.segments)-1, sealed)
		for _, e := range entries {
			if e.Event != nil {
				events++
			}
		}
	}
	require.Equal(p.t, sum, p.size)
	require.LessOrEqual(p.t, p.size, p.limit+events*entryOverhead, "only events go beyond the limit")
}
