package checks

import (
	"context"
	"strings"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// names is the check names:
//
//	publisher ──PUBLISHER name=ada──▶ server
//	publisher ──m──▶ server ──ada : m──▶ subscriber
var names = Check{
	ID:     "names",
	Title:  "clients can have names",
	From:   "A13",
	Needs:  []string{"server-delivers"},
	Bonus:  true,
	Socket: true,
	First:  true,
	Run:    runNames,
}

func runNames(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, subscribers, _, f, err := g.Fixture(ctx, "names", 1, 0)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	s := subscribers[0]
	for _, spelt := range harness.RoleLines(runner.Publisher, "name", "NAME") {
		name := "n" + r.Word()
		joined, err := r.JoinSpelt(ctx, harness.Spelling{Role: runner.Publisher, Spelt: strings.Replace(spelt, "NAME", name, 1), Key: "name", X: name})
		if err != nil || joined[0].Closed() {
			continue
		}
		p := joined[0]
		m := p.Next("")
		_ = r.Say(ctx, m) // what cannot be sent does not arrive
		soon, cancel := context.WithTimeout(ctx, r.Hoped(harness.BonusTimeout/3))
		harness.Poll(soon, func() bool { return p.Closed() || s.Has(0, m.Token) })
		cancel()
		for _, seen := range s.Seen() {
			if seen.Token == m.Token && strings.Contains(strings.ToLower(seen.Decoration), name) {
				return nil, nil
			}
		}
	}
	return &harness.Finding{What: "No way of giving a name was found that comes with the messages."}, nil
}
