package checks

import (
	"context"
	"fmt"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// linesTerminate is the check lines-terminate, of the step with one client and no roles:
//
//	typed: m, terminate
//	the client ends with exit code 0
//	the server ends, too, or serves the next client
var linesTerminate = Check{
	ID:     "lines-terminate",
	Title:  "terminate ends the client, and the server notices",
	From:   "A4",
	Needs:  []string{"lines-shown"},
	Client: true,
	Alone:  true,
	Run: func(ctx context.Context, g *Suite) (*harness.Finding, error) {
		return g.leave(ctx, "terminate", "terminate was typed", func(p *harness.Participant) error { return p.Terminate() }, true)
	},
}

// linesInterrupt is the check lines-interrupt: the same with Ctrl+C, and any exit code.
var linesInterrupt = Check{
	ID:     "lines-interrupt",
	Title:  "Ctrl+C ends the client, and leaves the server in good order",
	From:   "A4",
	Needs:  []string{"lines-shown"},
	Client: true,
	Alone:  true,
	Run: func(ctx context.Context, g *Suite) (*harness.Finding, error) {
		return g.leave(ctx, "interrupt", "Ctrl+C was pressed", func(p *harness.Participant) error { return p.Terminal().Program.Interrupt() }, false)
	},
}

// leave lets the one client go, and sees what becomes of it and of the server.
func (g *Suite) leave(ctx context.Context, label, what string, end func(*harness.Participant) error, clean bool) (*harness.Finding, error) {
	r, p, f, err := g.oneClient(ctx, label)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	m := p.Next("")
	_ = p.Publish(m) // that it is shown is another check
	limited, cancel := r.WithTimeout(ctx)
	r.Program.Output.Wait(limited, func(data []byte) bool { return harness.ContainsFold(data, m.Token) })
	cancel()
	if err := end(p); err != nil {
		return r.NotShown(p, "The client ended by itself, after one line.", m.Token), nil
	}
	program, limit := p.Terminal().Program, max(g.MessageTimeout(), 5*time.Second)
	select {
	case <-program.Done():
	case <-time.After(limit):
		return r.NotShown(p, fmt.Sprintf("%s, and the client did not end within %v.", what, limit), m.Token), nil
	}
	if exit := program.Exit(); clean && exit != (runner.Exit{}) {
		return r.NotShown(p, fmt.Sprintf("%s, and the client ended %s; expected exit code 0.", what, exit), m.Token), nil
	}
	return g.nextClient(ctx, r, what)
}

// nextClient sees that the server ended in good order, or shows what the next client is typed.
func (g *Suite) nextClient(ctx context.Context, r *harness.ServerRun, what string) (*harness.Finding, error) {
	select {
	case <-r.Program.Done():
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
	}
	if !r.Running() {
		r.Stopped = true // it may end with its one client
		if exit := r.Program.Exit(); exit != (runner.Exit{}) {
			return &harness.Finding{
				What:    fmt.Sprintf("%s at the client, and the server ended %s; expected exit code 0, or that it goes on.", what, exit),
				Cause:   "An error of the one connection was not caught: its last output is below.",
				Excerpt: r.Ended(),
			}, nil
		}
		return nil, nil
	}
	all, err := r.JoinTerminals(ctx, runner.Publisher)
	if err != nil {
		return nil, err
	}
	m := all[0].Next("")
	_ = all[0].Publish(m) // it is seen whether it is shown
	limited, cancel := r.WithTimeout(ctx)
	defer cancel()
	shown := r.Program.Output.Wait(limited, func(data []byte) bool { return harness.ContainsFold(data, m.Token) })
	if f := flood(ctx, r); f != nil { // which nothing else can be seen in
		f.What = what + " at the client: " + f.What
		return f, nil
	}
	if shown {
		return nil, nil
	}
	return r.NotShown(all[0], what+" at the client; the server went on, and did not show what the next client was typed.", m.Token), nil
}
