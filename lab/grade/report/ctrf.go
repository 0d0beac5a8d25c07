package report

import (
	"encoding/json"
	"time"

	"pubsublab/lab/grade"
)

// ctrfReport is ctrf.json, the Common Test Report Format
// (https://github.com/ctrf-io/ctrf). Times are in milliseconds.
type ctrfReport struct {
	ReportFormat string      `json:"reportFormat"`
	SpecVersion  string      `json:"specVersion"`
	Timestamp    string      `json:"timestamp"`
	GeneratedBy  string      `json:"generatedBy"`
	Results      ctrfResults `json:"results"`
}

type ctrfResults struct {
	Tool struct {
		Name string `json:"name"`
	} `json:"tool"`
	Summary ctrfSummary       `json:"summary"`
	Tests   []ctrfTest        `json:"tests"`
	Extra   map[string]string `json:"extra"`
}

type ctrfSummary struct {
	Tests    int                `json:"tests"`
	Passed   int                `json:"passed"`
	Failed   int                `json:"failed"`
	Skipped  int                `json:"skipped"`
	Pending  int                `json:"pending"`
	Other    int                `json:"other"`
	Suites   int                `json:"suites"`
	Start    int64              `json:"start"`
	Stop     int64              `json:"stop"`
	Duration int64              `json:"duration"`
	Extra    map[string]float64 `json:"extra"`
}

type ctrfTest struct {
	Name      string    `json:"name"`
	Status    string    `json:"status"`
	RawStatus string    `json:"rawStatus"`
	Duration  int64     `json:"duration"`
	Suite     []string  `json:"suite"`
	Message   string    `json:"message,omitempty"`
	Trace     string    `json:"trace,omitempty"`
	Tags      []string  `json:"tags,omitempty"`
	Extra     ctrfExtra `json:"extra"`
}

type ctrfExtra struct {
	ID        string  `json:"id"`
	From      string  `json:"from,omitempty"` // the sentences of the assignment
	Points    float64 `json:"points"`
	Max       float64 `json:"max"`
	Counts    float64 `json:"counts"` // Max, or 0 where it does not count
	Cause     string  `json:"cause,omitempty"`
	BlockedBy string  `json:"blockedBy,omitempty"`
	Runs      int     `json:"runs,omitempty"`  // where luck decides
	Wrong     int     `json:"wrong,omitempty"` // in how many of them it failed
}

// ctrf makes ctrf.json. What was not tried and bonuses that were not found are
// skipped. A submission that was not graded has one more test, which is neither
// passed nor failed.
func ctrf(r *grade.Result) ([]byte, error) {
	earned, of, bonus := r.Points()
	out := ctrfReport{
		ReportFormat: "CTRF",
		SpecVersion:  "0.1.0",
		Timestamp:    r.Began.Add(r.Took).UTC().Format(time.RFC3339),
		GeneratedBy:  "pubsublab",
	}
	out.Results.Tool.Name = "pubsublab"
	out.Results.Extra = facts(r)
	out.Results.Tests = []ctrfTest{}
	sum := &out.Results.Summary
	sum.Suites = len(r.Stages)
	if !r.Graded() {
		sum.Suites, sum.Tests, sum.Other = sum.Suites+1, 1, 1
		out.Results.Tests = append(out.Results.Tests, ctrfTest{
			Name: "The submission can be graded", Status: "other", RawStatus: reason(r), Duration: r.Took.Milliseconds(),
			Suite: []string{"The submission"}, Message: clean(r.Why), Trace: verdict(r), Extra: ctrfExtra{ID: "verdict"},
		})
	}
	sum.Start = r.Began.UnixMilli()
	sum.Stop = r.Began.Add(r.Took).UnixMilli()
	sum.Duration = r.Took.Milliseconds()
	sum.Extra = map[string]float64{"points": round(earned), "max": round(of), "bonus": round(bonus)}
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			test := ctrfTest{
				Name:      clean(c.Title),
				RawStatus: string(c.Status),
				Duration:  c.Took.Milliseconds(),
				Suite:     []string{clean(s.Title)},
				Message:   explanation(r, c),
				Trace:     conversation(c.Excerpt),
				Extra: ctrfExtra{
					ID: c.ID, From: c.From, Points: c.Points, Max: c.Max, Counts: c.Of(), Cause: clean(c.Cause), BlockedBy: c.BlockedBy,
					Runs: c.Runs, Wrong: c.Wrong,
				},
			}
			if c.Bonus {
				test.Tags = []string{"bonus"}
			}
			sum.Tests++
			switch c.Status {
			case grade.Passed:
				test.Status = "passed"
				sum.Passed++
			case grade.Failed:
				test.Status = "failed"
				sum.Failed++
			default:
				test.Status = "skipped"
				sum.Skipped++
			}
			out.Results.Tests = append(out.Results.Tests, test)
		}
	}
	return json.MarshalIndent(out, "", "  ")
}
