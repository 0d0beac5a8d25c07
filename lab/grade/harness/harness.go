// Package harness runs the programs of a submission and talks to them: it starts the server and the
// client, opens connections of its own in the submission's dialect, relays and records what is
// said, and cuts the excerpts that reports show.
package harness

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/runner"
)

// DefaultTimeout is how long the grader waits, unless told otherwise, before it takes something
// for absent.
const DefaultTimeout = 4 * time.Second

// Config says what a harness works on.
type Config struct {
	Runner  runner.Runner    // starts the submission's programs; whoever made it closes it
	Seed    uint64           // of the random words in messages
	Timeout time.Duration    // how long the harness waits before it takes something for absent
	Pace    *Pace            // what the submission was seen to need; New makes one where there is none
	Told    *dialect.Dialect // that the instructor gave; nil: none
}

// Harness runs the programs of one submission and talks to them. It is for one goroutine at a time.
type Harness struct {
	Config
	Fixed []string // where the server listens, whatever it is told; empty: where it is told
	Apart bool     // each run of the server has a network of its own, where it and its clients find any port free
	// Together says that clients share the network that a run of their server has of its own: they find its
	// other ports there, for datagrams, too.
	Together bool
	Dialect  Dialect // what is known of it so far: Detect fills it in

	// Sparing says that the server takes long to start: it is not started again where a run that nobody
	// uses any more will do.
	Sparing bool
	// Spare is given a run of the server that Detect needs no more, whose participants have left. Nil: such
	// runs are ended.
	Spare func(*ServerRun)

	left   *ServerRun // that Learn has left; nil: none
	starts starts
}

// New returns a harness that knows nothing of the submission yet and has nothing to close.
func New(c Config) *Harness {
	if c.Pace == nil {
		c.Pace = &Pace{}
	}
	return &Harness{Config: c}
}

// random is a source for a label: the same seed makes the same words, whatever else runs.
func (h *Harness) random(label string) *rand.Rand {
	sum := fnv.New64a()
	sum.Write([]byte(label))
	return rand.New(rand.NewPCG(h.Seed, sum.Sum64()))
}

// Finding is what is wrong; nil when nothing is.
type Finding struct {
	What, Cause string
	Excerpt     []Step
	Certain     bool // the submission's fault, whatever its programs may say to each other
	Final       bool // nothing that happened before in the same run of the server can be the cause
}
