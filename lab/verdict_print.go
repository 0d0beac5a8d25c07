package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/jedib0t/go-pretty/v6/text"

	"pubsublab/lab/history"
	"pubsublab/lab/internal/term"
)

// print shows the verdict and what it rests on, in so many columns. how says what the nodes were.
func (v *verdict) print(out io.Writer, columns int, how string) {
	p := page{out, columns}
	l := v.level()
	fmt.Fprintln(out)
	p.paragraph("", l, true, v.headline())
	fmt.Fprintln(out)
	widths := []int{0, 0}
	for _, s := range v.specs {
		for i, cell := range v.row(s)[:2] {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, s := range v.specs {
		row := v.row(s)
		head := fmt.Sprintf("  %-*s  exit %*s  ", widths[0], row[0], widths[1], row[1])
		p.hanging(head, row[2])
	}
	fmt.Fprintln(out)
	for _, n := range v.notes {
		switch {
		case !n.end:
			p.paragraph("  ", n.level, false, n.text)
		case l != good: // the headline has not said it
			p.paragraph("  ", warn, false, n.text)
		}
	}
	if !slices.ContainsFunc(v.reports, func(r history.Report) bool { return !r.OK() }) && len(v.broken) == 0 {
		p.paragraph("  ", good, false, "Scripts compared with transcripts, line by line: nothing lost, doubled, reordered, altered or invented, "+
			"and the same order for all.")
	}
	if v.guests > 0 {
		fmt.Fprintf(out, "  Not judged: %s of others who joined in.\n", lines(v.guests))
	}
	fmt.Fprintf(out, "  (%s, %.0f seconds)\n", how, v.course.took.Seconds())
}

// headline says in one sentence what was promised and held, or that not everything is well.
func (v *verdict) headline() string {
	so, when := "", ""
	if v.course.interrupted {
		so, when = " so far", fmt.Sprintf(" (interrupted after %s)", seconds(v.course.took))
	}
	switch v.level() {
	case bad:
		return "Not everything is right." + when
	case warn:
		return "Every promise was kept, but something happened for which there is none." + when
	}
	var although []string
	for _, e := range v.course.early() {
		what := ""
		switch {
		case v.unsure(e):
			continue
		case e.back > 0:
			what = "restarted"
		case e.end.Killed():
			what = "killed"
		default:
			what = "stopped"
		}
		although = append(although, fmt.Sprintf("%s was %s after %s", e.spec.Name, what, seconds(e.after)))
	}
	switch {
	case len(although) > 0:
		return "Nothing lost" + so + ", although " + english.WordSeries(although, "and") + "." + when
	case v.course.interrupted:
		return "Nothing lost so far." + when
	}
	return "Every subscriber received every line, in one order."
}

// page is where text is shown in a number of columns.
type page struct {
	out     io.Writer
	columns int
}

// paragraph shows a text behind the mark of its level and in its colour. A text of several lines is
// shown as it is.
func (p page) paragraph(indent string, l level, bold bool, s string) {
	mark := indent + marks[l] + " "
	for i, line := range strings.Split(p.wrap(s, len([]rune(mark))), "\n") {
		if i > 0 {
			mark = indent + "  "
		}
		fmt.Fprintln(p.out, l.paint(bold, mark+line))
	}
}

// hanging shows a text behind a head, and what does not fit below it.
func (p page) hanging(head, s string) {
	indent := len([]rune(head))
	for _, line := range strings.Split(p.wrap(s, indent), "\n") {
		fmt.Fprintln(p.out, head+line)
		head = strings.Repeat(" ", indent)
	}
}

// wrap breaks the lines of a text where they would be too long behind an indent.
func (p page) wrap(s string, indent int) string {
	lines := strings.Split(text.WrapSoft(term.VisibleLines(s), max(20, p.columns-indent)), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
