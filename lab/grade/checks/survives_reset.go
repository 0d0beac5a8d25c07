package checks

import (
	"context"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// survivesReset is the check survives-reset:
//
//	client ──connect──▶ server
//	client ✂
//	newcomers are served                  and again: a subscriber's connection, a publisher's
var survivesReset = Check{
	ID:    "survives-reset",
	Title: "the server goes on when connections break",
	From:  "A10",
	Needs: []string{"survives-clean-close", "pair-killed"},
	Run:   runSurvivesReset,
}

func runSurvivesReset(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return survives(ctx, g, "reset",
		"recv() or send() fails with \"connection reset\" or \"broken pipe\" there: catch it, close the connection, and take it out of the list.",
		[]leaving{
			{"", "a connection without a role was reset", resets},
			{runner.Subscriber, "a subscriber's connection was reset", resets},
			{runner.Publisher, "a publisher's connection was reset", resets},
		})
}
