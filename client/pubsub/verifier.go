package pubsub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"sort"

	"pubsublab/protocol"
)

const (
	// maxHoles bounds what a Verifier remembers of positions that were left out.
	maxHoles = 1 << 16
	// maxFaults is how many faults a Report describes.
	maxFaults = 5
)

// Verifier verifies a subscription from its own items: that positions grow (P9), that none is
// missing or comes twice (P10), and that each publisher which came and left in its sight has
// brought as many lines as it left with (P13), unless it was connected to two brokers at once. With
// a filter, positions that the filter left out cannot be told from missing ones: what publishers
// left with then is the only evidence.
//
// The zero value is not ready: use NewVerifier. A Verifier is for one goroutine.
type Verifier struct {
	filter protocol.Filter
	digest hash.Hash
	buffer []byte // rendered lines for the digest
	line   []byte // the last one, bare

	report     Report
	next       uint64 // the position behind the highest one; 0 before the first
	holes      []span // positions below next that have not come
	skipped    uint64 // positions in holes, where there is no filter
	gaps       uint64 // messages the server said are missing
	pendingGap uint64 // of these, not yet found to be a hole
	short      uint64 // lines that publishers left with and that have not come
	over       uint64 // lines that came beyond those
	publishers map[string]*publisher
	last       *publisher // the one of the last message
	lastName   string
	finished   int
	online     int // names with a session
}

// span is the positions from from up to, and without, to.
type span struct{ from, to uint64 }

// publisher is what a Verifier knows of a name. A name is one publisher, wherever it is connected.
// Sessions that overlap count as one: the publisher went on at another broker before the first
// broker noticed, or while that was dead and could not report it.
type publisher struct {
	wrote    bool   // there is a message from it
	sessions int    // joined and not left
	got      uint64 // lines since the first of these sessions joined
	left     uint64 // lines with which those of them that are over left
	moved    bool   // sessions have overlapped: both may count what it sent twice
	finished bool   // left on its own accord, and has not joined again
}

// Report is what a Verifier found.
type Report struct {
	Lines      uint64 // messages
	Publishers int    // that these are from, by name
	Missing    uint64 // messages that should have come, at least
	Duplicates uint64 // messages that came again
	Disordered uint64 // messages that came behind one of a higher position
	Faults     []string
	SHA256     string // of the plain rendering (P8) of all messages, in hexadecimal
}

// NewVerifier returns a Verifier that has seen nothing, for a subscription with this filter.
func NewVerifier(filter protocol.Filter) *Verifier {
	return &Verifier{filter: filter, digest: sha256.New(), publishers: map[string]*publisher{}}
}

// Add takes the next item.
func (v *Verifier) Add(item *Item) {
	switch e := item.Event; {
	case e == nil:
		v.message(&item.Message)
	case e.Kind == protocol.Gap:
		v.gap(e)
	case e.Role == protocol.Publisher && v.filter.Match(e.Topic):
		v.event(e)
	}
	if len(v.buffer) > 32<<10 {
		v.hash()
	}
}

// Lines returns how many messages there were.
func (v *Verifier) Lines() uint64 { return v.report.Lines }

// Finished returns how many publishers, by name, have left on their own accord and not joined
// again.
func (v *Verifier) Finished() int { return v.finished }

// Online returns how many publishers, by name, have joined and not left.
func (v *Verifier) Online() int { return v.online }

func (v *Verifier) hash() {
	v.digest.Write(v.buffer)
	v.buffer = v.buffer[:0]
}

func (v *Verifier) message(m *protocol.Message) {
	v.report.Lines++
	v.line = append(append(v.line[:0], m.Line...), '\n')
	v.buffer = protocol.Plain.AppendBatch(v.buffer, &protocol.Batch{From: m.From, Topic: m.Topic, Lines: v.line, Count: 1})
	if v.last == nil || m.From != v.lastName {
		v.last, v.lastName = v.publisher(m.From), m.From
	}
	v.last.got++
	if !v.last.wrote {
		v.last.wrote = true
		v.report.Publishers++
	}
	switch {
	case v.next == 0 || m.Pos == v.next:
		v.next = m.Pos + 1
	case m.Pos > v.next:
		v.hole(span{v.next, m.Pos})
		v.next = m.Pos + 1
	case v.fill(m.Pos):
		v.report.Disordered++
		v.fault("position %d came after %d", m.Pos, v.next-1)
	default:
		v.report.Duplicates++
		v.fault("position %d came twice", m.Pos)
	}
	v.pendingGap = 0
}

// hole records positions that were passed over.
func (v *Verifier) hole(s span) {
	if n := s.to - s.from; v.filter == (protocol.Filter{}) && n > v.pendingGap {
		v.skipped += n - v.pendingGap
		if n == 1 {
			v.fault("position %d is missing", s.from)
		} else {
			v.fault("positions %d to %d are missing", s.from, s.to-1)
		}
	}
	if v.holes = append(v.holes, s); len(v.holes) > maxHoles {
		v.holes = slices.Delete(v.holes, 0, maxHoles/2)
	}
}

// fill takes a position out of the holes. It reports whether the position was in one.
func (v *Verifier) fill(pos uint64) bool {
	i := sort.Search(len(v.holes), func(i int) bool { return v.holes[i].to > pos })
	if i == len(v.holes) || v.holes[i].from > pos {
		return false
	}
	s := v.holes[i]
	v.holes = slices.Replace(v.holes, i, i+1, slices.DeleteFunc([]span{{s.from, pos}, {pos + 1, s.to}}, func(s span) bool {
		return s.from == s.to
	})...)
	v.skipped -= min(v.skipped, 1)
	return true
}

func (v *Verifier) gap(e *protocol.Event) {
	v.buffer = protocol.Plain.AppendEvent(v.buffer, e)
	if e.Missing == 0 {
		v.fault("the server lost its history, and an unknown number of messages with it")
		v.next, v.holes = 0, nil
		for _, p := range v.publishers {
			p.sessions = 0
		}
		v.online = 0
		return
	}
	v.gaps += e.Missing
	v.pendingGap += e.Missing
	v.fault("the server no longer had %s", count(e.Missing, "message"))
}

func (v *Verifier) publisher(name string) *publisher {
	p := v.publishers[name]
	if p == nil {
		p = &publisher{}
		v.publishers[name] = p
	}
	return p
}

// event follows the sessions of a publisher.
func (v *Verifier) event(e *protocol.Event) {
	p := v.publisher(e.Name)
	if e.Kind == protocol.Joined {
		if p.finished {
			p.finished = false
			v.finished--
		}
		if p.sessions++; p.sessions == 1 {
			p.got, p.left = 0, 0
			v.online++
		} else {
			p.moved = true
		}
		return
	}
	finished := e.Reason == protocol.ReasonTerminate || e.Reason == protocol.ReasonEOF
	if p.sessions > 0 {
		p.left += e.Lines
		if p.sessions--; finished {
			p.sessions = 0 // the others are over, whether or not a broker has noticed
		}
		if p.sessions == 0 {
			v.online--
			v.compare(e.Name, p)
		}
	}
	if p.sessions == 0 && finished && !p.finished {
		p.finished = true
		v.finished++
	}
}

// compare checks the lines of a publisher that joined and left while the Verifier watched.
func (v *Verifier) compare(name string, p *publisher) {
	switch {
	case p.moved:
		return
	case p.got < p.left:
		v.short += p.left - p.got
	case p.got > p.left:
		v.over += p.got - p.left
	default:
		return
	}
	v.fault("%s left with %s, %d came", name, count(p.left, "line"), p.got)
}

func (v *Verifier) fault(format string, args ...any) {
	if len(v.report.Faults) < maxFaults {
		v.report.Faults = append(v.report.Faults, fmt.Sprintf(format, args...))
	} else if len(v.report.Faults) == maxFaults {
		v.report.Faults = append(v.report.Faults, "and more")
	}
}

// Report returns what was found so far. One lost line may show in more than one way, and is counted
// once.
func (v *Verifier) Report() Report {
	v.hash()
	r := v.report
	r.Missing = max(v.skipped+v.gaps, v.short)
	r.Duplicates = max(r.Duplicates, v.over)
	r.Faults = slices.Clone(r.Faults)
	r.SHA256 = hex.EncodeToString(v.digest.Sum(nil))
	return r
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return len(r.Faults) == 0 }

// String returns the report in one line, without the Faults.
func (r Report) String() string {
	order := "in order"
	if r.Disordered > 0 {
		order = fmt.Sprintf("%d out of order", r.Disordered)
	}
	return fmt.Sprintf("%s from %s, %s, %d missing, %s, sha256 %s", count(r.Lines, "line"), count(r.Publishers, "publisher"),
		order, r.Missing, count(r.Duplicates, "duplicate"), r.SHA256)
}

func count[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
