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
	ID:     "silent-client",
	Title:  "a client that has not told its role yet holds nobody up",
	From:   "A5, A10",
	Needs:  []string{"server-delivers"},
	Echoes: []string{"pair-delivers", "all-receive-all"},
	Run:    runSilentClient,
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
	r.Program.Output.Quiet(ctx, settled)
	printed := r.Program.Output.Len()
	limited, cancel := context.WithTimeout(ctx, 3*g.Timeout) // each waits for what does not come
	defer cancel()
	subscribers, _, f := r.Populate(limited, 1, 1)
	if f != nil {
		if r.Running() { // it may have room for few who wait
			f.What, f.Cause = "A client connected and said nothing, and others could not connect and talk beside it.", roleReadFirst
		}
		return f, nil
	}
	s := subscribers[0]
	if len(r.Ready(ctx, s)) == 0 {
		return nil, nil
	}
	f = &harness.Finding{
		What:    "A client connected and said nothing, and another one that came then received nothing, although a publisher spoke.",
		Cause:   roleReadFirst,
		Excerpt: r.Unready(s, silent),
	}
	if r.Program.Output.Len() > printed || s.Received.Len() > 0 { // it has accepted others meanwhile
		f.Cause = "The client is in the list of all already, and whoever sends to them fails at one that has no role yet (or no topic): put it there when it has told it."
		f.Excerpt = append(f.Excerpt, harness.Printed(harness.ServerName, r.Program.Output.Bytes(), r.Now())...)
	}
	return f, nil
}

const roleReadFirst = "The role is read before accept() is called again: read it in the thread of that client."
