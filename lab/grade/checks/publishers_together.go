package checks

import (
	"context"
	"fmt"
	"sync"

	"pubsublab/lab/grade/harness"
)

// publishersTogether is the check publishers-together:
//
//	publisher 1 ──m1 ... m25──▶ server
//	   ...          at the same time       ──all 100──▶ each subscriber
//	publisher 4 ──m1 ... m25──▶ server
var publishersTogether = Check{
	ID:    "publishers-together",
	Title: "publishers can publish at the same time",
	From:  "A5, A7",
	Needs: []string{"all-receive-all", "nothing-lost", "pair-together"},
	Runs:  3,
	Run:   runPublishersTogether,
}

func runPublishersTogether(ctx context.Context, g *Suite) (*harness.Finding, error) {
	const publishers = 4
	r, subscribers, all, f, err := g.Fixture(ctx, "together", 2, publishers)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	each := r.Count(100) / publishers
	var messages []harness.Message
	plans := make([][]harness.Message, len(all))
	for i, p := range all {
		for range each {
			m := p.Next("")
			plans[i] = append(plans[i], m)
			messages = append(messages, m)
		}
	}
	var talking sync.WaitGroup
	for _, plan := range plans {
		talking.Go(func() {
			for _, m := range plan {
				if r.Say(ctx, m) != nil { // what cannot be sent is lost, and judged as that
					return
				}
			}
		})
	}
	talking.Wait()
	s, m, lost := r.FirstMissing(ctx, subscribers, messages)
	if !lost {
		return nil, nil
	}
	f = &harness.Finding{
		What:    fmt.Sprintf("%d publishers sent %d messages each at the same time, and %s did not receive one of %s.", publishers, each, s.Name, m.From.Name),
		Cause:   "Threads change or use something together without a lock (a buffer, a variable, the list of subscribers), or two of them write to one socket at once.",
		Excerpt: r.Excerpt([]*harness.Participant{m.From, s}, []string{m.Token}, harness.MissingStep(s, m)),
	}
	if !r.Running() {
		f.Excerpt = append(f.Excerpt, r.Ended()...)
	}
	return f, nil
}
