package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"pubsublab/lab/grade"
)

// clean shows control and other invisible characters and broken UTF-8 as text.
func clean(s string) string {
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !strconv.IsPrint(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// payload shows the data of a step on one line: quoted where it went over a
// connection or to an output, as it is where it is a remark.
func payload(s grade.Step) string {
	switch {
	case s.Kind == grade.Exits || s.Kind == grade.Notes:
		return clean(string(s.Data))
	case len(s.Data) == 0:
		return ""
	}
	return strconv.Quote(string(s.Data))
}

// sentence tells a step. Data of several lines follows below, a line each.
func sentence(s grade.Step) string {
	from, to, data := clean(s.From), clean(s.To), " "+payload(s)
	if lines := slices.Collect(strings.Lines(string(s.Data))); len(lines) > 1 && s.Kind != grade.Exits && s.Kind != grade.Notes {
		data = ""
		for _, line := range lines {
			data += "\n    " + strconv.Quote(line)
		}
	}
	switch s.Kind {
	case grade.Connects:
		return fmt.Sprintf("%s connects to %s", from, to)
	case grade.Sends:
		return fmt.Sprintf("%s → %s:%s", from, to, data)
	case grade.Missing:
		return fmt.Sprintf("MISSING %s → %s:%s", from, to, data)
	case grade.Wrong:
		return fmt.Sprintf("WRONG %s → %s:%s", from, to, data)
	case grade.Closes:
		return fmt.Sprintf("%s closes its connection to %s", from, to)
	case grade.Resets:
		return fmt.Sprintf("%s resets its connection to %s", from, to)
	case grade.Prints:
		return fmt.Sprintf("%s prints%s", from, data)
	case grade.Exits:
		return fmt.Sprintf("%s ends%s", from, data)
	}
	if from != "" {
		return from + ":" + data
	}
	return strings.TrimSpace(data)
}

// conversation tells the steps of a slice.
func conversation(slice []grade.Step) string {
	var b strings.Builder
	for _, s := range slice {
		fmt.Fprintf(&b, "%9s  %s\n", at(s.At), strings.ReplaceAll(sentence(s), "\n", "\n           "))
	}
	return b.String()
}

// explanation says why a check did not pass. It is empty when it did.
func explanation(r *grade.Result, c grade.Check) string {
	switch c.Status {
	case grade.Failed:
		return clean(c.What)
	case grade.Blocked:
		return fmt.Sprintf("Not tried: “%s” has to pass first.", title(r, c.BlockedBy))
	case grade.Absent:
		return "A bonus that was not found. It costs nothing."
	}
	return ""
}

// evidence says all that is known of a check that did not pass: what happened,
// why, and the conversation that shows it.
func evidence(r *grade.Result, c grade.Check) string {
	text := explanation(r, c)
	if c.Cause != "" {
		text += "\n\nLikely cause: " + clean(c.Cause)
	}
	if len(c.Slice) > 0 {
		text += "\n\nThe conversation, with the time since the check began:\n" + conversation(c.Slice)
	}
	return strings.TrimSpace(text)
}

// title returns the title of the check with this ID, or the ID when there is no
// such check.
func title(r *grade.Result, id string) string {
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if c.ID == id {
				return clean(c.Title)
			}
		}
	}
	return clean(id)
}

// repeat says how to repeat the run.
func repeat(r *grade.Result) string { return "--seed " + strconv.FormatUint(r.Seed, 10) }

// framing says how the submission tells messages apart.
func framing(r *grade.Result) string {
	switch r.Framing {
	case "lines":
		return "a line is a message"
	case "reads":
		return "what one read returns is a message"
	}
	return "could not be found out"
}

// round takes away what adding up points in binary leaves behind.
func round(points float64) float64 { return math.Round(points*100) / 100 }

// number shows points, with two digits after the point at most.
func number(points float64) string { return strconv.FormatFloat(round(points), 'f', -1, 64) }

// score shows the points of a check or of a stage.
func score(points, of float64) string { return number(points) + " / " + number(of) }

// at shows a time since the check began.
func at(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// shorten cuts the middle out of what is longer than n characters. Beginning
// and end stay: a line begins with who sent it and ends with what was sent.
func shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	head := n / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(n-1-head):])
}
