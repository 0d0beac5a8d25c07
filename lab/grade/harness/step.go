package harness

import "pubsublab/lab/internal/spacetime"

// A Step is one thing that happened between two participants, as a diagram shows it. Times are
// counted from the beginning of the check.
type Step = spacetime.Step

// Kind is what a Step is.
type Kind = spacetime.Kind

// The kinds of steps.
const (
	Connects = spacetime.Connects
	Sends    = spacetime.Sends
	Missing  = spacetime.Missing
	Wrong    = spacetime.Wrong
	Closes   = spacetime.Closes
	Resets   = spacetime.Resets
	Prints   = spacetime.Prints
	Exits    = spacetime.Exits
	Notes    = spacetime.Notes
)
