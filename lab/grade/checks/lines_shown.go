package checks

import (
	"bytes"
	"context"
	"fmt"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// linesShown is the check lines-shown, of the step with one client and no roles:
//
//	typed: m1, m2, m3
//	the client ──m1, m2, m3──▶ server prints: m1, m2, m3
var linesShown = Check{
	ID:         "lines-shown",
	Title:      "what is typed at the client is shown by the server",
	From:       "A2, A3",
	Needs:      []string{"server-starts"},
	Foundation: true,
	Client:     true,
	Run:        func(ctx context.Context, g *Suite) (*harness.Finding, error) { return g.typeLines(ctx, "shown", 3) },
}

// linesMany is the check lines-many: the same with a hundred lines, none lost, in order.
var linesMany = Check{
	ID:     "lines-many",
	Title:  "100 typed lines are shown, in order",
	From:   "A3",
	Needs:  []string{"lines-shown"},
	Client: true,
	Run:    func(ctx context.Context, g *Suite) (*harness.Finding, error) { return g.typeLines(ctx, "many", 100) },
}

// oneClient starts a server and one client at a terminal, which is a publisher where it wants to be
// told what it is.
func (g *Suite) oneClient(ctx context.Context, label string) (*harness.ServerRun, *harness.Participant, *harness.Finding, error) {
	r, err := g.Start(ctx, "lines-"+label)
	if err != nil {
		return nil, nil, nil, err
	}
	if f := r.Listens(ctx); f != nil {
		r.Close()
		return nil, nil, f, nil
	}
	all, err := r.JoinTerminals(ctx, runner.Publisher)
	if err != nil {
		r.Close()
		return nil, nil, &harness.Finding{What: harness.Sentence("the client cannot be started: " + err.Error())}, nil
	}
	return r, all[0], nil, nil
}

func (g *Suite) typeLines(ctx context.Context, label string, count int) (*harness.Finding, error) {
	r, p, f, err := g.oneClient(ctx, label)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	var tokens []string
	shown := func(token string) bool {
		limited, cancel := r.WithTimeout(ctx)
		defer cancel()
		return r.Program.Output.Wait(limited, func(data []byte) bool { return harness.ContainsFold(data, token) })
	}
	const atOnce = 20 // fewer bytes than any server reads at once, which would cut a line in two
	for range r.Count(count) {
		m := p.Next("")
		tokens = append(tokens, m.Token)
		wait := count < atOnce || len(tokens)%atOnce == 0
		if p.Publish(m) != nil || wait && !shown(m.Token) {
			break
		}
		harness.Pause(ctx, quickPace)
	}
	last := -1
	for i, token := range tokens {
		if !shown(token) {
			return r.NotShown(p, fmt.Sprintf("%d lines were typed at the client, and the server did not show number %d.", len(tokens), i+1), token), nil
		}
		at := bytes.Index(harness.Lower(r.Program.Output.Bytes()), []byte(token))
		if at < last {
			return r.NotShown(p, fmt.Sprintf("%d lines were typed at the client, and the server showed number %d too early.", len(tokens), i+1), token), nil
		}
		last = at
	}
	return nil, nil
}
