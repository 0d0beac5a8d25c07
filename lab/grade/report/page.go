package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"pubsublab/lab/grade"
	"pubsublab/lab/internal/spacetime"
)

//go:embed report.html
var pageSource string

// Funcs are what pages about submissions share: clean shows hidden characters, number writes points,
// mark is the sign of a status, style the CSS.
func Funcs() template.FuncMap {
	return template.FuncMap{
		"clean":  clean,
		"number": number,
		"mark":   func(s grade.Status) string { return marks[s] },
		"style":  func() template.CSS { return spacetime.Style },
	}
}

var pageTemplate = template.Must(spacetime.Figures(template.New("report").Funcs(Funcs()).Funcs(template.FuncMap{
	"points": points,
	"score":  stageScore,
	"told":   told,
})).Parse(pageSource))

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

// Share is how much was earned of what counts, in percent.
func (v view) Share() float64 {
	if v.Of == 0 && v.Graded() {
		return 100
	}
	return v.Percent()
}

// Headline is the verdict of a submission that was not graded.
func (v view) Headline() string { return headline(v.Result) }

// Out says what of the rubric does not count.
func (v view) Out() string { return leftOut(v.Result) }

// When says when the run began, and how long it took.
func (v view) When() string {
	return fmt.Sprintf("%s, in %.0f s", v.Began.UTC().Format("2 January 2006, 15:04 UTC"), v.Took.Seconds())
}

// HowFramed says how the submission tells messages apart.
func (v view) HowFramed() string { return framing(v.Result) }

// Repeat says how to repeat the run.
func (v view) Repeat() string { return repeat(v.Result) }

// Explain says why a check did not pass.
func (v view) Explain(c grade.Check) string { return explanation(v.Result, c) }

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
