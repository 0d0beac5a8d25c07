package spacetime

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pubsublab/lab/internal/term"
)

// Kind is what a Step is.
type Kind string

// The kinds of steps.
const (
	Connects Kind = "connects" // From opens a connection to To
	Sends    Kind = "sends"    // Data went from From to To
	Missing  Kind = "missing"  // Data should have gone from From to To, and did not
	Wrong    Kind = "wrong"    // Data went from From to To, and should not have
	Closes   Kind = "closes"   // From ended its connection to To in an orderly way
	Resets   Kind = "resets"   // From ended its connection to To at once
	Prints   Kind = "prints"   // From wrote Data to its output; To is empty
	Exits    Kind = "exits"    // From ended; Data says how
	Notes    Kind = "notes"    // Data is a remark: "waited 3 s"
)

// Step is one thing that happened between two participants.
type Step struct {
	At       time.Duration // since the beginning: of a check, of a run
	Kind     Kind
	From, To string // participants: "server", "publisher 1", "subscriber 2"
	Data     []byte // as it was sent, cut to a length that can be read; may hold any bytes
}

// Clean shows control and other hidden characters and broken UTF-8 as text; tabs too, which would
// move columns.
func Clean(s string) string { return strings.ReplaceAll(term.Visible(s), "\t", `\x09`) }

// quote is a Go string, in which nothing is hidden.
func quote(s string) string { return term.Visible(strconv.Quote(s)) }

// payload shows the data of a step on one line: quoted where it went over a
// connection or to an output, as it is where it is a remark.
func payload(s Step) string {
	switch {
	case s.Kind == Exits || s.Kind == Notes:
		return Clean(string(s.Data))
	case len(s.Data) == 0:
		return ""
	}
	return quote(string(s.Data))
}

// Sentence tells a step. Data of several lines follows below, a line each.
func Sentence(s Step) string {
	from, to, data := Clean(s.From), Clean(s.To), " "+payload(s)
	if lines := slices.Collect(strings.Lines(string(s.Data))); len(lines) > 1 && s.Kind != Exits && s.Kind != Notes {
		data = ""
		for _, line := range lines {
			data += "\n    " + quote(line)
		}
	}
	switch s.Kind {
	case Connects:
		return fmt.Sprintf("%s connects to %s", from, to)
	case Sends:
		return fmt.Sprintf("%s → %s:%s", from, to, data)
	case Missing:
		return fmt.Sprintf("MISSING %s → %s:%s", from, to, data)
	case Wrong:
		return fmt.Sprintf("WRONG %s → %s:%s", from, to, data)
	case Closes:
		return fmt.Sprintf("%s closes its connection to %s", from, to)
	case Resets:
		return fmt.Sprintf("%s resets its connection to %s", from, to)
	case Prints:
		return fmt.Sprintf("%s prints%s", from, data)
	case Exits:
		return fmt.Sprintf("%s ends%s", from, data)
	}
	if from != "" {
		return from + ":" + data
	}
	return strings.TrimSpace(data)
}

// At shows a time since the beginning.
func At(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// Shorten cuts the middle out of what is longer than n characters. Beginning
// and end stay: a line begins with who sent it and ends with what was sent.
func Shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	head := n / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(n-1-head):])
}
