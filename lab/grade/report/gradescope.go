package report

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"pubsublab/lab/grade"
)

// gradescopeResults is results.json as Gradescope's autograder specification
// has it (https://gradescope-autograders.readthedocs.io/en/latest/specs/).
type gradescopeResults struct {
	Score            float64           `json:"score"` // with the bonus: it may exceed the points there are
	ExecutionTime    float64           `json:"execution_time"`
	Output           string            `json:"output"`
	OutputFormat     string            `json:"output_format"`
	TestOutputFormat string            `json:"test_output_format"`
	TestNameFormat   string            `json:"test_name_format"`
	ExtraData        map[string]string `json:"extra_data"`
	Tests            []gradescopeTest  `json:"tests"`
}

type gradescopeTest struct {
	Score     float64           `json:"score"`
	MaxScore  *float64          `json:"max_score,omitempty"` // nil: a bonus, beyond what there is to earn
	Status    string            `json:"status"`
	Name      string            `json:"name"`
	Number    string            `json:"number"`
	Output    string            `json:"output,omitempty"`
	Tags      []string          `json:"tags,omitempty"`
	ExtraData map[string]string `json:"extra_data"`
}

// gradescope makes results.json. All texts are declared plain, so that nothing
// of a submission is rendered. What would be shown as a failed test and is none
// is only mentioned: a bonus that was not found, and what does not count.
//
// An assignment on Gradescope has a fixed number of points. Where some of the
// rubric's do not count, the others are worth more by as much.
func gradescope(r *grade.Result) ([]byte, error) {
	out := gradescopeResults{
		ExecutionTime:    r.Took.Seconds(),
		OutputFormat:     "text",
		TestOutputFormat: "text",
		TestNameFormat:   "text",
		ExtraData:        facts(r),
		Tests:            []gradescopeTest{},
	}
	if !r.Graded() {
		total := round(r.Total())
		out.Output = verdict(r)
		out.Tests = append(out.Tests, gradescopeTest{
			MaxScore: &total, Status: "failed", Name: headline(r), Number: "0", Output: verdict(r),
			ExtraData: map[string]string{"id": "verdict", "status": reason(r)},
		})
		return json.MarshalIndent(out, "", "  ")
	}
	earned, of, bonus := r.Points()
	scale := 1.0
	if of > 0 {
		scale = r.Total() / of
	}
	out.Score = round(earned*scale + bonus)
	var absent, untried []string
	for i, s := range r.Stages {
		for j, c := range s.Checks {
			switch {
			case c.Status == grade.Absent:
				absent = append(absent, clean(c.Title))
				continue
			case !told(c) && c.Of() == 0:
				untried = append(untried, clean(c.Title)+": "+explanation(r, c))
				continue
			}
			out.Tests = append(out.Tests, gradescopeCheck(r, s, c, fmt.Sprintf("%d.%d", i+1, j+1), scale))
		}
	}
	out.Output = fmt.Sprintf("%s points, and %s bonus. To repeat this run: the same command with %s", score(earned, of), number(bonus), repeat(r))
	if text := leftOut(r); text != "" {
		out.Output += "\n" + text + " The others are worth more by as much.\nNot tried:\n- " + strings.Join(untried, "\n- ")
	}
	if len(absent) > 0 {
		out.Output += "\nBonuses not found, which costs nothing: " + strings.Join(absent, "; ")
	}
	for _, remark := range r.Remarks {
		out.Output += "\n" + clean(remark)
	}
	return json.MarshalIndent(out, "", "  ")
}

func gradescopeCheck(r *grade.Result, s grade.Stage, c grade.Check, number string, scale float64) gradescopeTest {
	most := c.Max * scale
	test := gradescopeTest{
		Score:     c.Points * scale,
		MaxScore:  &most,
		Status:    "failed",
		Name:      clean(s.Title) + ": " + clean(c.Title),
		Number:    number,
		Output:    evidence(r, c),
		ExtraData: map[string]string{"id": c.ID, "status": string(c.Status)},
	}
	if c.Status == grade.Passed {
		test.Status = "passed"
	}
	if c.Bonus {
		test.Score, test.MaxScore, test.Tags = c.Points, nil, []string{"bonus"}
	}
	return test
}

// facts says of a run what machines may want to know. The seed is a text: as a
// number it would lose digits in programs that read all numbers as doubles.
func facts(r *grade.Result) map[string]string {
	return map[string]string{
		"submission": clean(r.Submission),
		"verdict":    reason(r),
		"rubric":     clean(r.Rubric),
		"runner":     r.Runner,
		"framing":    framing(r),
		"seed":       strconv.FormatUint(r.Seed, 10),
	}
}
