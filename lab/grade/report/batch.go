package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"

	"pubsublab/lab/grade"
)

// longestName is how many characters of a submission's name a table shows.
const longestName = 40

// Table prints one line for each submission, in the order given: its points, its
// bonus, and the points of each stage but those that hold nothing but a bonus.
// Errors of w are not reported.
func Table(w io.Writer, rs []*grade.Result, colour bool) {
	p := newPaint(colour)
	var stages []string
	for _, r := range rs {
		for _, s := range r.Stages {
			if _, of, _ := s.Points(); of > 0 && !slices.Contains(stages, s.ID) {
				stages = append(stages, s.ID)
			}
		}
	}
	rows := [][]cell{headings(p, stages)}
	for _, r := range rs {
		rows = append(rows, row(p, r, stages))
	}
	for _, row := range rows {
		for i, c := range row {
			width := 0
			for _, other := range rows {
				width = max(width, utf8.RuneCountInString(other[i].text))
			}
			blank := strings.Repeat(" ", width-utf8.RuneCountInString(c.text))
			switch i {
			case 0: // names stand left, figures right
				fmt.Fprint(w, c.paint.Sprint(c.text), blank)
			default:
				fmt.Fprint(w, "   ", blank, c.paint.Sprint(c.text))
			}
		}
		fmt.Fprintln(w)
	}
}

type cell struct {
	text  string
	paint *color.Color
}

func headings(p paint, stages []string) []cell {
	var row []cell
	for _, text := range append([]string{"submission", "points", "bonus"}, stages...) {
		row = append(row, cell{clean(text), p.faint})
	}
	return row
}

func row(p paint, r *grade.Result, stages []string) []cell {
	earned, of, bonus := r.Points()
	row := []cell{
		{shorten(clean(r.Submission), longestName), p.strong},
		{score(earned, of), p.share(earned, of)},
		{number(bonus), p.faint},
	}
	if !r.Graded() { // no points, and no points of stages
		row[1], row[2] = cell{reason(r), p.bad}, cell{"", p.faint}
	}
	for _, id := range stages {
		i := slices.IndexFunc(r.Stages, func(s grade.Stage) bool { return s.ID == id })
		if i < 0 || !r.Graded() {
			row = append(row, cell{"", p.faint})
			continue
		}
		earned, of, _ := r.Stages[i].Points()
		row = append(row, cell{score(earned, of), p.share(earned, of)})
	}
	return row
}

// share returns the colour of having earned so much of what there was.
func (p paint) share(earned, of float64) *color.Color {
	switch {
	case earned >= of:
		return p.good
	case earned == 0:
		return p.bad
	}
	return p.partly
}

// CSV writes a heading and one row for each submission: its name, verdict,
// points, what there was to earn, bonus and seed, and then the points of each
// check, by ID. What does not count is empty, and so are all points of a
// submission that was not graded.
func CSV(w io.Writer, rs []*grade.Result) error {
	heading := []string{"submission", "verdict", "points", "of", "bonus", "seed"}
	first := len(heading)
	for _, r := range rs {
		for _, s := range r.Stages {
			for _, c := range s.Checks {
				if !slices.Contains(heading[first:], c.ID) {
					heading = append(heading, c.ID)
				}
			}
		}
	}
	out := csv.NewWriter(w)
	out.Write(heading)
	for _, r := range rs {
		earned, of, bonus := r.Points()
		row := []string{harmless(clean(r.Submission)), reason(r), number(earned), number(of), number(bonus), strconv.FormatUint(r.Seed, 10)}
		if !r.Graded() {
			row[2], row[3], row[4] = "", "", ""
		}
		row = append(row, make([]string, len(heading)-first)...)
		for _, s := range r.Stages {
			for _, c := range s.Checks {
				if !r.Graded() || c.Of() == 0 && !c.Bonus && c.Max > 0 {
					continue
				}
				row[first+slices.Index(heading[first:], c.ID)] = number(c.Points)
			}
		}
		out.Write(row)
	}
	out.Flush()
	return out.Error()
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
