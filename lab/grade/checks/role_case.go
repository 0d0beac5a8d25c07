package checks

import (
	"context"
	"errors"
	"strings"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// roleCase is the check role-case:
//
//	client 1 ──subscriber──▶ server
//	client 2 ──publisher, m──▶ server ──m──▶ client 1
var roleCase = Check{
	ID:     "role-case",
	Title:  "the role may be typed in lower case",
	From:   "A6",
	Needs:  []string{"server-delivers"},
	Socket: true,
	Run:    runRoleCase,
}

func runRoleCase(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, err := g.Start(ctx, "role-case")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var pair []*harness.Participant
	for _, role := range []string{runner.Subscriber, runner.Publisher} {
		p, err := r.Connect(ctx, role)
		if err != nil {
			return r.Unreachable("when clients came"), nil
		}
		err = r.RegisterSpelt(ctx, p, role, strings.ToLower(g.Dialect.Words[role]), min(g.Timeout, time.Second))
		if errors.Is(err, harness.ErrNoRole) {
			return notTried("The submission's clients tell their role in no word that could be spelt in lower case.")
		} else if err != nil {
			break
		}
		pair = append(pair, p)
	}
	var tokens []string
	limited, cancel := context.WithTimeout(ctx, g.Briefly())
	defer cancel()
	for len(pair) == 2 && limited.Err() == nil && !pair[1].Closed() && !pair[0].Closed() {
		m := pair[1].Next("")
		tokens = append(tokens, m.Token)
		if r.Say(ctx, m) != nil {
			break
		}
		soon, cancel := context.WithTimeout(limited, 300*time.Millisecond)
		arrived := harness.Poll(soon, func() bool { return pair[0].Has(0, m.Token) })
		cancel()
		if arrived {
			return nil, nil
		}
	}
	excerpt := r.Excerpt(r.Participants, tokens[:min(1, len(tokens))])
	usual, err := r.Join(ctx, runner.Subscriber)
	return &harness.Finding{
		Final:   err == nil && len(r.Ready(ctx, usual)) == 0, // others are served, so nobody has hurt it before
		What:    "Clients that said \"subscriber\" and \"publisher\", in lower case, were not registered: no message went between them.",
		Cause:   "The role is compared as it was typed; convert it to upper case first.",
		Excerpt: excerpt,
	}, nil
}
