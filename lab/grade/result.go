// Package grade runs somebody's implementation of the assignment, in whatever language, through
// checks that build on each other, and says what works, what does not, and why.
//
// It imports nothing of what it could be asked to grade, so that it cannot share its mistakes.
package grade

import (
	"math"
	"time"

	"pubsublab/lab/grade/harness"
)

// Result is what grading one submission found. It is plain data: all reports
// are made from it alone.
type Result struct {
	Submission string // its name, or the commands that start it
	Runner     string // "containers" or "processes"
	Rubric     string // the title of the rubric
	Seed       uint64 // repeats the run
	Began      time.Time
	Took       time.Duration
	Framing    string // how the submission tells messages apart, as found out: "lines", "reads", or "" when that could not be found out

	Verdict Verdict        // of the submission as a whole
	Why     string         // one sentence on why it was not graded; empty when it was
	Tried   []string       // what was tried of it before that was given up, in order; empty when it was graded
	Excerpt []harness.Step // what it did and printed last, where it was not graded
	Remarks []string       // what a reader should know of the run, a sentence each: what it cost, what was left out

	Stages []Stage
}

// Verdict is what became of a submission as a whole.
type Verdict string

// What can become of a submission. Anything but Graded is no statement about how good it is, and no
// number of points: a person has to look.
const (
	Graded        Verdict = "graded"
	NotUnderstood Verdict = "not understood"       // it runs, and no message of the grader's arrived in any way that was tried
	NotStarted    Verdict = "could not be started" // its server never took a connection
	Stopped       Verdict = "stopped"              // the grader was, or failed, before it was done
)

// Graded reports whether the points mean something.
func (r *Result) Graded() bool { return r.Verdict == Graded }

// Points returns the points earned and those that count, both without bonus points, and the bonus
// points earned on top. All are 0 where the submission was not graded.
//
// What could not be tried does not count: see [Check.Of].
func (r *Result) Points() (earned, of, bonus float64) {
	if !r.Graded() {
		return 0, 0, 0
	}
	for _, s := range r.Stages {
		e, o, b := s.Points()
		earned, of, bonus = earned+e, of+o, bonus+b
	}
	return earned, of, bonus
}

// Total is what the rubric has to earn, without bonus points, whether or not it could be tried.
func (r *Result) Total() float64 {
	total := 0.0
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if !c.Bonus {
				total += c.Max
			}
		}
	}
	return total
}

// Percent is how much was earned of what counts, without the bonus; 0 where nothing counts.
func (r *Result) Percent() float64 {
	earned, of, _ := r.Points()
	if of == 0 {
		return 0
	}
	return 100 * earned / of
}

// Under reports whether less than so many percent of what counts was earned. It compares whole
// hundredths, so that exactly 75 % is not under 75. What was not graded is under everything.
func (r *Result) Under(percent float64) bool {
	if !r.Graded() {
		return true
	}
	hundredths := func(x float64) int64 { return int64(math.Round(100 * x)) }
	earned, of, _ := r.Points()
	return hundredths(earned)*100*100 < hundredths(percent)*hundredths(of)
}

// Stage is a group of checks about one thing.
type Stage struct {
	ID     string // as in the rubric: "server"
	Title  string // "The server"
	Checks []Check
}

// Points is [Result.Points] of one stage, whatever the verdict.
func (s Stage) Points() (earned, of, bonus float64) {
	for _, c := range s.Checks {
		if c.Bonus {
			bonus += c.Points
			continue
		}
		earned += c.Points
		of += c.Of()
	}
	return earned, of, bonus
}

// Status is how a check ended.
type Status string

// How a check can end.
const (
	Passed   Status = "passed"
	Failed   Status = "failed"
	Blocked  Status = "blocked"   // a check it builds on failed, or one in whose faults it fails, too
	NotTried Status = "not tried" // the grader could not: What says why
	Absent   Status = "absent"    // a bonus that the submission does not have
)

// Check is one thing that was looked at.
type Check struct {
	ID        string // as in the rubric: "order-per-publisher"
	Title     string // what is expected, in a few words: "messages of one publisher stay in order"
	From      string // the sentences of the assignment that demand it: "A7", "A4, A10"
	Status    Status
	Points    float64 // earned
	Max       float64
	Bonus     bool // detected, never demanded; Max is not counted in what there is to earn
	Took      time.Duration
	What      string         // one sentence on what happened; empty when passed, or blocked and not tried
	Cause     string         // the likely cause, in the words of the course; empty when passed or not known
	BlockedBy string         // ID of the check that has to pass first, or in which the same fault showed
	Charged   bool           // blocked, and counted all the same: what blocks it is the foundation without which there is nothing
	Runs      int            // how often it was tried, where luck decides; 0 where it was tried once
	Wrong     int            // in how many of the Runs it failed
	Excerpt   []harness.Step // the smallest part of the conversation that shows it, in the order of time
}

// Of is how much the check counts in what there is to earn: nothing when it is a bonus or could not
// be tried, so that one fault is one loss, unless it rests on a foundation that is missing.
func (c Check) Of() float64 {
	if c.Bonus || c.Status == NotTried || c.Status == Blocked && !c.Charged {
		return 0
	}
	return c.Max
}
