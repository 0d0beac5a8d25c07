package checks

import (
	"context"
	"fmt"
	"strings"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// serverShowsRoles is the check server-shows-roles:
//
//	client ──PUBLISHER──▶ server prints: ... PUBLISHER ...
var serverShowsRoles = Check{
	ID:    "server-shows-roles",
	Title: "the server's output shows who comes as what",
	From:  "A9",
	Needs: []string{"server-delivers"},
	Run:   runServerShowsRoles,
}

func runServerShowsRoles(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, err := g.Start(ctx, "roles")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for _, role := range []string{runner.Publisher, runner.Subscriber} {
		offset := r.Program.Output.Len()
		p, err := r.Join(ctx, role)
		if err != nil {
			return r.Unreachable("when a " + strings.ToLower(role) + " came"), nil
		}
		if role == runner.Publisher { // some say it with the first message
			_ = r.Say(ctx, p.Next(""))
		}
		limited, cancel := r.WithTimeout(ctx)
		found := r.Program.Output.Wait(limited, func(data []byte) bool { return g.Dialect.Shows(role, data[offset:]) })
		cancel()
		if !found {
			missing := harness.Step{Kind: harness.Notes, From: harness.ServerName, Data: []byte("prints nothing about a " + strings.ToLower(role))}
			return &harness.Finding{
				What:    fmt.Sprintf("A %s registered, and the server's output did not say so.", strings.ToLower(role)),
				Cause:   "There is no print behind the registration, or it does not name the role, or it stays in a buffer: flush it.",
				Excerpt: append(r.Excerpt([]*harness.Participant{p}, nil, missing), harness.Printed(harness.ServerName, r.Program.Output.Bytes()[offset:], r.Now())...),
			}, nil
		}
	}
	return nil, nil
}
