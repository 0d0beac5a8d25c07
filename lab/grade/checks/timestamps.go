package checks

import (
	"context"
	"regexp"
	"slices"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// timestamps is the check timestamps:
//
//	publisher ──m──▶ server ──10:15:04 m──▶ subscriber
var timestamps = Check{
	ID:     "timestamps",
	Title:  "messages carry a time",
	From:   "A15",
	Needs:  []string{"server-delivers"},
	Bonus:  true,
	Socket: true,
	Ahead:  makeTrafficAhead,
	First:  true,
	Run:    runTimestamps,
}

var clock = regexp.MustCompile(`(?i)\d{1,2}:\d{2}:\d{2}|\d{4}-\d{2}-\d{2}|\b\d{1,2}:\d{2}\s*[ap]m\b`)

func runTimestamps(ctx context.Context, g *Suite) (*harness.Finding, error) {
	t, f, err := g.makeTraffic(ctx)
	if f != nil || err != nil {
		return f, err
	}
	if shownTime(t.subscribers[0]) {
		return nil, nil
	}
	r, _, publishers, f, err := g.Fixture(ctx, "timestamps", 0, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	if joined, err := r.JoinSpelt(ctx, harness.Spelling{Role: runner.Subscriber, Spelt: runner.Subscriber + " format=stamped"}); err == nil {
		s := joined[0]
		m := publishers[0].Next("")
		soon, cancel := context.WithTimeout(ctx, r.Hoped(harness.BonusTimeout/2))
		defer cancel()
		_ = r.Say(soon, m) // what cannot be sent does not arrive
		harness.Poll(soon, func() bool { return s.Closed() || s.Has(0, m.Token) })
		if shownTime(s) {
			return nil, nil
		}
	}
	return &harness.Finding{What: "Messages come without a time."}, nil
}

func shownTime(s *harness.Participant) bool {
	return slices.ContainsFunc(s.Seen(), func(seen harness.Occurrence) bool { return clock.MatchString(seen.Decoration) })
}
