package checks

import (
	"context"
	"fmt"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// serverShowsMessages is the check server-shows-messages:
//
//	publisher ──m──▶ server prints: ... m ...
var serverShowsMessages = Check{
	ID:    "server-shows-messages",
	Title: "the server's output shows each message",
	From:  "A3, A9",
	Needs: []string{"server-delivers"},
	Run:   runServerShowsMessages,
}

func runServerShowsMessages(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, err := g.Start(ctx, "messages")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p, err := r.Join(ctx, runner.Publisher)
	if err != nil {
		return r.Unreachable("when a publisher came"), nil
	}
	var tokens []string
	for range 3 {
		m := p.Next("")
		tokens = append(tokens, m.Token)
		if err := p.Publish(m); err != nil {
			break
		}
		limited, cancel := r.WithTimeout(ctx)
		found := r.Program.Output.Wait(limited, func(data []byte) bool { return harness.ContainsFold(data, m.Token) })
		cancel()
		if found {
			return nil, nil
		}
	}
	return &harness.Finding{
		What:    fmt.Sprintf("A publisher sent %d messages, and the server's output showed none of them.", len(tokens)),
		Cause:   "There is no print of what was received, or it stays in a buffer: flush it.",
		Excerpt: append(r.Excerpt([]*harness.Participant{p}, tokens), harness.Printed(harness.ServerName, r.Program.Output.Bytes(), r.Now())...),
	}, nil
}
