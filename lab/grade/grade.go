package grade

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"pubsublab/lab/grade/rubric"
	"pubsublab/lab/grade/runner"
)

// Patience is how long the grader waits, unless told otherwise, before it takes something for absent.
const Patience = 4 * time.Second

// checkLimit bounds one check.
const checkLimit = 90 * time.Second

// Options say how to grade.
type Options struct {
	Name     string         // of the submission, for the reports
	Seed     uint64         // of the random words in messages
	Rubric   *rubric.Rubric // nil: the default one
	Patience time.Duration  // 0: Patience
	// Progress is told before each check how many are done, of how many, and what is next. It may be nil.
	Progress func(done, of int, next string)
}

// Known are the IDs of the checks there are.
func Known() []string {
	ids := make([]string, len(catalogue))
	for i, c := range catalogue {
		ids[i] = c.id
	}
	return ids
}

// Grade runs a submission through the checks of a rubric. A submission that does nothing right is no error; an error is that the
// grader could not do its work, or that ctx ended. The caller closes the runner.
func Grade(ctx context.Context, run runner.Runner, o Options) (*Result, error) {
	if o.Rubric == nil {
		var err error
		if o.Rubric, err = rubric.Default(Known()); err != nil {
			return nil, err
		}
	}
	if o.Patience == 0 {
		o.Patience = Patience
	}
	g := &grader{run: run, seed: o.Seed, patience: o.Patience, outcomes: map[string]*outcome{}}
	defer g.close()
	began := time.Now()
	plan := g.plan(o.Rubric)
	for i, c := range plan {
		if o.Progress != nil {
			o.Progress(i, len(plan), c.title)
		}
		if err := g.check(ctx, c); err != nil {
			return nil, err
		}
	}
	if o.Progress != nil {
		o.Progress(len(plan), len(plan), "")
	}
	r := &Result{
		Submission: o.Name, Runner: run.Kind(), Rubric: o.Rubric.Title, Seed: o.Seed,
		Began: began, Took: time.Since(began), Framing: g.dialect.framing,
	}
	for _, s := range o.Rubric.Stages {
		r.Stages = append(r.Stages, g.stage(s))
	}
	r.Stages = slices.DeleteFunc(r.Stages, func(s Stage) bool { return len(s.Checks) == 0 })
	return r, nil
}

// grader grades one submission.
type grader struct {
	run      runner.Runner
	seed     uint64
	patience time.Duration
	outcomes map[string]*outcome // by ID, of those that ran or were blocked

	dialect dialect  // filled in by prompted and learn
	asked   bool     // whether it asks for the role is known
	lobby   *room    // of the first checks
	traffic *traffic // what the checks of the integration are about; made by the first of them
}

func (g *grader) close() {
	if g.lobby != nil {
		g.lobby.close()
	}
}

// random is a source for a label: the same seed makes the same words, whatever else runs.
func (g *grader) random(label string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(label))
	return rand.New(rand.NewPCG(g.seed, h.Sum64()))
}

// finding is what is wrong; nil when nothing is.
type finding struct {
	what, cause string
	slice       []Step
}

// errAbsent is returned by checks for a bonus that is not there.
var errAbsent = errors.New("absent")

// outcome is what a check came to.
type outcome struct {
	status    Status
	finding   finding
	blockedBy string
	took      time.Duration
}

// plan is the checks that the rubric asks for and those they build on, in the order of the catalogue, without those
// about a client where there is none.
func (g *grader) plan(r *rubric.Rubric) []check {
	wanted := map[string]bool{}
	var want func(id string)
	want = func(id string) {
		if c := find(id); !wanted[id] && (!c.client || g.run.HasClient()) {
			wanted[id] = true
			for _, below := range c.needs {
				want(below)
			}
		}
	}
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			want(c.ID)
		}
	}
	var plan []check
	for _, c := range catalogue {
		if wanted[c.id] {
			plan = append(plan, c)
		}
	}
	return plan
}

func (g *grader) check(ctx context.Context, c check) error {
	o := &outcome{status: Passed}
	g.outcomes[c.id] = o
	for _, id := range c.needs {
		if below := g.outcomes[id]; below.status != Passed {
			o.status, o.blockedBy = Blocked, id
			if below.status == Blocked {
				o.blockedBy = below.blockedBy
			}
			o.finding.what = fmt.Sprintf("Not tried, because %q has to pass first.", find(o.blockedBy).title)
			return nil
		}
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	f, err := c.run(limited, g)
	o.took = time.Since(began)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errAbsent):
		o.status = Absent
	case errors.Is(err, errStart):
		o.status, o.finding.what = Failed, sentence(err.Error())
	case err != nil:
		return fmt.Errorf("%s: %w", c.id, err)
	case f != nil:
		o.status, o.finding = Failed, *f
		if c.bonus {
			o.status = Absent
		}
	}
	return nil
}

// stage is a stage of the rubric with what its checks came to.
func (g *grader) stage(s rubric.Stage) Stage {
	stage := Stage{ID: s.ID, Title: s.Title}
	for _, want := range s.Checks {
		o := g.outcomes[want.ID]
		if o == nil {
			continue // about a client, and there is none
		}
		c := Check{
			ID: want.ID, Title: find(want.ID).title, Status: o.status, Max: want.Points, Bonus: want.Bonus, Took: o.took,
			What: o.finding.what, Cause: o.finding.cause, BlockedBy: o.blockedBy, Slice: o.finding.slice,
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
