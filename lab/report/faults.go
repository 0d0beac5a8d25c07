package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/history"
	"pubsublab/lab/internal/spacetime"
)

const (
	// together is how near to each other in time faults are shown in one diagram.
	together = int64(1_500_000)
	// maxFigures is how many diagrams a page has.
	maxFigures = 12
	// linesBefore and linesAfter are how many lines a diagram shows around its first fault.
	linesBefore = 3
	linesAfter  = 7
	// late is how much later than its place in the order a line arrives at a subscriber that fell
	// behind, in microseconds.
	late = int64(1_000_000)
	// maxReaders is how many subscribers a diagram shows.
	maxReaders = 4
)

// A fault is something that a diagram is drawn around: what happened to a node, or what the checker
// found.
type fault struct {
	at    int64
	text  string
	node  string
	steps []spacetime.Step // that show it
}

// faults are those of the events, those of the checker, and subscribers that fell behind, in their
// order.
func (r *Run) faults() (all []fault) {
	for _, e := range r.Events {
		if e.fault() {
			all = append(all, fault{at: e.At, node: e.Node, text: e.Node + " " + e.Text})
		}
	}
	orders, _ := history.Orders(r.History)
	for _, o := range orders {
		for _, f := range history.Check(o.History).Faults {
			all = append(all, r.found(o, f))
		}
	}
	for _, s := range r.Subscribers {
		all = append(all, fellBehind(s)...)
	}
	slices.SortStableFunc(all, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	return all
}

// fellBehind is when lines began to be late at a subscriber that was there: nobody may have said why,
// as when it was frozen from outside.
func fellBehind(s history.Subscriber) (all []fault) {
	var came, most int64
	for _, m := range s.Received {
		switch behind := m.Arrived - m.Time; {
		case m.Arrived == 0 || m.Time == 0:
			continue
		case came == 0:
			came = m.Arrived
			continue
		case m.Time < came: // from the time before it came
			continue
		case behind < late:
			most = 0
			continue
		case most == 0:
			all = append(all, fault{at: m.Time, node: s.Name})
			fallthrough
		default:
			most = max(most, behind)
			all[len(all)-1].text = fmt.Sprintf("%s fell behind, by up to %.1f s", s.Name, float64(most)/1e6)
		}
	}
	return all
}

// found is a fault of the checker, at the time of the message at which it shows.
func (r *Run) found(o history.Order, f history.Fault) fault {
	made := fault{node: f.Subscriber, text: f.Subscriber + ": " + f.Text, at: r.Ended}
	for _, s := range o.Subscribers {
		if s.Name == f.Subscriber && len(s.Received) > 0 {
			made.at = seen(s.Received[min(max(f.At-1, 0), len(s.Received)-1)])
		}
	}
	kind := spacetime.Wrong
	if f.Kind == history.Lost || f.Kind == history.Hole {
		kind = spacetime.Missing
	}
	made.steps = []spacetime.Step{{At: r.since(made.at), Kind: kind, From: r.broker(), To: f.Subscriber, Data: []byte(f.Text)}}
	return made
}

// seen is when a message arrived, as far as that is known.
func seen(m history.Message) int64 { return cmp.Or(m.Arrived, m.Time) }

// broker is what the broker is called, or all of them.
func (r *Run) broker() (name string) {
	for _, n := range r.Nodes {
		switch {
		case n.Role != "broker":
		case name != "":
			return "brokers" // nobody wrote down through which of them a line went
		default:
			name = n.Name
		}
	}
	return cmp.Or(name, "broker")
}

// publisher is what the node is called that publishes under a name.
func (r *Run) publisher(name string) string {
	for _, n := range r.Nodes {
		if n.As == name {
			return n.Name
		}
	}
	return name + ", a publisher"
}

// A figure is the diagram around a fault, or around several that are close together.
type figure struct {
	Number int
	Titles []string
	At     time.Duration
	Steps  []spacetime.Step
}

// figures draws faults, as far as there is room.
func (r *Run) figures(found []fault, lines []travel) (all []figure) {
	for len(found) > 0 && len(all) < maxFigures {
		n := 1
		for n < len(found) && found[n].at-found[n-1].at < together {
			n++
		}
		f := figure{Number: len(all) + 1, At: r.since(found[0].at), Steps: r.steps(found[:n], lines)}
		for _, one := range found[:min(n, 5)] {
			f.Titles = append(f.Titles, one.text)
		}
		if n > 5 {
			f.Titles = append(f.Titles, fmt.Sprintf("and %d more", n-5))
		}
		all = append(all, f)
		found = found[n:]
	}
	return all
}

// steps is what happened around some faults: the lines before and behind the first one, on their
// way to those who are concerned, and what happened to nodes meanwhile.
func (r *Run) steps(found []fault, all []travel) (steps []spacetime.Step) {
	readers := r.readers(found)
	first, _ := slices.BinarySearchFunc(all, found[0].at, func(t travel, at int64) int { return cmp.Compare(t.time, at) })
	from, to := max(0, first-linesBefore), min(len(all), first+linesAfter)
	begin, end := found[0].at-together, found[len(found)-1].at+together
	broker := r.broker()
	for _, t := range all[from:to] {
		begin = min(begin, t.time)
		steps = append(steps, spacetime.Step{At: r.since(t.time), Kind: spacetime.Sends, From: r.publisher(t.from), To: broker, Data: []byte(t.line)})
		for i, s := range r.Subscribers {
			for _, m := range t.arrivals[i] {
				if slices.Contains(readers, s.Name) {
					end = max(end, seen(m))
					steps = append(steps, spacetime.Step{At: r.since(seen(m)), Kind: spacetime.Sends, From: broker, To: s.Name, Data: []byte(t.line)})
				}
			}
		}
	}
	for _, f := range found[:min(len(found), 5)] {
		steps = append(steps, f.steps...)
	}
	for _, e := range r.Events {
		if e.At < begin || e.At > end || e.Node == "" {
			continue
		}
		step := spacetime.Step{At: r.since(e.At), Kind: spacetime.Notes, From: e.Node, Data: []byte(e.Text)}
		if e.Kind == End || e.Kind == Died { // "ends with exit code 1", "ends killed by SIGKILL"
			step.Kind, step.Data = spacetime.Exits, []byte(strings.TrimPrefix(strings.TrimPrefix(e.Text, "ended "), "was "))
		}
		steps = append(steps, step)
	}
	slices.SortStableFunc(steps, func(a, b spacetime.Step) int { return cmp.Compare(a.At, b.At) })
	return steps
}

// readers are the subscribers that a diagram shows: those that are concerned first.
func (r *Run) readers(found []fault) (names []string) {
	for _, f := range found {
		names = append(names, f.node)
	}
	for _, s := range r.Subscribers {
		names = append(names, s.Name)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !slices.ContainsFunc(r.Subscribers, func(s history.Subscriber) bool { return s.Name == name })
	})
	var once []string
	for _, name := range names {
		if len(once) < maxReaders && !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}
