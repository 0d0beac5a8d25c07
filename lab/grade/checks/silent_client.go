package checks

import (
	"context"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// silentClient is the check silent-client:
//
//	client ──connect──▶ server      and says nothing
//	subscriber, publisher ──role──▶ server
//	publisher ──m──▶ server ──m──▶ subscriber
var silentClient = Check{
	ID:    "silent-client",
	Title: "a client that has not told its role yet holds nobody up",
	From:  "A5, A10",
	Needs: []string{"server-delivers"},
	Run:   runSilentClient,
}

func runSilentClient(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, err := g.Start(ctx, "silent")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	silent, err := r.Connect(ctx, runner.Subscriber)
	if err != nil {
		return r.Unreachable("when a client came"), nil
	}
	limited, cancel := context.WithTimeout(ctx, 3*g.Timeout) // each waits for what does not come
	defer cancel()
	subscribers, _, f := r.Populate(limited, 1, 1)
	if f != nil {
		return f, nil
	}
	s := subscribers[0]
	if len(r.Ready(ctx, s)) == 0 {
		return nil, nil
	}
	m := r.Prober.Next("")
	return &harness.Finding{
		What:    "A client connected and said nothing, and another one that came then received nothing, although a publisher spoke.",
		Cause:   "The role is read before accept() is called again: read it in the thread of that client.",
		Excerpt: r.Excerpt([]*harness.Participant{silent, s, r.Prober}, nil, harness.MissingStep(s, m)),
	}, nil
}
