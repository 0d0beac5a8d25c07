package checks

import (
	"context"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// oneAtATime is what is wrong with a server that takes care of a client only when the one before has
// left, which shows without a word:
//
//	client 1 ──connect──▶ server says, or prints, something
//	client 2 ──connect──▶ server does not
//	client 1 ──closes──▶  server does
func (g *Suite) oneAtATime(ctx context.Context) (*harness.Finding, error) {
	r, err := g.Start(ctx, "one")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	reacts := func(p *harness.Participant, printed int) bool {
		limited, cancel := r.Within(ctx, g.Timeout/2)
		defer cancel()
		return r.Poll(limited, func() bool { return p.Received.Len() > 0 || r.Program.Output.Len() > printed })
	}
	if f := r.Listens(ctx); f != nil {
		return f, nil
	}
	r.Program.Output.Quiet(ctx, settled)
	printed := r.Program.Output.Len()
	first, err := r.Connect(ctx, runner.Subscriber)
	if err != nil || !reacts(first, printed) {
		return nil, nil
	}
	r.Program.Output.Quiet(ctx, settled)
	printed = r.Program.Output.Len()
	second, err := r.Connect(ctx, runner.Publisher)
	if err != nil || reacts(second, printed) {
		return nil, nil
	}
	first.Close(ctx)
	limited, cancel := r.WithTimeout(ctx)
	defer cancel()
	if !r.Poll(limited, func() bool { return second.Received.Len() > 0 || second.Closed() || r.Program.Output.Len() > printed }) {
		return nil, nil
	}
	return &harness.Finding{
		What:    "While one client was connected, the server did nothing about the next one; it did when the first had left.",
		Cause:   "The server takes care of one client until it leaves and only then calls accept() again; each client needs a thread of its own.",
		Excerpt: r.Excerpt([]*harness.Participant{first, second}, nil),
		Certain: true,
	}, nil
}

// settled is how long nothing more is printed when a server has said what it has to say.
const settled = 100 * time.Millisecond
