package checks

import (
	"context"
	"fmt"
	"time"

	"pubsublab/lab/grade/harness"
)

// subscriberLeaves is the check subscriber-leaves:
//
//	publisher ──m1──▶ server ──m1──▶ subscriber 1, 2, 3, 4
//	subscriber 2 ──closes──▶, subscriber 3 ✂      meanwhile
//	publisher ──m40──▶ server ──m40──▶ subscriber 1, 4
var subscriberLeaves = Check{
	ID:    "subscriber-leaves",
	Title: "a subscriber that leaves costs the others nothing",
	From:  "A10",
	Needs: []string{"survives-reset", "all-receive-all", "nothing-lost"},
	Runs:  3,
	Run:   runSubscriberLeaves,
}

func runSubscriberLeaves(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, subscribers, publishers, f, err := g.Fixture(ctx, "leaves", 4, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	count := r.Count(40)
	p := publishers[0]
	// Those that leave are between those that stay, whichever way the server goes through its list.
	stay := []*harness.Participant{subscribers[0], subscribers[3]}
	var messages []harness.Message
	for i := range count {
		switch i {
		case count / 4:
			go subscribers[1].Close(ctx)
		case count / 2:
			subscribers[2].Reset()
		}
		m := p.Next("")
		messages = append(messages, m)
		if r.Say(ctx, m) != nil { // what cannot be sent is lost, and judged as that
			break
		}
		harness.Pause(ctx, 2*time.Millisecond)
	}
	s, m, lost := r.FirstMissing(ctx, stay, messages)
	if !lost {
		return nil, nil
	}
	f = &harness.Finding{
		What:    fmt.Sprintf("Two of four subscribers left while messages flowed, and %s, which stayed, did not receive %q.", s.Name, m.Token),
		Cause:   "The loop over subscribers ended at the first error, or the list was changed while the loop ran over it: catch the error of each send, and take who left out of the list afterwards.",
		Excerpt: r.Excerpt([]*harness.Participant{subscribers[1], subscribers[2], p, s}, []string{m.Token}, harness.MissingStep(s, m)),
	}
	if !r.Running() {
		f.Excerpt = append(f.Excerpt, r.Ended()...)
	}
	return f, nil
}
