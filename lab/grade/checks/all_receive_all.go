package checks

import (
	"context"
	"fmt"

	"pubsublab/lab/grade/harness"
)

// allReceiveAll is the check all-receive-all:
//
//	publisher 1 ──m──▶ server ──m──▶ subscriber 1, 2, 3
//	publisher 2 ──m──▶ server ──m──▶ subscriber 1, 2, 3
var allReceiveAll = Check{
	ID:    "all-receive-all",
	Title: "every subscriber receives from every publisher",
	From:  "A7",
	Needs: []string{"server-delivers", "pair-delivers"},
	Alone: true,
	Ahead: makeTrafficAhead,
	Run:   runAllReceiveAll,
}

func runAllReceiveAll(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return judgeTraffic(ctx, g, func(t *traffic) *harness.Finding {
		if t.crashed {
			return &harness.Finding{
				What:    fmt.Sprintf("The server ended %s while publishers and subscribers were connected.", t.server.Program.Exit()),
				Cause:   "An error was not caught: its output is below.",
				Excerpt: t.server.Ended(),
			}
		}
		for i, s := range t.subscribers {
			n := counts(s)
			for _, p := range t.publishers {
				if got := received(n, t.of(p)); got == 0 {
					m := t.of(p)[0]
					return &harness.Finding{
						What:    fmt.Sprintf("%d subscribers were connected, and %s received none of the %d messages of %s.", len(t.subscribers), s.Name, len(t.of(p)), p.Name),
						Cause:   t.deafCause(i),
						Excerpt: t.server.Excerpt(append([]*harness.Participant{p}, t.subscribers...), []string{m.Token}, harness.MissingStep(s, m)),
					}
				}
			}
		}
		return nil
	})
}

func (t *traffic) deafCause(first int) string {
	switch got := len(t.subscribers) - len(t.deaf); {
	case got == 0:
		return "Messages reach a single subscriber and not several: look at how subscribers are kept in a list."
	case first > 0:
		return "The server keeps one subscriber instead of a list of them, or the loop over subscribers ends after the first (a return or break in it, or an error)."
	default:
		return "Each new subscriber takes the place of the one before: keep a list, and append to it."
	}
}
