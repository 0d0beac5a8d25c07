package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"

	"pubsublab/lab/grade"
	"pubsublab/lab/internal/term"
)

// columns is how wide texts on a terminal get.
const columns = 78

// marks says how a check ended in one character.
var marks = map[grade.Status]string{grade.Passed: "✔", grade.Failed: "✘", grade.Blocked: "○", grade.NotTried: "○", grade.Absent: "–"}

// paint holds what the colours on a terminal mean.
type paint struct{ good, bad, partly, faint, strong, plain *color.Color }

func newPaint(colour bool) paint {
	copied := func(c *color.Color) *color.Color {
		own := *c
		return &own
	}
	p := paint{
		good: copied(term.Good), bad: copied(term.Bad), partly: copied(term.Warn),
		faint: color.New(color.Faint), strong: color.New(color.Bold), plain: color.New(color.Reset),
	}
	for _, c := range []*color.Color{p.good, p.bad, p.partly, p.faint, p.strong, p.plain} {
		if colour {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
	}
	return p
}

// of returns the colour of a check that ended like this.
func (p paint) of(s grade.Status) *color.Color {
	switch s {
	case grade.Passed:
		return p.good
	case grade.Failed:
		return p.bad
	}
	return p.faint
}

// Checklist prints the result for a person at a terminal: every check with its
// points, why those that failed did, and how to repeat the run. Errors of w are
// not reported.
func Checklist(w io.Writer, r *grade.Result, colour bool) {
	p := newPaint(colour)
	width := 0
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			width = max(width, utf8.RuneCountInString(clean(c.Title)))
		}
	}
	fmt.Fprintf(w, "%s\n", p.strong.Sprint(clean(r.Submission)))
	if !r.Graded() {
		notGraded(w, p, r)
	}
	for _, s := range r.Stages {
		fmt.Fprintf(w, "\n%s  %s\n", p.strong.Sprint(pad(clean(s.Title), width+4)), stageScore(s))
		for _, c := range s.Checks {
			line := fmt.Sprintf("%s  %s", pad(clean(c.Title), width), points(c))
			if !told(c) {
				line = p.faint.Sprint(line)
			}
			fmt.Fprintf(w, "  %s %s\n", p.of(c.Status).Sprint(marks[c.Status]), line)
			if c.Status == grade.Absent {
				continue
			}
			why := p.plain
			if !told(c) {
				why = p.faint
			}
			paragraph(w, why, explanation(r, c))
			if c.Cause != "" {
				paragraph(w, p.faint, "Likely cause: "+clean(c.Cause))
			}
		}
	}
	total(w, p, r)
	fmt.Fprintf(w, "%s\n", p.faint.Sprintf("To repeat this run: the same command with %s", repeat(r)))
}

// told reports whether a check came to something that is about the submission.
func told(c grade.Check) bool { return c.Status == grade.Passed || c.Status == grade.Failed }

// notGraded prints the verdict of a submission that was not graded.
func notGraded(w io.Writer, p paint, r *grade.Result) {
	fmt.Fprintf(w, "\n%s\n", p.bad.Add(color.Bold).Sprint(headline(r)))
	paragraph(w, p.plain, clean(r.Why))
	for i, t := range r.Tried {
		if i == 0 {
			paragraph(w, p.faint, "What was tried:")
		}
		paragraph(w, p.faint, "- "+clean(t))
	}
	for line := range strings.Lines(conversation(r.Excerpt)) {
		fmt.Fprintf(w, "      %s\n", p.faint.Sprint(strings.TrimRight(line, "\n")))
	}
}

// total prints what all checks came to, and what does not count.
func total(w io.Writer, p paint, r *grade.Result) {
	fmt.Fprintln(w)
	earned, of, bonus := r.Points()
	switch {
	case !r.Graded():
		fmt.Fprintf(w, "%s\n", p.bad.Add(color.Bold).Sprint(headline(r)))
	default:
		fmt.Fprintf(w, "%s points", p.share(earned, of).Add(color.Bold).Sprint(score(earned, of)))
		if bonus > 0 {
			fmt.Fprintf(w, ", and %s bonus", p.good.Sprint(number(bonus)))
		}
		fmt.Fprintln(w)
	}
	for _, remark := range append([]string{leftOut(r)}, r.Remarks...) {
		if remark != "" {
			fmt.Fprintln(w, p.faint.Sprint(clean(remark)))
		}
	}
}

// points shows the points of a check.
func points(c grade.Check) string {
	switch {
	case c.Bonus && c.Status == grade.Absent:
		return "bonus, not found"
	case c.Bonus:
		return "+" + number(c.Points) + " bonus"
	case c.Of() == 0 && c.Max > 0:
		return "not counted"
	}
	return score(c.Points, c.Max)
}

// stageScore shows the points of a stage.
func stageScore(s grade.Stage) string {
	earned, of, bonus := s.Points()
	if of == 0 && bonus == 0 {
		return ""
	}
	if of == 0 {
		return "+" + number(bonus)
	}
	return score(earned, of)
}

// paragraph prints a text below a check, in lines that fit. An empty one is not
// printed.
func paragraph(w io.Writer, c *color.Color, text string) {
	var line []string
	length := 0
	flush := func() {
		if len(line) > 0 {
			fmt.Fprintf(w, "      %s\n", c.Sprint(strings.Join(line, " ")))
		}
		line, length = nil, 0
	}
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if length+1+n > columns-6 {
			flush()
		}
		line, length = append(line, word), length+1+n
	}
	flush()
}

// pad fills s up to n characters.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}
