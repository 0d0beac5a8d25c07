package checks

import (
	"context"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// topics is the check topics:
//
//	publisher ──news: m──▶ server ──m──▶ subscriber of news
//	                      server ──nothing──▶ subscriber of sport
var topics = Check{
	ID:    "topics",
	Title: "subscribers can choose a topic",
	From:  "A11",
	Needs: []string{"server-delivers"},
	Bonus: true,
	First: true,
	Run:   runTopics,
}

// topics looks for a way in which a subscriber to one topic receives what is said under it and not
// what is said under another.
func runTopics(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, err := g.Start(ctx, "topics")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if topicsWork(ctx, func(role string, topic int) (*harness.Participant, error) { return r.JoinTopic(ctx, role, topic) }, r) {
		return nil, nil
	}
	topics := []string{"t" + r.Word(), "t" + r.Word()}
	for way := range harness.RoleLines("", "", "") {
		if topicsWork(ctx, func(role string, topic int) (*harness.Participant, error) {
			return r.JoinSpelt(ctx, role, harness.RoleLines(role, "topic", topics[topic])[way], "topic", topics[topic])
		}, r) {
			return nil, nil
		}
	}
	return &harness.Finding{What: "No way of choosing a topic was found."}, nil
}

func topicsWork(ctx context.Context, way func(role string, topic int) (*harness.Participant, error), r *harness.ServerRun) bool {
	const mine, other = 0, 1
	join := func(role string, topic int) *harness.Participant {
		p, err := way(role, topic)
		if err != nil || p.Closed() {
			return nil // it does not understand
		}
		return p
	}
	s, witness := join(runner.Subscriber, mine), join(runner.Subscriber, other)
	if s == nil || witness == nil {
		return false
	}
	right, wrong := join(runner.Publisher, mine), join(runner.Publisher, other)
	if right == nil || wrong == nil {
		return false
	}
	soon, cancel := context.WithTimeout(ctx, harness.BonusTimeout)
	defer cancel()
	for range 2 { // a first message may be lost for a reason that another check is about
		unwanted, wanted := wrong.Next(""), right.Next("")
		_, _ = r.Say(soon, unwanted), r.Say(soon, wanted) // what cannot be sent does not arrive
		each, cancel := context.WithTimeout(soon, harness.BonusTimeout/3)
		arrived := harness.Poll(each, func() bool {
			return s.Has(0, wanted.Token) && witness.Has(0, unwanted.Token)
		})
		cancel()
		if arrived {
			r.Settle(soon)
			return !s.Has(0, unwanted.Token) && !witness.Has(0, wanted.Token)
		}
	}
	return false
}
