package class

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"time"

	"pubsublab/lab/grade"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/report"
)

//go:embed class.html
var pageSource string

//go:embed class.js
var pageScript string

// policy lets the page's own script run, and nothing that a submission brings.
func policy() string {
	sum := sha256.Sum256([]byte(pageScript))
	return fmt.Sprintf("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:]))
}

var pageTemplate = template.Must(template.New("class").Funcs(report.Funcs()).Funcs(template.FuncMap{
	"percent": func(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) },
	"link":    func(name string) string { return url.PathEscape(name) + "/report.html" },
	"title":   checkTitle,
	"count":   harness.Count,
	"add":     func(a, b int) int { return a + b },
	"tens":    func(n int) int { return 10 * n },
	"lines":   report.Lines,
	"policy":  policy,
	"script":  func() template.HTML { return template.HTML("<script>" + pageScript + "</script>") },
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) },
}).Parse(pageSource))

// page is what class.html shows.
type page struct {
	Submissions int // in the class
	Written     time.Time
	Rows        []Row // what is graded so far
	Pairs       []Pair
}

// Row is a submission in the page.
type Row struct {
	*grade.Result
	How []string // the commands that start it
}

func (p page) render() ([]byte, error) {
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, p)
	return b.Bytes(), err
}

// Earned is the row's points as the table shows them.
func (r Row) Earned() float64 {
	earned, _, _ := r.Points()
	return earned
}

// Counts is what the row could have earned.
func (r Row) Counts() float64 {
	_, of, _ := r.Points()
	return of
}

// Extra is the bonus.
func (r Row) Extra() float64 {
	_, _, bonus := r.Points()
	return bonus
}

// Cell is what a check came to for a row; nil where it was not asked for.
func (r Row) Cell(id string) *grade.Check {
	for _, s := range r.Stages {
		for i := range s.Checks {
			if s.Checks[i].ID == id {
				return &s.Checks[i]
			}
		}
	}
	return nil
}

// Checks are the IDs of all checks, in the order of the rubric.
func (p page) Checks() []string {
	var ids []string
	for _, r := range p.Rows {
		for _, s := range r.Stages {
			for _, c := range s.Checks {
				if !slices.Contains(ids, c.ID) {
					ids = append(ids, c.ID)
				}
			}
		}
	}
	return ids
}

// checkTitle is what a check expects, in words.
func checkTitle(p page, id string) string {
	for _, r := range p.Rows {
		if c := r.Cell(id); c != nil {
			return c.Title
		}
	}
	return id
}

// Count is how many submissions have a verdict.
func (p page) Count(v grade.Verdict) int {
	n := 0
	for _, r := range p.Rows {
		if r.Verdict == v {
			n++
		}
	}
	return n
}

// Verdicts are those that occur.
func (p page) Verdicts() []grade.Verdict {
	all := []grade.Verdict{grade.Graded, grade.NotUnderstood, grade.NotStarted, grade.Stopped}
	return slices.DeleteFunc(all, func(v grade.Verdict) bool { return p.Count(v) == 0 })
}

// Span is how many columns there are for checks.
func (p page) Span() int { return max(len(p.Checks()), 1) }

// When says when the page was written.
func (p page) When() string { return p.Written.UTC().Format("2 January 2006, 15:04 UTC") }

// Left are the submissions that have not been graded yet.
func (p page) Left() int { return p.Submissions - len(p.Rows) }

// Median is the middle one of the shares, in percent, and of the times of those that were graded.
func (p page) Median() (middle struct {
	Percent float64
	Took    time.Duration
}) {
	var percents []float64
	var times []time.Duration
	for _, r := range p.Rows {
		if r.Graded() {
			percents, times = append(percents, r.Percent()), append(times, r.Took)
		}
	}
	if len(percents) == 0 {
		return middle
	}
	slices.Sort(percents)
	slices.Sort(times)
	middle.Percent, middle.Took = percents[len(percents)/2], times[len(times)/2]
	return middle
}

// fault is a check that some submissions failed.
type fault struct {
	ID    string
	Title string
	Names []string
}

// Faults are the checks that failed, the most common first.
func (p page) Faults() []fault {
	var faults []fault
	for _, id := range p.Checks() {
		f := fault{ID: id, Title: checkTitle(p, id)}
		for _, r := range p.Rows {
			if c := r.Cell(id); c != nil && c.Status == grade.Failed && r.Graded() {
				f.Names = append(f.Names, r.Submission)
			}
		}
		if len(f.Names) > 0 {
			faults = append(faults, f)
		}
	}
	slices.SortStableFunc(faults, func(a, b fault) int { return cmp.Compare(len(b.Names), len(a.Names)) })
	return faults
}

// Tenths are how many of the graded have 0 to 10 %, 10 to 20 %, and so on.
func (p page) Tenths() [10]int {
	var tenths [10]int
	for _, r := range p.Rows {
		if r.Graded() {
			tenths[min(int(r.Percent()/10), 9)]++
		}
	}
	return tenths
}
