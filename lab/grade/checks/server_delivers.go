package checks

import (
	"context"

	"pubsublab/lab/grade/harness"
)

// serverDelivers is the check server-delivers:
//
//	publisher ──role, m──▶ server ──m──▶ subscriber
//	                                       with newlines, without, or one of the two
var serverDelivers = Check{
	ID:         "server-delivers",
	Title:      "a message of a publisher reaches a subscriber",
	From:       "A7",
	Foundation: true,
	Needs:      []string{"server-starts"},
	Shares:     []string{"pair-works"},
	Alone:      true,
	Ahead:      func(ctx context.Context, g *Suite) { g.detect(ctx) },
	Run:        runServerDelivers,
}

// detection is what [harness.Harness.Detect] found out.
type detection struct {
	works   bool
	excerpt []harness.Step
	err     error
}

// detect is Detect, once. It is for server-delivers.
func (g *Suite) detect(ctx context.Context) (bool, []harness.Step, error) {
	if g.detected == nil {
		works, excerpt, err := g.Detect(ctx)
		g.detected = &detection{works, excerpt, err}
	}
	return g.detected.works, g.detected.excerpt, g.detected.err
}

func runServerDelivers(ctx context.Context, g *Suite) (*harness.Finding, error) {
	done, err := g.Exclusive(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	works, slice, err := g.detect(ctx)
	if err != nil || works {
		return nil, err
	}
	done()
	if g.hasPassed("pair-works") { // it does, whatever it says
		g.terminals.Store(true)
		return nil, nil
	}
	if f, err := g.plainFault(ctx); f != nil || err != nil {
		return f, err
	}
	what := "No message of a publisher reached a subscriber, in any of the ways that submissions talk."
	if why := g.Dialect.Why; why != "" {
		what = "No message of the grader's reached a subscriber: " + why + "."
	}
	return &harness.Finding{
		What: what,
		Cause: "The server does not take the role (it compares it with something else than PUBLISHER and SUBSCRIBER, or does not strip it), " +
			"or does not send what publishers say to all in its list of subscribers.",
		Excerpt: slice,
	}, nil
}
