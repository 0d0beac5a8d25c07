package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/internal/spacetime"
)

// How texts and steps are told is that of the diagrams.
var (
	clean    = spacetime.Clean
	sentence = spacetime.Sentence
	at       = spacetime.At
	shorten  = spacetime.Shorten
)

// Lines is clean for several lines, which stay lines; tabs become four blanks.
func Lines(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\t", "    "), "\n")
	for i, line := range lines {
		lines[i] = clean(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n")
}

// conversation tells the steps of a slice.
func conversation(slice []harness.Step) string {
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
		return clean(c.What) + often(c)
	case grade.Blocked:
		text := fmt.Sprintf("Not tried: “%s” has to pass first.", title(r, c.BlockedBy))
		if c.What != "" {
			text = clean(c.What)
		}
		if c.Charged {
			return text + " Without that there is nothing of this."
		}
		return text + " It costs nothing more."
	case grade.NotTried:
		return clean(c.What) + " It costs nothing."
	case grade.Absent:
		return "A bonus that was not found. It costs nothing."
	}
	return ""
}

// often says in how many runs a check failed, where luck decides.
func often(c grade.Check) string {
	if c.Runs < 2 {
		return ""
	}
	return fmt.Sprintf(" It failed in %d of %d runs.", c.Wrong, c.Runs)
}

// verdict says that a submission was not graded, why, and what was tried. It is empty when it was
// graded.
func verdict(r *grade.Result) string {
	if r.Graded() {
		return ""
	}
	text := headline(r) + "\n\n" + clean(r.Why)
	if len(r.Tried) > 0 {
		text += "\n\nWhat was tried:"
		for _, t := range r.Tried {
			text += "\n- " + clean(t)
		}
	}
	if len(r.Excerpt) > 0 {
		text += "\n\nWhat was seen, with the time since the start:\n" + conversation(r.Excerpt)
	}
	return strings.TrimSpace(text)
}

// headline is the verdict in a few words.
func headline(r *grade.Result) string { return "Not graded: " + reason(r) + "." }

// reason is the verdict without a full stop.
func reason(r *grade.Result) string {
	if r.Verdict == "" {
		return "no verdict"
	}
	return clean(string(r.Verdict))
}

// evidence says all that is known of a check that did not pass: what happened,
// why, and the conversation that shows it.
func evidence(r *grade.Result, c grade.Check) string {
	text := explanation(r, c)
	if c.Cause != "" {
		text += "\n\nLikely cause: " + clean(c.Cause)
	}
	if len(c.Excerpt) > 0 {
		text += "\n\nThe conversation, with the time since the check began:\n" + conversation(c.Excerpt)
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

// sum shows the points of all: "87 / 95 points", or the verdict.
func sum(r *grade.Result) string {
	if !r.Graded() {
		return headline(r)
	}
	earned, of, bonus := r.Points()
	text := score(earned, of) + " points"
	if bonus > 0 {
		text += ", and " + number(bonus) + " bonus"
	}
	return text
}

// leftOut says what of the rubric does not count; empty when all does.
func leftOut(r *grade.Result) string {
	_, of, _ := r.Points()
	if out := round(r.Total() - of); r.Graded() && out > 0 {
		do := "do"
		if out == 1 {
			do = "does"
		}
		return fmt.Sprintf("%s of the rubric's %s points could not be tried and %s not count.", number(out), number(r.Total()), do)
	}
	return ""
}

// number shows points, with two digits after the point at most.
func number(points float64) string { return strconv.FormatFloat(round(points), 'f', -1, 64) }

// score shows the points of a check or of a stage.
func score(points, of float64) string { return number(points) + " / " + number(of) }
