package checks

import (
	"context"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// leaving is one way in which a client can go.
type leaving struct {
	role  string // "" before it told one
	what  string
	leave func(ctx context.Context, r *harness.ServerRun, p *harness.Participant)
}

func closes(ctx context.Context, _ *harness.ServerRun, p *harness.Participant) { p.Close(ctx) }

func resets(_ context.Context, _ *harness.ServerRun, p *harness.Participant) { p.Reset() }

// survives lets clients leave one after the other, and sees each time that others are still served.
func survives(ctx context.Context, g *Suite, label, cause string, ways []leaving) (*harness.Finding, error) {
	r, err := g.Start(ctx, label)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for _, way := range ways {
		role := way.role
		if role == "" {
			role = runner.Publisher
		}
		come := r.Join
		if way.role == "" {
			come = r.Connect
		}
		p, err := come(ctx, role)
		if err != nil {
			return r.Unreachable("before " + way.what), nil
		}
		if way.role == runner.Subscriber {
			r.Ready(ctx, p)
		}
		way.leave(ctx, r, p)
		if f := r.StillServes(ctx, p, "after "+way.what); f != nil {
			f.Cause = cause
			return f, nil
		}
	}
	return nil, nil
}
