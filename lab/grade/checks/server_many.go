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
//	newcomers are served
var serverMany = Check{
	ID:     "server-many",
	Title:  "the server still serves after 250 clients came and went",
	From:   "A5, A10",
	Needs:  []string{"survives-clean-close"},
	Alone:  true,
	Socket: true,
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
				f := r.Unreachable(fmt.Sprintf("when %d clients had come and gone", came))
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
	return nil, nil
}
