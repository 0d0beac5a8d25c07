package checks

import (
	"context"
	"slices"

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
	const mine, other = 0, 1
	comers := []comer{{runner.Subscriber, mine}, {runner.Subscriber, other}, {runner.Publisher, mine}, {runner.Publisher, other}}
	var all []*harness.Participant
	for _, c := range comers {
		p, err := r.JoinTopic(ctx, c.role, c.topic)
		if err != nil {
			break
		}
		all = append(all, p)
	}
	if topicsWork(ctx, r, all) {
		return nil, nil
	}
	topics := []string{"t" + r.Word(), "t" + r.Word()}
	for way := range harness.RoleLines("", "", "") {
		var ways []harness.Spelling
		for _, c := range comers {
			topic := topics[c.topic]
			ways = append(ways, harness.Spelling{Role: c.role, Spelt: harness.RoleLines(c.role, "topic", topic)[way], Key: "topic", X: topic})
		}
		if all, err := r.JoinSpelt(ctx, ways...); err == nil && topicsWork(ctx, r, all) {
			return nil, nil
		}
	}
	return &harness.Finding{What: "No way of choosing a topic was found."}, nil
}

// comer is one who registers under one of two topics.
type comer struct {
	role  string
	topic int
}

// topicsWork reports whether two subscribers receive, of two publishers, what the one says that has the
// same topic, and not what the other does. It is false where not all of them came.
func topicsWork(ctx context.Context, r *harness.ServerRun, all []*harness.Participant) bool {
	if len(all) < 4 || slices.ContainsFunc(all, (*harness.Participant).Closed) {
		return false // it does not understand
	}
	s, witness, right, wrong := all[0], all[1], all[2], all[3]
	soon, cancel := context.WithTimeout(ctx, harness.BonusTimeout)
	defer cancel()
	for range 2 { // a first message may be lost for a reason that another check is about
		unwanted, wanted := wrong.Next(""), right.Next("")
		_, _ = r.Say(soon, unwanted), r.Say(soon, wanted) // what cannot be sent does not arrive
		each, cancel := context.WithTimeout(soon, r.Hoped(harness.BonusTimeout/3))
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
