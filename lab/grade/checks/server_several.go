package checks

import (
	"context"
	"fmt"

	"pubsublab/lab/grade/harness"
)

// serverSeveral is the check server-several:
//
//	subscriber 1 ... 5, publisher 1 ... 5 ──role──▶ server      and stay
//	publisher ──m──▶ server ──m──▶ subscriber 1 ... 5
var serverSeveral = Check{
	ID:    "server-several",
	Title: "the server serves ten clients at once",
	From:  "A5",
	Needs: []string{"all-receive-all", "nothing-lost"},
	Run:   runServerSeveral,
}

func runServerSeveral(ctx context.Context, g *Suite) (*harness.Finding, error) {
	const each = 5
	r, subscribers, publishers, f, err := g.Fixture(ctx, "several", each, each)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	for _, p := range publishers { // one at a time: what happens when several speak is another check
		m := p.Next("")
		_ = r.Say(ctx, m) // what cannot be sent is lost, and judged as that
		if s, m, lost := r.FirstMissing(ctx, subscribers, []harness.Message{m}); lost {
			return &harness.Finding{
				What:    fmt.Sprintf("%d subscribers and %d publishers were connected, and %s received nothing of %s.", each, each, s.Name, m.From.Name),
				Cause:   "Only so many clients are served at once: a fixed number of threads, or a list with a fixed length.",
				Excerpt: r.Excerpt([]*harness.Participant{m.From, s}, []string{m.Token}, harness.MissingStep(s, m)),
			}, nil
		}
	}
	return nil, nil
}
