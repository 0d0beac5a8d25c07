package grade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/grade/checks"
	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/grade/rubric"
)

// Options say how to grade.
type Options struct {
	Name    string         // of the submission, for the reports
	Seed    uint64         // of the random words in messages
	Rubric  *rubric.Rubric // nil: the default one
	Timeout time.Duration  // 0: DefaultTimeout
	Doubt   string         // a sentence on why the runner may not start the right programs; empty: it does
	// Progress is told before each check how many are done, of how many, and what is next. It may
	// be nil.
	Progress func(done, of int, next string)
}

// Known are the IDs of the checks there are.
func Known() []string {
	ids := make([]string, len(checks.All))
	for i, c := range checks.All {
		ids[i] = c.ID
	}
	return ids
}

// Grade runs a submission through the checks of a rubric. A submission that does nothing right is
// no error; an error is that the grader could not do its work, or that ctx ended: what was found
// until then comes with it. The caller closes the runner.
func Grade(ctx context.Context, run runner.Runner, o Options) (*Result, error) {
	if o.Rubric == nil {
		var err error
		if o.Rubric, err = rubric.Default(Known()); err != nil {
			return nil, err
		}
	}
	if o.Timeout == 0 {
		o.Timeout = harness.DefaultTimeout
	}
	suite := checks.NewSuite(harness.Config{Runner: run, Seed: o.Seed, Timeout: o.Timeout, Told: o.Rubric.Dialect})
	defer suite.Close()
	began := time.Now()
	outcomes, stopped := runAll(ctx, suite, plan(o.Rubric, run.HasClient()), o.Progress)
	if outcomes == nil {
		return nil, stopped
	}
	r := &Result{
		Submission: o.Name, Runner: run.Kind(), Rubric: o.Rubric.Title, Seed: o.Seed,
		Began: began, Took: time.Since(began), Framing: suite.Dialect.Framing, Verdict: Graded,
	}
	if stopped == nil {
		judge(r, outcomes, suite, o.Doubt)
	} else {
		r.Verdict, r.Why = Stopped, "The grader was interrupted."
		if !errors.Is(stopped, context.Canceled) {
			r.Why = harness.Sentence(stopped.Error())
		}
	}
	if how := suite.Dialect.Remark(); how != "" {
		r.Remarks = append(r.Remarks, how)
	}
	if count, each := suite.Starts(); each > harness.LateStart {
		all := time.Duration(count) * each
		r.Remarks = append(r.Remarks, fmt.Sprintf("The server takes %.1f s until it accepts a connection, and was started %s, which is %.0f s of waiting, some of it at the same time.",
			each.Seconds(), harness.Count(count, "time"), all.Seconds()))
	}
	for _, s := range o.Rubric.Stages {
		r.Stages = append(r.Stages, stage(s, outcomes))
	}
	r.Remarks = append(r.Remarks, crashes(r.Stages)...)
	r.Stages = slices.DeleteFunc(r.Stages, func(s Stage) bool { return len(s.Checks) == 0 })
	return r, stopped
}

// crashes are remarks on extras of which the server ended: it costs nothing, and its author should know.
func crashes(stages []Stage) (remarks []string) {
	for _, s := range stages {
		for _, c := range s.Checks {
			if c.Status == Absent && strings.HasPrefix(c.What, "The server ended") {
				remarks = append(remarks, fmt.Sprintf("%s That was when “%s” was tried, an extra, so it costs nothing.", c.What, c.Title))
			}
		}
	}
	return remarks
}

// plan is the checks that the rubric asks for and those they build on, in the order of the
// catalogue, without those about a client where there is none.
func plan(r *rubric.Rubric, hasClient bool) []checks.Check {
	wanted := map[string]bool{}
	var want func(id string)
	want = func(id string) {
		if c := checks.Find(id); !wanted[id] && (!c.Client || hasClient) {
			wanted[id] = true
			for _, below := range c.Needs {
				want(below)
			}
		}
	}
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			want(c.ID)
		}
	}
	var plan []checks.Check
	for _, c := range checks.All {
		if wanted[c.ID] {
			plan = append(plan, c)
		}
	}
	return plan
}

// stage is a stage of the rubric with what its checks came to.
func stage(s rubric.Stage, outcomes map[string]*outcome) Stage {
	stage := Stage{ID: s.ID, Title: s.Title}
	for _, want := range s.Checks {
		o := outcomes[want.ID]
		if o == nil {
			continue // about a client, and there is none
		}
		known := checks.Find(want.ID)
		c := Check{
			ID: want.ID, Title: known.Title, From: known.From, Status: o.status, Max: want.Points, Bonus: want.Bonus, Took: o.took,
			What: o.finding.What, Cause: o.finding.Cause, BlockedBy: o.blockedBy, Excerpt: o.finding.Excerpt,
			Charged: o.charged, Runs: o.runs, Wrong: o.wrong,
		}
		switch {
		case c.Status == Passed:
			c.Points = c.Max
		case c.Bonus && c.Status != Absent:
			c.Status = Absent // nobody demanded it
		case !c.Bonus && c.Status == Absent:
			c.Status = Failed // this rubric demands it
			if c.What == "" {
				c.What = "Nothing of it was found."
			}
		}
		stage.Checks = append(stage.Checks, c)
	}
	return stage
}
