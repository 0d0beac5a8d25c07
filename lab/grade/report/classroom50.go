package report

import (
	"encoding/json"
	"math"
	"time"

	"pubsublab/lab/grade"
)

// classroom50Result is result.json as Classroom 50 wants it, classroom50/result/v1
// (https://github.com/foundation50/classroom50/wiki/Advanced-Autograding).
type classroom50Result struct {
	Schema         string            `json:"schema"`
	Classroom      string            `json:"classroom"`
	Assignment     string            `json:"assignment"`
	AssignmentType string            `json:"assignment_type"`
	Owner          string            `json:"owner"`
	Submission     string            `json:"submission"`
	Commit         string            `json:"commit"`
	Release        string            `json:"release"`
	Review         string            `json:"review"`
	Datetime       string            `json:"datetime"`
	GradedAt       string            `json:"graded_at"`
	Score          int               `json:"score"`
	MaxScore       int               `json:"max-score"`
	Tests          []classroom50Test `json:"tests"`
}

type classroom50Test struct {
	Name     string  `json:"test-name"`
	Passed   bool    `json:"passed"`
	Score    int     `json:"score"`
	MaxScore int     `json:"max-score"`
	ID       string  `json:"id"`
	Status   string  `json:"status"`
	Points   float64 `json:"points"` // as in the rubric
	Bonus    bool    `json:"bonus"`
	Output   string  `json:"output,omitempty"`
}

// classroom50 makes result.json. The environment says whose submission it is;
// outside of Classroom 50 it says "unknown". What does not count is left out, and a
// submission that was not graded is one test that failed and says why. Two things
// do not fit its contract:
//
//   - Scores are whole numbers. When the rubric's are not, all are given in
//     tenths or hundredths of a point, so that the share earned stays right.
//   - No score may exceed its maximum. A bonus that was found is a test that
//     passed with 0 of 0; its points stand beside, for the teacher to add. One
//     that was not found is left out, since one failed test fails the submission.
func classroom50(r *grade.Result, env func(string) string) ([]byte, error) {
	get := func(names ...string) string {
		for _, name := range names {
			if value := env(name); value != "" {
				return clean(value)
			}
		}
		return "unknown"
	}
	out := classroom50Result{
		Schema:         "classroom50/result/v1",
		Classroom:      get("CLASSROOM"),
		Assignment:     get("ASSIGNMENT"),
		AssignmentType: get("ASSIGNMENT_TYPE"),
		Owner:          get("OWNER", "USERNAME"),
		Submission:     get("SUBMISSION_TAG"),
		Commit:         get("COMMIT_URL"),
		Release:        get("RELEASE_URL"),
		Review:         get("REVIEW_URL", "COMMIT_URL"),
		Datetime:       r.Began.UTC().Format(time.RFC3339),
		GradedAt:       r.Began.Add(r.Took).UTC().Format(time.RFC3339),
		Tests:          []classroom50Test{},
	}
	if out.AssignmentType == "unknown" {
		out.AssignmentType = "individual"
	}
	if out.Submission == "unknown" {
		out.Submission = "submit/unknown"
	}
	scale := wholeScale(r)
	if !r.Graded() {
		out.MaxScore = max(1, int(math.Round(r.Total()*scale)))
		out.Tests = append(out.Tests, classroom50Test{
			Name: headline(r), MaxScore: out.MaxScore, ID: "verdict", Status: reason(r), Output: verdict(r),
		})
		return json.MarshalIndent(out, "", "  ")
	}
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if c.Status == grade.Absent || !told(c) && c.Of() == 0 {
				continue
			}
			test := classroom50Test{
				Name:   clean(s.Title) + ": " + clean(c.Title),
				Passed: c.Status == grade.Passed,
				ID:     c.ID,
				Status: string(c.Status),
				Points: c.Points,
				Bonus:  c.Bonus,
				Output: evidence(r, c),
			}
			if c.Bonus {
				test.Name += " (bonus: " + number(c.Points) + ")"
			} else {
				test.Score = int(math.Round(c.Points * scale))
				test.MaxScore = int(math.Round(c.Max * scale))
			}
			out.Score += test.Score
			out.MaxScore += test.MaxScore
			out.Tests = append(out.Tests, test)
		}
	}
	return json.MarshalIndent(out, "", "  ")
}

// wholeScale returns the smallest of 1, 10 and 100 that makes all points of the
// rubric whole numbers, and 100 when none does. It is the same for everyone who
// is graded by that rubric.
func wholeScale(r *grade.Result) float64 {
	whole := func(scale float64) bool {
		for _, s := range r.Stages {
			for _, c := range s.Checks {
				if !c.Bonus && math.Abs(c.Max*scale-math.Round(c.Max*scale)) > 1e-6 {
					return false
				}
			}
		}
		return true
	}
	for _, scale := range []float64{1, 10} {
		if whole(scale) {
			return scale
		}
	}
	return 100
}
