package checks

import (
	"context"
	"fmt"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// othersAfterTerminate is the check others-after-terminate:
//
//	publisher 1 ──m, terminate──▶ server ──m──▶ subscriber
//	publisher 2 ──m──▶ server ──m──▶ subscriber
//	a new publisher ──role, m──▶ server ──m──▶ subscriber
var othersAfterTerminate = Check{
	ID:    "others-after-terminate",
	Title: "when one publisher terminates, the others go on",
	From:  "A4, A10",
	Needs: []string{"all-receive-all", "pair-after-terminate", "pair-newcomers"},
	Run:   runOthersAfterTerminate,
}

func runOthersAfterTerminate(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, subscribers, publishers, f, err := g.Fixture(ctx, "others", 1, 2)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	first, second, s := publishers[0], publishers[1], subscribers[0]
	if err := first.Terminate(); err != nil {
		return r.Unreachable("while a publisher spoke"), nil
	}
	r.Settle(ctx) // whatever it sets off is over
	judge := func(p *harness.Participant, who string) *harness.Finding {
		m := p.Next("")
		_ = r.Say(ctx, m) // what cannot be sent is lost, and judged as that
		if _, _, lost := r.FirstMissing(ctx, subscribers, []harness.Message{m}); !lost {
			return nil
		}
		return &harness.Finding{
			What:    fmt.Sprintf("%s said terminate, and after that %s received nothing of %s.", harness.Sentence(first.Name)[:len(first.Name)], s.Name, who),
			Cause:   "terminate ends the server, or the connections of all, instead of that publisher's alone.",
			Excerpt: r.Excerpt([]*harness.Participant{first, p, s}, []string{harness.Terminate, m.Token}, harness.MissingStep(s, m)),
		}
	}
	if f := judge(second, second.Name+", which was there already"); f != nil {
		return f, nil
	}
	late, err := r.Join(ctx, runner.Publisher)
	if err != nil {
		return r.Unreachable("when a publisher came after another had said terminate"), nil
	}
	_ = r.Say(ctx, late.Next("")) // a warm-up
	return judge(late, "a publisher that came then"), nil
}
