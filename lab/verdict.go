package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/dustin/go-humanize/english"

	"pubsublab/lab/history"
	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// digits is how many digits of a digest are shown.
const digits = 8

// way is the order in which a line passes the nodes, and in which they are listed.
var way = []topology.Role{topology.Publisher, topology.Broker, topology.Stream, topology.Subscriber}

// A verdict says what a demo has shown.
type verdict struct {
	course  *course
	specs   []*topology.Spec
	history history.History // without guests
	orders  []history.Order
	broken  []history.Broken
	reports []history.Report // of the orders
	lines   map[string]int   // accepted, by publisher
	guests  int              // lines of publishers that are not of the topology
	notes   []note
}

// note is something that the verdict rests on.
type note struct {
	level level
	text  string
	end   bool // it is how a node ended, which the headline says too where all is well
}

func (v *verdict) note(l level, format string, args ...any) {
	v.notes = append(v.notes, note{level: l, text: fmt.Sprintf(format, args...)})
}

// level is that of the worst note.
func (v *verdict) level() (l level) {
	for _, n := range v.notes {
		l = max(l, n.level)
	}
	return l
}

// judge compares what was sent with what was received, and how the nodes ended with how they should
// have.
func judge(h history.History, c *course, specs []*topology.Spec) *verdict {
	v := &verdict{course: c, history: h, lines: map[string]int{}}
	v.specs = slices.Clone(specs)
	slices.SortStableFunc(v.specs, func(a, b *topology.Spec) int { return slices.Index(way, a.Role) - slices.Index(way, b.Role) })
	v.setGuestsAside()
	v.allowForEnds()
	v.orders, v.broken = history.Orders(v.history)
	for _, o := range v.orders {
		v.reports = append(v.reports, history.Check(o.History))
		for p, pub := range o.Publishers {
			n := pub.Acked
			for _, s := range o.Subscribers {
				n = max(n, count(s.Received, pub.Name))
			}
			v.lines[pub.Name] = max(v.lines[pub.Name], o.First[p]+n)
		}
	}
	v.judgeEnds()
	v.judgeLines()
	return v
}

// setGuestsAside takes the lines of publishers that joined from outside out of the history: nothing
// is known of what they sent.
func (v *verdict) setGuestsAside() {
	known := map[string]bool{}
	for _, p := range v.history.Publishers {
		known[p.Name] = true
	}
	v.history.Subscribers = slices.Clone(v.history.Subscribers)
	for i, s := range v.history.Subscribers {
		own := slices.DeleteFunc(slices.Clone(s.Received), func(m history.Message) bool { return m.Gap == 0 && !known[m.From] })
		v.guests = max(v.guests, len(s.Received)-len(own))
		v.history.Subscribers[i].Received = own
	}
	v.history.Others = v.history.Others || v.guests > 0
}

// allowForEnds puts into the history what the ends of the nodes mean for it. A subscriber that
// ended with exit code 1 because a broker lost its history has stayed to the end all the same. A
// publisher that was started again began its script again, as a new run: what it had sent before
// comes once more.
func (v *verdict) allowForEnds() {
	for i := range v.history.Subscribers {
		s := &v.history.Subscribers[i]
		if e := v.course.last(s.Name); e != nil && v.unsure(e) {
			s.ToEnd = true
		}
	}
	for _, spec := range v.specs {
		if spec.Role != topology.Publisher || v.restarts(spec.Name) != 1 {
			continue
		}
		name, _ := spec.Flag("name")
		p := &v.history.Publishers[slices.IndexFunc(v.history.Publishers, func(p history.Publisher) bool { return p.Name == name })]
		again := 0
		for _, s := range v.history.Subscribers {
			again = max(again, count(s.Received, name)-len(p.Sent))
		}
		if again > 0 && again <= len(p.Sent) {
			p.Sent = append(slices.Clone(p.Sent[:again]), p.Sent...)
			if p.Acked > 0 {
				p.Acked += again
			}
		}
	}
}

func count(received []history.Message, from string) (n int) {
	for _, m := range received {
		if m.Gap == 0 && m.From == from {
			n++
		}
	}
	return n
}

// restarts is how often a node was started again.
func (v *verdict) restarts(node string) (n int) {
	for _, e := range v.course.ends {
		if e.spec.Name == node && e.back > 0 {
			n++
		}
	}
	return n
}

// unsure reports whether a subscriber ended with an error only because it cannot know what it
// missed of an order that ended.
func (v *verdict) unsure(e *ended) bool {
	return e.spec.Role == topology.Subscriber && e.end.Code == 1 && e.err == nil && !e.asked &&
		slices.ContainsFunc(v.received(e.spec.Name), func(m history.Message) bool { return m.Gap <= history.Unknown })
}

func (v *verdict) received(node string) []history.Message {
	for _, s := range v.history.Subscribers {
		if s.Name == node {
			return s.Received
		}
	}
	return nil
}

// sent is how many lines a publisher had to send.
func (v *verdict) sent(publisher string) int {
	for _, p := range v.history.Publishers {
		if p.Name == publisher {
			return len(p.Sent)
		}
	}
	return 0
}

// judgeEnds notes how nodes ended that were not to end so.
func (v *verdict) judgeEnds() {
	for _, e := range v.course.ends {
		text := fmt.Sprintf("%s %s after %s", e.spec.Name, e.how(), seconds(e.after))
		switch {
		case !e.early && !isClient(e.spec) && e.end.Code != 0 && v.course.gaveUp == "" && !v.course.interrupted:
			v.note(bad, "%s %s", e.spec.Name, e.how()) // although it was asked to end
		case !e.early:
		case v.unsure(e):
			v.note(good, "%s ended with exit code 1, because it cannot know what the lost history held", e.spec.Name)
		case e.back > 0 && (!e.failed() || e.stopped()):
			v.notes = append(v.notes, note{good, text + ", and was started again", true})
		case e.failed():
			if e.last != "" {
				text += ": " + e.last
			}
			v.note(bad, "%s", text)
		case e.spec.Role == topology.Publisher:
			name, _ := e.spec.Flag("name")
			rest := v.sent(name) - v.lines[name]
			v.note(warn, "%s: %s of its script %s never published", text, lines(rest), was(rest))
		default:
			v.notes = append(v.notes, note{good, text, true})
		}
	}
	if v.course.gaveUp != "" {
		v.note(warn, "%s, so the demo was ended", v.course.gaveUp)
	}
}

// judgeLines notes what did not arrive, or not as it was sent.
func (v *verdict) judgeLines() {
	for _, r := range v.reports {
		if !r.OK() {
			v.note(bad, "%s", r.String())
		}
	}
	// What a broker holds in memory is gone when it is killed. One that is stopped delivers it
	// first (P17).
	l, reason := bad, "although no broker was killed"
	for _, e := range v.course.early() {
		if e.spec.Role == topology.Broker && e.end.Code != 0 {
			l, reason = warn, "with the memory of "+e.spec.Name
		}
	}
	for _, b := range v.broken {
		if b.Lost > 0 {
			v.note(l, "%s lost %s of %s, %s", b.Subscriber, lines(b.Lost), b.Publisher, reason)
		} else {
			v.note(warn, "%s received %s of %s twice, because the broker ended before it could acknowledge", b.Subscriber, lines(b.Again), b.Publisher)
		}
	}
	type share struct {
		filter string
		since  int
	}
	stayed := map[share]string{} // digests of those who should have the same
	some, differ := false, false
	for _, s := range v.history.Subscribers {
		if s.ToEnd {
			digest := history.Digest(s.Received)
			same := share{s.Filter, s.Since}
			other, seen := stayed[same]
			differ = differ || seen && digest != other
			stayed[same], some = digest, true
		}
	}
	switch {
	case !differ || len(v.broken) > 0:
	case slices.ContainsFunc(v.course.ends, v.unsure): // nobody knows what it missed
		v.note(warn, "not every subscriber received all of an order that ended with a broker's memory")
	default:
		v.note(bad, "the digests of the subscribers differ")
	}
	switch {
	case len(v.history.Subscribers) == 0:
		v.note(bad, "there was no subscriber")
	case !some && v.level() == good && !v.course.interrupted:
		v.note(warn, "no subscriber stayed to the end")
	}
}

func lines(n int) string { return english.Plural(n, "line", "") }

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// fill puts what is said of a run into it. What guests published is shown, and not judged.
func (v *verdict) fill(run report.Run) report.Run {
	received := run.Subscribers
	run.History = v.history
	run.Subscribers = slices.Clone(run.Subscribers)
	for i, s := range received {
		run.Subscribers[i].Received = s.Received
	}
	for _, s := range v.specs {
		name, _ := s.Flag("name")
		run.Nodes = append(run.Nodes, report.Node{Name: s.Name, Role: string(s.Role), As: name})
	}
	run.Verdict = report.Verdict{Level: [...]string{good: "good", warn: "warn", bad: "bad"}[v.level()], Headline: v.headline()}
	for _, n := range v.notes {
		run.Verdict.Notes = append(run.Verdict.Notes, n.text)
	}
	return run
}

// row is what the table says of a node: its name, its exit code, and what it did.
func (v *verdict) row(s *topology.Spec) []string {
	code := "–"
	if e := v.course.last(s.Name); e != nil && e.err == nil {
		code = strconv.Itoa(e.end.Code)
	}
	return []string{s.Name, code, v.what(s)}
}

// what tells in a few words what a node did.
func (v *verdict) what(s *topology.Spec) string {
	switch s.Role {
	case topology.Publisher:
		name, _ := s.Flag("name")
		for _, p := range v.history.Publishers {
			if p.Name == name && v.lines[name] < len(p.Sent) {
				return fmt.Sprintf("sent %d of %s as %s", v.lines[name], lines(len(p.Sent)), name)
			} else if p.Name == name {
				return fmt.Sprintf("sent %s as %s", lines(len(p.Sent)), name)
			}
		}
	case topology.Subscriber:
		total := 0
		for _, p := range v.history.Publishers {
			if history.Match(s.Topic(), p.Topic) {
				total += v.lines[p.Name]
			}
		}
		received, n := v.received(s.Name), 0
		for _, m := range received {
			if m.Gap == 0 {
				n++
			}
		}
		return fmt.Sprintf("received %d of %s, SHA-256 %s…", n, lines(total), history.Digest(received)[:digits])
	case topology.Stream:
		return "kept the stream"
	}
	return "passed them on"
}
