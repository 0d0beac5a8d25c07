package checks

import (
	"context"
	"fmt"
	"sync"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// serverMany is the check server-many:
//
//	250 clients, 25 at a time: ──role──▶ server, ──closes──▶
//	newcomers are served, and the server has closed the connections of those that went
var serverMany = Check{
	ID:     "server-many",
	Title:  "the server still serves after 250 clients came and went",
	From:   "A5, A10",
	Needs:  []string{"survives-clean-close"},
	Echoes: []string{"pair-killed"},
	Own:    true,
	Socket: true,
	First:  true,
	Run:    runServerMany,
}

func runServerMany(ctx context.Context, g *Suite) (*harness.Finding, error) {
	const clients, atOnce = 250, 25
	r, err := g.Start(ctx, "many")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	const cause = "Something is kept of each client that left: its thread, its socket, its place in a list. Close the connection when recv() returns nothing, and let its thread end."
	for came := 0; came < clients; came += atOnce {
		var left sync.WaitGroup
		for i := range atOnce {
			role := []string{runner.Publisher, runner.Subscriber}[i%2]
			p, err := r.Connect(ctx, role)
			if err != nil {
				f := r.Unreachable(fmt.Sprintf("when %s had come and gone", harness.Count(came, "client")))
				f.Cause = cause
				return f, nil
			}
			left.Go(func() {
				_ = r.Register(ctx, p, role) // what matters is what is served in the end
				p.Close(ctx)
			})
		}
		left.Wait()
	}
	if f := r.StillServes(ctx, r.Participants[len(r.Participants)-1], fmt.Sprintf("after %d clients had come and gone", clients)); f != nil {
		f.Cause = cause
		return f, nil
	}
	return leaks(ctx, r, clients), nil
}

// leaks is that a server keeps the connections of nearly all clients that have left, which a system
// allows it for some hundreds of them. Where the system does not say, nobody knows.
func leaks(ctx context.Context, r *harness.ServerRun, clients int) *harness.Finding {
	ctx, cancel := r.WithTimeout(ctx)
	defer cancel()
	kept := 0
	if r.Poll(ctx, func() bool {
		var err error
		kept, err = r.Program.Unclosed(r.Port)
		return err != nil || kept < clients*4/5
	}) || !r.Running() {
		return nil
	}
	return &harness.Finding{
		What:    fmt.Sprintf("Some %d clients came and went, and the server still has %d connections open that their clients have closed.", clients, kept),
		Cause:   "When a client has left, the server ends its thread and does not close its socket. Systems allow some hundreds of open ones, mostly 1,024; then accept() fails.",
		Excerpt: r.Ended(),
	}
}
