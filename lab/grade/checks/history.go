package checks

import (
	"context"
	"slices"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// history is the check history:
//
//	publisher ──m1, m2, m3──▶ server
//	subscriber ──role──▶ server ──m1, m2, m3──▶ subscriber
//	another one ──role──▶ server ──m1, m2, m3──▶ it
var history = Check{
	ID:     "history",
	Title:  "a new subscriber receives earlier messages",
	From:   "A17",
	Needs:  []string{"server-delivers"},
	Bonus:  true,
	Socket: true,
	First:  true,
	Run:    runHistory,
}

func runHistory(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, subscribers, publishers, f, err := g.Fixture(ctx, "history", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	var messages []harness.Message
	for range 3 {
		m := publishers[0].Next("")
		messages = append(messages, m)
		_ = r.Say(ctx, m) // what cannot be sent does not arrive
		r.Await(ctx, subscribers, []harness.Message{m})
	}
	for _, spelt := range []string{runner.Subscriber, runner.Subscriber + " from=first"} {
		past := true
		for range 2 { // what is still under way reaches the first, and nobody later
			past = past && g.past(ctx, r, spelt, messages)
		}
		if past {
			return nil, nil
		}
	}
	return &harness.Finding{What: "A subscriber that came later did not receive what was said before."}, nil
}

// past reports whether a new subscriber receives messages of before.
func (g *Suite) past(ctx context.Context, r *harness.ServerRun, spelt string, messages []harness.Message) bool {
	r.Settle(ctx)
	joined, err := r.JoinSpelt(ctx, harness.Spelling{Role: runner.Subscriber, Spelt: spelt})
	if err != nil {
		return false
	}
	late := joined[0]
	has := func() bool {
		return !slices.ContainsFunc(messages, func(m harness.Message) bool { return !late.Has(0, m.Token) })
	}
	soon, cancel := context.WithTimeout(ctx, r.Hoped(harness.BonusTimeout/2))
	defer cancel()
	return harness.Poll(soon, func() bool { return has() || late.Closed() }) && has()
}
