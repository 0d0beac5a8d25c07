// Package grade runs somebody's implementation of the assignment, in whatever
// language, through checks that build on each other, and says what works, what
// does not, and why.
//
// It imports nothing of what it could be asked to grade, so that it cannot
// share its mistakes.
package grade

import "time"

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
	Stages     []Stage
}

// Points returns the points earned and those there were to earn, both without
// bonus points, and the bonus points earned on top.
func (r *Result) Points() (earned, of, bonus float64) {
	for _, s := range r.Stages {
		for _, c := range s.Checks {
			if c.Bonus {
				bonus += c.Points
				continue
			}
			earned += c.Points
			of += c.Max
		}
	}
	return earned, of, bonus
}

// Stage is a group of checks about one thing.
type Stage struct {
	ID     string // as in the rubric: "server"
	Title  string // "The server"
	Checks []Check
}

// Status is how a check ended.
type Status string

// How a check can end.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Blocked Status = "blocked" // not tried: a check it builds on failed
	Absent  Status = "absent"  // a bonus that the submission does not have
)

// Check is one thing that was looked at.
type Check struct {
	ID        string // as in the rubric: "order-per-publisher"
	Title     string // what is expected, in a few words: "messages of one publisher stay in order"
	Status    Status
	Points    float64 // earned
	Max       float64
	Bonus     bool // detected, never demanded; Max is not counted in what there is to earn
	Took      time.Duration
	What      string // one sentence on what happened; empty when passed
	Cause     string // the likely cause, in the words of the course; empty when passed or not known
	BlockedBy string // ID of the check that has to pass first
	Slice     []Step // the smallest part of the conversation that shows it, in the order of time
}

// Kind is what a Step is.
type Kind string

// The kinds of steps.
const (
	Connects Kind = "connects" // From opens a connection to To
	Sends    Kind = "sends"    // Data went from From to To
	Missing  Kind = "missing"  // Data should have gone from From to To, and did not
	Wrong    Kind = "wrong"    // Data went from From to To, and should not have
	Closes   Kind = "closes"   // From ended its connection to To in an orderly way
	Resets   Kind = "resets"   // From ended its connection to To at once
	Prints   Kind = "prints"   // From wrote Data to its output; To is empty
	Exits    Kind = "exits"    // From ended; Data says how
	Notes    Kind = "notes"    // Data is a remark of the grader's: "waited 3 s"
)

// Step is one thing that happened between two participants.
type Step struct {
	At       time.Duration // since the check began
	Kind     Kind
	From, To string // participants: "server", "publisher 1", "subscriber 2"
	Data     []byte // as it was sent, cut to a length that can be read; may hold any bytes
}
