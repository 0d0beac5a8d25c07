// Package schedule draws whole runs from seeds: publishers and subscribers that
// come, break off, come back and give up, each behind a proxy that breaks its
// connections at byte offsets drawn from the same seed. What was sent and what
// was received comes back as a history, for its checker to judge.
package schedule

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"pubsublab/e2e/proxy"
)

// Schedule is a run that is yet to be. It is data: the same seed gives the same
// one, and no two seeds share a name or a topic, so that many of them may run
// against one broker at once.
type Schedule struct {
	Seed        uint64
	Broker      Broker
	Publishers  []Publisher
	Subscribers []Subscriber
}

// Broker is what a Schedule asks of its broker. Zero: nothing, any will do.
type Broker struct {
	History int  // bytes that it keeps; 0: enough for everything
	CutSlow bool // it disconnects subscribers that hold publishers up
	TLS     bool // it speaks TLS
	Restart int  // it is stopped, and another one takes its place, once so many lines of the first publisher are acknowledged; 0: never
}

// SeedsVariable is the environment variable that says which seeds to run.
const SeedsVariable = "PUBSUBLAB_SEEDS"

// Seeds returns which seeds to run, and what to tell of that: those that
// [SeedsVariable] asks for, A or A-B, or else 1 to n.
func Seeds(n uint64) (first, last uint64, told string, err error) {
	text := os.Getenv(SeedsVariable)
	if text == "" {
		return 1, n, fmt.Sprintf("schedules of the seeds 1 to %d, of more with %s=1-1000", n, SeedsVariable), nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, err = strconv.ParseUint(from, 10, 63)
	if err == nil {
		last, err = strconv.ParseUint(to, 10, 63)
	}
	if err != nil || last < first {
		return 0, 0, "", fmt.Errorf("%s=%s, expected a seed, or two as in 1-1000", SeedsVariable, text)
	}
	return first, last, fmt.Sprintf("schedules of the seeds %d to %d, as %s says", first, last, SeedsVariable), nil
}

// Kind is what a client is made of.
type Kind uint8

const (
	// Client is one of package pubsub, which comes back.
	Client Kind = iota
	// Raw is a socket, which does not: the network is gentle to it.
	Raw
)

// Publisher is one publisher of a Schedule.
type Publisher struct {
	Kind   Kind
	Name   string
	Topic  string // "" for none
	Lines  []string
	Window int  // bytes; of a Client
	GiveUp int  // it gives up soon after so many lines are acknowledged; 0: never
	Torn   bool // a Raw one ends its input instead of saying terminate (P7)
	Network
}

// Subscriber is one subscriber of a Schedule.
type Subscriber struct {
	Kind   Kind
	Name   string // its label, and where Named its name
	Named  bool
	Filter string // "" for none
	From   string // new, first or -N
	Format string // of a Raw one; a Client speaks tsv
	After  int    // it starts once so many lines of the first publisher are acknowledged; 0: before all
	Network
}

// Network is what happens to a client's connections.
type Network struct {
	Plans []proxy.Plan // of the first ones
	Rest  proxy.Plan   // of those after them: it breaks nothing
}

// Plan returns what happens to a connection.
func (n *Network) Plan(conn int) proxy.Plan {
	if conn < len(n.Plans) {
		return n.Plans[conn]
	}
	return n.Rest
}

// New draws a Schedule. others is about how many bytes others publish at the
// same broker, which those subscribers receive that have no filter: no network
// is drawn on which that would take for ever.
func New(seed uint64, others int64) *Schedule {
	r := rand.New(rand.NewPCG(seed, 0))
	s := &Schedule{Seed: seed}
	prefix := fmt.Sprintf("s%d", seed)
	topics := []string{"", prefix + ".sea.fog", prefix + ".sea.ice", prefix + ".land"}
	filters := []string{"", prefix + ".>", prefix + ".sea.*", prefix + ".*.fog", prefix + ".land", prefix + ".nobody"}
	size := int64(0)
	most, long := 300, 4
	if others == 0 {
		s.Broker = drawBroker(r)
	}
	if s.Broker.History > 0 {
		most, long = 3000, 20
	}
	if s.Broker.CutSlow {
		long = 40
	}
	for i := range 1 + r.IntN(3) {
		p := Publisher{
			Name:  fmt.Sprintf("%s-p%d", prefix, i+1),
			Topic: topics[r.IntN(len(topics))],
			Lines: lines(r, 1+r.IntN(most), long),
		}
		bytes := size
		for _, line := range p.Lines {
			bytes += int64(len(line)) + 1
		}
		sent := bytes - size
		size = bytes
		switch {
		case i > 0 && r.IntN(5) == 0:
			p.Kind, p.Torn = Raw, r.IntN(2) == 0
		case i > 0 && r.IntN(6) == 0:
			p.GiveUp = r.IntN(len(p.Lines))
		}
		if r.IntN(3) == 0 {
			p.Window = 1 << (6 + r.IntN(12))
		}
		p.Network = network(r, sent+100, p.Kind)
		s.Publishers = append(s.Publishers, p)
	}
	for i := range 1 + r.IntN(3) {
		sub := Subscriber{Name: fmt.Sprintf("%s-s%d", prefix, i+1), From: "first", Named: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			sub.Filter = filters[r.IntN(len(filters))]
		}
		if r.IntN(3) == 0 {
			sub.After = r.IntN(len(s.Publishers[0].Lines))
		}
		if r.IntN(3) == 0 {
			sub.From = []string{"new", fmt.Sprint(-1 - r.IntN(50))}[r.IntN(2)]
		}
		if i > 0 && r.IntN(5) == 0 && !s.Broker.CutSlow {
			sub.Kind = Raw
			sub.Format = []string{"plain", "stamped", "tsv", "json"}[r.IntN(4)]
		}
		// What it receives has a head of about 60 bytes a line.
		received := size + 200
		if sub.Filter == "" {
			received += others
		}
		for _, p := range s.Publishers {
			received += 60 * int64(len(p.Lines))
		}
		sub.Network = network(r, received, sub.Kind)
		if s.Broker.CutSlow && r.IntN(2) == 0 {
			sub.Plans = append([]proxy.Plan{whole(proxy.Stalled(r, received))}, sub.Plans...)
		}
		s.Subscribers = append(s.Subscribers, sub)
	}
	if s.Broker.Restart > 0 {
		s.restart(r)
	}
	return s
}

// drawBroker draws what the schedule asks of its broker.
func drawBroker(r *rand.Rand) (b Broker) {
	b.TLS = r.IntN(4) == 0
	switch r.IntN(12) {
	case 0, 1:
		// So little that who is away for long misses some of it, and is told so.
		b.History = 1 << 20
	case 2, 3:
		b.History, b.CutSlow = 1<<20, true
	case 4, 5:
		b.Restart = 1
	}
	return b
}

// restart draws when the broker is restarted. Only those take part who come back
// after that, and who are there from the beginning: others are refused by a
// broker that is shutting down, as they should be. Nothing breaks the
// connection of the first subscriber, which witnesses both orders.
func (s *Schedule) restart(r *rand.Rand) {
	s.Broker.Restart = r.IntN(len(s.Publishers[0].Lines))
	for i := range s.Publishers {
		p := &s.Publishers[i]
		p.Kind, p.GiveUp = Client, 0
	}
	for i := range s.Subscribers {
		sub := &s.Subscribers[i]
		sub.Kind, sub.After = Client, 0
	}
	witness := &s.Subscribers[0]
	witness.Filter, witness.From, witness.Plans = "", "first", nil
}

// network draws what happens to the connections of a client that transfers
// about size bytes.
func network(r *rand.Rand, size int64, kind Kind) (n Network) {
	if kind == Client {
		for range r.IntN(6) {
			n.Plans = append(n.Plans, whole(proxy.Rough(r, size)))
		}
	}
	n.Rest = whole(proxy.Gentle(r, size))
	return n
}

// whole keeps a bare role word from being all that arrives for a while: that is
// what clients send that know no newlines (P3), and not a fault to survive.
func whole(p proxy.Plan) proxy.Plan {
	p.Up.Whole = len("SUBSCRIBER n")
	return p
}

// String describes the schedule, without the lines.
func (s *Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "schedule %d at %+v\n", s.Seed, s.Broker)
	for i := range s.Publishers {
		p := &s.Publishers[i]
		fmt.Fprintf(&b, "%s: kind %d, topic %q, %d lines, window %d, gives up at %d\n", p.Name, p.Kind, p.Topic, len(p.Lines), p.Window, p.GiveUp)
		p.Network.describe(&b)
	}
	for i := range s.Subscribers {
		sub := &s.Subscribers[i]
		fmt.Fprintf(&b, "%s: kind %d, filter %q, from %s, after %d lines, named %t\n", sub.Name, sub.Kind, sub.Filter, sub.From, sub.After, sub.Named)
		sub.Network.describe(&b)
	}
	return b.String()
}

func (n *Network) describe(b *strings.Builder) {
	for i, p := range n.Plans {
		fmt.Fprintf(b, "  connection %d: %+v\n", i, p)
	}
	fmt.Fprintf(b, "  the rest: %+v\n", n.Rest)
}
