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
// of a submission is rendered. A bonus that was not found would be shown as a
// failed test, so it is only mentioned.
func gradescope(r *grade.Result) ([]byte, error) {
	earned, of, bonus := r.Points()
	out := gradescopeResults{
		Score:            round(earned + bonus),
		ExecutionTime:    r.Took.Seconds(),
		OutputFormat:     "text",
		TestOutputFormat: "text",
		TestNameFormat:   "text",
		ExtraData:        facts(r),
		Tests:            []gradescopeTest{},
	}
	var absent []string
	for i, s := range r.Stages {
		for j, c := range s.Checks {
			if c.Status == grade.Absent {
				absent = append(absent, clean(c.Title))
				continue
			}
			test := gradescopeTest{
				Score:     c.Points,
				MaxScore:  &c.Max,
				Status:    "failed",
				Name:      clean(s.Title) + ": " + clean(c.Title),
				Number:    fmt.Sprintf("%d.%d", i+1, j+1),
				Output:    evidence(r, c),
				ExtraData: map[string]string{"id": c.ID, "status": string(c.Status)},
			}
			if c.Status == grade.Passed {
				test.Status = "passed"
			}
			if c.Bonus {
				test.MaxScore, test.Tags = nil, []string{"bonus"}
			}
			out.Tests = append(out.Tests, test)
		}
	}
	out.Output = fmt.Sprintf("%s points, and %s bonus. To repeat this run: the same command with %s", score(earned, of), number(bonus), repeat(r))
	if len(absent) > 0 {
		out.Output += "\nBonuses not found, which costs nothing: " + strings.Join(absent, "; ")
	}
	return json.MarshalIndent(out, "", "  ")
}

// facts says of a run what machines may want to know. The seed is a text: as a
// number it would lose digits in programs that read all numbers as doubles.
func facts(r *grade.Result) map[string]string {
	return map[string]string{
		"submission": clean(r.Submission),
		"rubric":     clean(r.Rubric),
		"runner":     r.Runner,
		"framing":    framing(r),
		"seed":       strconv.FormatUint(r.Seed, 10),
	}
}
