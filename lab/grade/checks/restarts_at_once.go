package checks

import (
	"context"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// restartsAtOnce is the check restarts-at-once:
//
//	subscriber, publisher ──role──▶ server
//	Ctrl+C at the server, clients connected
//	server is started again on its port; newcomers are served
var restartsAtOnce = Check{
	ID:     "restarts-at-once",
	Title:  "the server can be started again at once on its port",
	From:   "A4",
	Needs:  []string{"server-delivers"},
	Echoes: []string{"pair-delivers", "all-receive-all"},
	Own:    true,
	First:  true,
	Run:    runRestartsAtOnce,
}

func runRestartsAtOnce(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, err := g.Start(ctx, "restart")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for _, role := range []string{runner.Subscriber, runner.Publisher} {
		if _, err := r.Join(ctx, role); err != nil {
			return r.Unreachable("before it was stopped"), nil
		}
	}
	// As a person would, and then as a person would who is tired of waiting. The server's side
	// closes first, so that the port stays reserved for a while where the server does not ask
	// otherwise.
	if err := r.Program.Interrupt(); err == nil {
		select {
		case <-r.Program.Done():
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
	r.Stopped = true
	r.Program.Kill()
	for _, p := range r.Participants {
		p.Close(ctx)
	}
	again, err := g.Restart(ctx, r, "restarted")
	if err != nil {
		return nil, err
	}
	again.Release = func() {
		if g.alone {
			again.Program.Kill()
			return
		}
		g.pool.keep(again)
	}
	defer again.Close()
	const cause = "The port stays reserved for a minute after the server has ended, unless the socket option SO_REUSEADDR is set before bind()."
	again.Terminals = g.Terminals()
	f := again.Listens(ctx)
	var p *harness.Participant
	if f == nil {
		if p, err = again.Join(ctx, runner.Subscriber); err != nil {
			f = again.Unreachable("when it was started again on its port")
		}
	}
	if f != nil {
		f.Cause = cause
		return f, nil
	}
	if len(again.Ready(ctx, p)) > 0 {
		return &harness.Finding{
			What:    "The server was started again on its port, and did not serve there.",
			Cause:   cause,
			Excerpt: append(again.Excerpt(again.Participants, nil), again.Ended()...),
		}, nil
	}
	return nil, nil
}
