package history

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind is what is wrong.
type Kind string

// The kinds of faults, with the rules that they break.
const (
	Lost          Kind = "lost"                // sent and accepted, and not received (P10)
	Duplicated    Kind = "duplicated"          // received again (P10)
	Reordered     Kind = "reordered"           // received out of its publisher's order (P9)
	Invented      Kind = "invented"            // never sent (P8)
	Altered       Kind = "altered"             // received in its place with another text (P6)
	Misattributed Kind = "misattributed"       // received under another publisher or topic (P8)
	Misfiltered   Kind = "not matching filter" // received although the filter does not match (P11)
	Disagreement  Kind = "in another order"    // subscribers disagree on the order or on positions (P9, P12)
	Hole          Kind = "skipped"             // lost, which only the order of all publishers together shows (P10)
	Gap           Kind = "in declared gaps"    // declared missing where no gap is allowed (P12)
)

var kinds = []Kind{Lost, Duplicated, Reordered, Invented, Altered, Misattributed, Misfiltered, Disagreement, Hole, Gap}

// detail is how many faults of each kind a report spells out.
const detail = 10

// Fault is one thing that went wrong at one subscriber.
type Fault struct {
	Kind       Kind
	Subscriber string
	Publisher  string // the one that sent it; of an invented line the one it was received from; empty: several or none
	First      int    // number of the first line concerned among that publisher's lines, from 1; 0: none
	Last       int    // number of the last one
	At         int    // where it arrived: its number in Received, from 1; 0: nothing arrived
	Count      int    // how many lines or messages are concerned
	Want, Got  string // text of the first line as sent, and as received; empty where there is none
	Text       string // all of it for a person, with the evidence
}

// String is the fault on one line.
func (f Fault) String() string { return f.Subscriber + ": " + f.Text }

// Tally is what one subscriber received.
type Tally struct {
	Subscriber  string
	Lines       int            // messages received
	Declared    int            // messages declared missing by gaps
	ByPublisher map[string]int // messages received, by the name they came under
	Faults      map[Kind]int   // lines concerned, by kind
}

// Report is the verdict on a history.
type Report struct {
	Lines       int // sent and accepted
	Publishers  int
	Subscribers []Tally
	Counts      map[Kind]int // lines concerned, by kind; nil: none
	Faults      []Fault      // the first ten of each kind, by subscribers and publishers in the order of the history
	Omitted     map[Kind]int // lines concerned by faults beyond these; nil: none
}

// OK says that no fault was found.
func (r Report) OK() bool { return len(r.Faults) == 0 }

// Verdict is the report on one line.
func (r Report) Verdict() string {
	head := fmt.Sprintf("%s from %s to %s: ", count(r.Lines, "line"), count(r.Publishers, "publisher"), count(len(r.Subscribers), "subscriber"))
	if !r.OK() {
		var parts []string
		for _, k := range kinds {
			if n := r.Counts[k]; n > 0 {
				parts = append(parts, thousands(n)+" "+string(k))
			}
		}
		return head + strings.Join(parts, ", ")
	}
	declared := 0
	for _, s := range r.Subscribers {
		declared += s.Declared
	}
	if declared > 0 {
		head += thousands(declared) + " missing in declared gaps, otherwise "
	}
	return head + "nothing lost, doubled, reordered, invented or altered; one order"
}

// String is the verdict and below it the faults, a line each.
func (r Report) String() string {
	var b strings.Builder
	b.WriteString(r.Verdict())
	for _, k := range kinds {
		for _, f := range r.Faults {
			if f.Kind == k {
				b.WriteString("\n" + f.String())
			}
		}
		if n := r.Omitted[k]; n > 0 {
			fmt.Fprintf(&b, "\nand %s more %s", thousands(n), k)
		}
	}
	return b.String()
}

// add counts a fault of the view, and keeps it unless there are enough of its kind. The text is made only then.
func (c *checker) add(v *view, f Fault, text func() string) {
	r := &c.report
	if r.Counts == nil {
		r.Counts = make(map[Kind]int)
	}
	r.Counts[f.Kind] += f.Count
	r.Subscribers[v.index].Faults[f.Kind] += f.Count
	if !r.spellsOut(f.Kind) {
		if r.Omitted == nil {
			r.Omitted = make(map[Kind]int)
		}
		r.Omitted[f.Kind] += f.Count
		return
	}
	f.Subscriber, f.Text = v.Name, text()
	r.Faults = append(r.Faults, f)
}

// spellsOut says whether the next fault of this kind is among those that are.
func (r *Report) spellsOut(k Kind) bool {
	kept := 0
	for _, f := range r.Faults {
		if f.Kind == k {
			kept++
		}
	}
	return kept < detail
}

// arrived says where a received message arrived.
func arrived(at int) string { return "as line " + thousands(at) }

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(n) + " " + what
}

func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// quote shows a text, shortened and with its length where it is long.
func quote(s string) string {
	const most = 60
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(cut(s, most-20)+"…") + " (" + count(len(s), "byte") + ")"
}

// quoteFrom shows a text around a place in it.
func quoteFrom(s string, at int) string {
	const before = 20
	if at <= 2*before || len(s) <= 3*before {
		return quote(s)
	}
	start := at - before
	for start > 0 && start < len(s) && !utf8.RuneStart(s[start]) {
		start--
	}
	rest := s[min(start, len(s)):]
	if short := cut(rest, 2*before); short != rest {
		rest = short + "…"
	}
	return strconv.Quote("…"+rest) + " (" + count(len(s), "byte") + ")"
}

// cut shortens to at most n bytes, not within a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
