package checks

import (
	"context"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// survivesCleanClose is the check survives-clean-close:
//
//	client ──connect──▶ server
//	client ──closes──▶
//	newcomers are served                  and again: a subscriber closes, a publisher closes
var survivesCleanClose = Check{
	ID:    "survives-clean-close",
	Title: "the server goes on when clients leave",
	From:  "A10",
	Needs: []string{"server-delivers", "pair-after-interrupt", "pair-newcomers"},
	// A server that reads the role before it accepts the next client may end with the one that says none.
	Shares: []string{"silent-client"},
	Run:    runSurvivesCleanClose,
}

func runSurvivesCleanClose(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return survives(ctx, g, "close",
		"An error of one connection ends the whole server or the loop over subscribers, or a lock is kept when a client leaves: catch it, close the connection, and take it out of the list.",
		[]leaving{
			{"", "a client closed its connection without a role", closes},
			{runner.Subscriber, "a subscriber closed its connection", closes},
			{runner.Publisher, "a publisher closed its connection", closes},
		})
}
