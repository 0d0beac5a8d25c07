package checks

import (
	"context"

	"pubsublab/lab/grade/harness"
)

// serverAsksRole is the check server-asks-role:
//
//	grader ──connect──▶ server
//	grader ◀──Enter your role──
var serverAsksRole = Check{
	ID:    "server-asks-role",
	Title: "the server asks for the role",
	From:  "A6",
	Needs: []string{"server-starts"},
	Run:   runServerAsksRole,
}

func runServerAsksRole(ctx context.Context, g *Suite) (*harness.Finding, error) {
	prompts, f, err := g.prompted(ctx)
	if prompts || f != nil || err != nil {
		return f, err
	}
	return &harness.Finding{
		What:  "The server did not ask a new client for its role.",
		Cause: "Nothing is sent to the client behind accept(), or it stays in a buffer: flush it.",
	}, nil
}
