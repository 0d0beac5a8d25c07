package history

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
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
	Misattributed Kind = "misattributed"       // received under another topic (P8)
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
	At         int      // where it arrived, or should have: its number in Received, from 1, or one more than there are
	Count      int      // how many lines or messages are concerned
	Text       string   // all of it for a person, with the evidence
	Around     []string // what was received around it; the line itself, or the one behind its place, begins with ">"
}

// Report is the verdict on a history.
type Report struct {
	Lines       int // sent and accepted
	Publishers  int
	Subscribers int
	Declared    int          // messages declared missing by gaps
	Unknown     int          // messages that could be one of several equal lines, without a position that says which
	Counts      map[Kind]int // lines concerned, by kind; nil: none
	Faults      []Fault      // the first ten of each kind, by subscribers and publishers in the order of the history
}

// OK reports whether everything could be judged and no fault was found.
func (r Report) OK() bool { return len(r.Faults) == 0 && r.Unknown == 0 }

// Verdict is the report on one line.
func (r Report) Verdict() string {
	head := fmt.Sprintf("%s from %s to %s: ", count(r.Lines, "line"), count(r.Publishers, "publisher"), count(r.Subscribers, "subscriber"))
	var parts []string
	for _, k := range kinds {
		if n := r.Counts[k]; n > 0 {
			parts = append(parts, thousands(n)+" "+string(k))
		}
	}
	if r.Unknown > 0 {
		parts = append(parts, "unknown which lines "+count(r.Unknown, "message")+" are: texts repeat, and there are no positions")
	}
	switch {
	case len(parts) > 0:
		return head + strings.Join(parts, ", ")
	case r.Declared > 0:
		head += thousands(r.Declared) + " missing in declared gaps, otherwise "
	}
	return head + "nothing lost, doubled, reordered, invented or altered; one order"
}

// String is the verdict and below it the faults, a line each, the first one with the lines around
// it.
func (r Report) String() string {
	var b strings.Builder
	b.WriteString(r.Verdict())
	around := true
	for _, k := range kinds {
		more := r.Counts[k]
		for _, f := range r.Faults {
			if f.Kind != k {
				continue
			}
			more -= f.Count
			b.WriteString("\n" + f.Subscriber + ": " + f.Text)
			if around {
				b.WriteString(strings.Join(append([]string{""}, f.Around...), "\n    "))
				around = false
			}
		}
		if more > 0 {
			fmt.Fprintf(&b, "\nand %s more %s", thousands(more), k)
		}
	}
	return b.String()
}

// fault adds a fault of one message.
func (c *checker) fault(v *view, kind Kind, i int, text string, args ...any) {
	c.add(v, Fault{Kind: kind, At: i + 1, Count: 1, Text: fmt.Sprintf(text, args...)})
}

// add counts a fault of the view, and keeps it unless there are enough of its kind.
func (c *checker) add(v *view, f Fault) {
	if c.placing {
		v.wrong++
		return
	}
	r := &c.report
	if r.Counts == nil {
		r.Counts = make(map[Kind]int)
	}
	r.Counts[f.Kind] += f.Count
	kept := 0
	for _, other := range r.Faults {
		if other.Kind == f.Kind {
			kept++
		}
	}
	if kept < detail {
		f.Subscriber, f.Around = v.Name, v.around(f.At)
		r.Faults = append(r.Faults, f)
	}
}

// around shows what was received around a place in Received, counted from 1.
func (v *view) around(at int) (lines []string) {
	for i := max(0, at-3); i < min(at+2, len(v.Received)); i++ {
		mark := " "
		if i == at-1 {
			mark = ">"
		}
		text := fmt.Sprintf("%s line %s: ", mark, thousands(i+1))
		if m := v.Received[i]; m.Gap != 0 {
			text += fmt.Sprintf("a gap of %s", thousands(max(0, m.Gap)))
		} else {
			text += fmt.Sprintf("%s from %q%s", quote(m.Line), m.From, v.atPosition(i))
		}
		lines = append(lines, text)
	}
	return lines
}

// tell names a message that was received, by the number of its line where that is known.
func (v *view) tell(i int) string {
	m := v.Received[i]
	if v.line[i] < 0 {
		return fmt.Sprintf("%s from %q", quote(m.Line), m.From)
	}
	return fmt.Sprintf("#%s %s of %q", thousands(v.line[i]+1), quote(m.Line), m.From)
}

// atPosition says at which position a message came, where it came with one.
func (v *view) atPosition(i int) string {
	if v.Received[i].Pos == 0 {
		return ""
	}
	return " at position " + thousands(int(v.Received[i].Pos))
}

func count(n int, what string) string { return thousands(n) + " " + english.PluralWord(n, what, "") }

func thousands(n int) string { return humanize.Comma(int64(n)) }

// quote shows a text, shortened and with its length where it is long.
func quote(s string) string { return quoteFrom(s, 0) }

// quoteFrom shows a text around a place in it.
func quoteFrom(s string, at int) string {
	const most, before = 60, 20
	if len(s) <= most {
		return strconv.Quote(s)
	}
	start, head := max(0, at-before), "…"
	if at <= 2*before {
		start, head = 0, ""
	}
	for start > 0 && start < len(s) && !utf8.RuneStart(s[start]) {
		start--
	}
	end := min(len(s), start+2*before)
	for end > start && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	tail := "…"
	if end == len(s) {
		tail = ""
	}
	return strconv.Quote(head+s[start:end]+tail) + " (" + count(len(s), "byte") + ")"
}
