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
	// maxHoles bounds what a Tally remembers of positions that were left out.
	maxHoles = 1 << 16
	// maxFaults is how many faults a Report describes.
	maxFaults = 5
)

// Tally verifies a subscription from its own items: that positions grow (P9),
// that none is missing or comes twice (P10), and that each publisher which
// came and left in its sight has brought as many lines as it left with (P13),
// unless it was connected to two brokers at once.
// With a filter, positions that the filter left out cannot be told from
// missing ones: what publishers left with then is the only evidence.
//
// The zero value is not ready: use NewTally. A Tally is for one goroutine.
type Tally struct {
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

// publisher is what a Tally knows of a name, which is one publisher, wherever
// it is connected. Sessions that overlap count as one: it went on at another
// broker before the one that it was connected to found out, or died and
// could not tell any more.
type publisher struct {
	wrote    bool   // there is a message from it
	sessions int    // joined and not left
	got      uint64 // lines since the first of these sessions joined
	left     uint64 // lines with which those of them that are over left
	moved    bool   // sessions have overlapped: both may count what it sent twice
	finished bool   // left on its own accord, and has not joined again
}

// Report is what a Tally found.
type Report struct {
	Lines      uint64 // messages
	Publishers int    // that these are from, by name
	Missing    uint64 // messages that should have come, at least
	Duplicates uint64 // messages that came again
	Disordered uint64 // messages that came behind one of a higher position
	Faults     []string
	SHA256     string // of the plain rendering (P8) of all messages, in hexadecimal
}

// NewTally returns an empty Tally for a subscription with this filter.
func NewTally(filter protocol.Filter) *Tally {
	return &Tally{filter: filter, digest: sha256.New(), publishers: map[string]*publisher{}}
}

// Add takes the next item.
func (t *Tally) Add(item *Item) {
	switch e := item.Event; {
	case e == nil:
		t.message(&item.Message)
	case e.Kind == protocol.Gap:
		t.gap(e)
	case e.Role == protocol.Publisher && t.filter.Match(e.Topic):
		t.event(e)
	}
	if len(t.buffer) > 32<<10 {
		t.hash()
	}
}

// Lines returns how many messages there were.
func (t *Tally) Lines() uint64 { return t.report.Lines }

// Finished returns how many publishers, by name, have left on their own accord
// and not joined again.
func (t *Tally) Finished() int { return t.finished }

// Online returns how many publishers, by name, have joined and not left.
func (t *Tally) Online() int { return t.online }

func (t *Tally) hash() {
	t.digest.Write(t.buffer)
	t.buffer = t.buffer[:0]
}

func (t *Tally) message(m *protocol.Message) {
	t.report.Lines++
	t.line = append(append(t.line[:0], m.Line...), '\n')
	t.buffer = protocol.Plain.AppendBatch(t.buffer, &protocol.Batch{From: m.From, Topic: m.Topic, Lines: t.line, Count: 1})
	if t.last == nil || m.From != t.lastName {
		t.last, t.lastName = t.publisher(m.From), m.From
	}
	t.last.got++
	if !t.last.wrote {
		t.last.wrote = true
		t.report.Publishers++
	}
	switch {
	case t.next == 0 || m.Pos == t.next:
		t.next = m.Pos + 1
	case m.Pos > t.next:
		t.hole(span{t.next, m.Pos})
		t.next = m.Pos + 1
	case t.fill(m.Pos):
		t.report.Disordered++
		t.fault("position %d came after %d", m.Pos, t.next-1)
	default:
		t.report.Duplicates++
		t.fault("position %d came twice", m.Pos)
	}
	t.pendingGap = 0
}

// hole notes positions that were passed over.
func (t *Tally) hole(s span) {
	if n := s.to - s.from; t.filter == (protocol.Filter{}) && n > t.pendingGap {
		t.skipped += n - t.pendingGap
		if n == 1 {
			t.fault("position %d is missing", s.from)
		} else {
			t.fault("positions %d to %d are missing", s.from, s.to-1)
		}
	}
	if t.holes = append(t.holes, s); len(t.holes) > maxHoles {
		t.holes = slices.Delete(t.holes, 0, maxHoles/2)
	}
}

// fill takes a position out of the holes, if it is in one.
func (t *Tally) fill(pos uint64) bool {
	i := sort.Search(len(t.holes), func(i int) bool { return t.holes[i].to > pos })
	if i == len(t.holes) || t.holes[i].from > pos {
		return false
	}
	s := t.holes[i]
	t.holes = slices.Replace(t.holes, i, i+1, slices.DeleteFunc([]span{{s.from, pos}, {pos + 1, s.to}}, func(s span) bool {
		return s.from == s.to
	})...)
	t.skipped -= min(t.skipped, 1)
	return true
}

func (t *Tally) gap(e *protocol.Event) {
	t.buffer = protocol.Plain.AppendEvent(t.buffer, e)
	if e.Missing == 0 {
		t.fault("the server lost its history, and an unknown number of messages with it")
		t.next, t.holes = 0, nil
		for _, p := range t.publishers {
			p.sessions = 0
		}
		t.online = 0
		return
	}
	t.gaps += e.Missing
	t.pendingGap += e.Missing
	t.fault("the server no longer had %s", count(e.Missing, "message"))
}

func (t *Tally) publisher(name string) *publisher {
	p := t.publishers[name]
	if p == nil {
		p = &publisher{}
		t.publishers[name] = p
	}
	return p
}

// event follows the sessions of a publisher.
func (t *Tally) event(e *protocol.Event) {
	p := t.publisher(e.Name)
	if e.Kind == protocol.Joined {
		if p.finished {
			p.finished = false
			t.finished--
		}
		if p.sessions++; p.sessions == 1 {
			p.got, p.left = 0, 0
			t.online++
		} else {
			p.moved = true
		}
		return
	}
	finished := e.Reason == protocol.ReasonTerminate || e.Reason == protocol.ReasonEOF
	if p.sessions > 0 {
		p.left += e.Lines
		if p.sessions--; finished {
			p.sessions = 0 // the others are over, whether anybody could tell or not
		}
		if p.sessions == 0 {
			t.online--
			t.compare(e.Name, p)
		}
	}
	if p.sessions == 0 && finished && !p.finished {
		p.finished = true
		t.finished++
	}
}

// compare is for a publisher that came and left in sight.
func (t *Tally) compare(name string, p *publisher) {
	switch {
	case p.moved:
		return
	case p.got < p.left:
		t.short += p.left - p.got
	case p.got > p.left:
		t.over += p.got - p.left
	default:
		return
	}
	t.fault("%s left with %s, %d came", name, count(p.left, "line"), p.got)
}

func (t *Tally) fault(format string, args ...any) {
	if len(t.report.Faults) < maxFaults {
		t.report.Faults = append(t.report.Faults, fmt.Sprintf(format, args...))
	} else if len(t.report.Faults) == maxFaults {
		t.report.Faults = append(t.report.Faults, "and more")
	}
}

// Report returns what was found so far. One lost line may show in more than
// one way, and is counted once.
func (t *Tally) Report() Report {
	t.hash()
	r := t.report
	r.Missing = max(t.skipped+t.gaps, t.short)
	r.Duplicates = max(r.Duplicates, t.over)
	r.Faults = slices.Clone(r.Faults)
	r.SHA256 = hex.EncodeToString(t.digest.Sum(nil))
	return r
}

// OK tells whether nothing is wrong.
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
