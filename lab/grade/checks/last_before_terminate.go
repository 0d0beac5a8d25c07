package checks

import (
	"context"
	"fmt"
	"slices"

	"pubsublab/lab/grade/harness"
)

// lastBeforeTerminate is the check last-before-terminate:
//
//	publisher ──m1, m2, m3, terminate──▶ server ──m1, m2, m3──▶ subscriber
var lastBeforeTerminate = Check{
	ID:     "last-before-terminate",
	Title:  "the last message before terminate arrives",
	From:   "A4, A7",
	Needs:  []string{"server-delivers"},
	Echoes: []string{"pair-delivers", "all-receive-all"},
	Run:    runLastBeforeTerminate,
}

// goodbye lets a publisher say a few messages and terminate, as quickly as the framing allows.
func goodbye(ctx context.Context, r *harness.ServerRun, p *harness.Participant) ([]harness.Message, error) {
	d := r.Dialect
	messages := []harness.Message{p.Next(""), p.Next(""), p.Next("")}
	if d.Framing == harness.Lines {
		return messages, p.PublishTogether(append(slices.Clone(messages), harness.Message{Text: harness.Terminate})...)
	}
	for _, m := range messages {
		if err := r.Say(ctx, m); err != nil {
			return messages, err
		}
	}
	return messages, p.Terminate()
}

func runLastBeforeTerminate(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, subscribers, publishers, f, err := g.Fixture(ctx, "last", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	p, s := publishers[0], subscribers[0]
	messages, err := goodbye(ctx, r, p)
	if err != nil {
		return r.Unreachable("while a publisher spoke"), nil
	}
	if _, m, lost := r.FirstMissing(ctx, subscribers, messages); lost {
		return &harness.Finding{
			What:    fmt.Sprintf("A publisher sent 3 messages and terminate, and %s did not receive %q.", s.Name, m.Token),
			Cause:   "At terminate the server closes and forgets what it had read before, or has not sent yet.",
			Excerpt: r.Excerpt([]*harness.Participant{p, s}, append(harness.Tokens(messages), "terminate"), harness.MissingStep(s, m)),
		}, nil
	}
	return nil, nil
}
