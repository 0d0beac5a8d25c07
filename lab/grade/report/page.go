package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"pubsublab/lab/grade"
)

//go:embed report.html
var pageSource string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"clean":    clean,
	"number":   number,
	"at":       at,
	"sentence": sentence,
	"points":   points,
	"score":    stageScore,
	"diagram":  newDiagram,
	"mark":     func(s grade.Status) string { return marks[s] },
	"add":      func(a, b int) int { return a + b },
}).Parse(pageSource))

// view is what the page shows.
type view struct {
	*grade.Result
	Earned, Of, Bonus float64
}

// page makes report.html: one file that needs no other and no network.
func page(r *grade.Result) ([]byte, error) {
	v := view{Result: r}
	v.Earned, v.Of, v.Bonus = r.Points()
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Percent is how much was earned of what there was.
func (v view) Percent() float64 {
	if v.Of == 0 {
		return 100
	}
	return 100 * v.Earned / v.Of
}

// When says when the run began, and how long it took.
func (v view) When() string {
	return fmt.Sprintf("%s, in %.0f s", v.Began.UTC().Format("2 January 2006, 15:04 UTC"), v.Took.Seconds())
}

// HowFramed says how the submission tells messages apart.
func (v view) HowFramed() string { return framing(v.Result) }

// Repeat says how to repeat the run.
func (v view) Repeat() string { return repeat(v.Result) }

// Why says why a check did not pass.
func (v view) Why(c grade.Check) string { return explanation(v.Result, c) }

// Blocker is the title of the check that a blocked one waits for.
func (v view) Blocker(c grade.Check) string { return title(v.Result, c.BlockedBy) }

// Failures are the checks that failed, in their order.
func (v view) Failures() []grade.Check {
	var failed []grade.Check
	for _, s := range v.Stages {
		for _, c := range s.Checks {
			if c.Status == grade.Failed {
				failed = append(failed, c)
			}
		}
	}
	return failed
}
