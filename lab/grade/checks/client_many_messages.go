package checks

import (
	"context"

	"pubsublab/lab/grade/harness"
)

// clientManyMessages is the check client-many-messages:
//
//	typed: m1 ... m100
//	a publisher ──m1 ... m100──▶ server ──m1 ... m100──▶ a subscriber shows them all
var clientManyMessages = Check{
	ID:     "client-many-messages",
	Title:  "100 messages are sent, and 100 are shown",
	From:   "A7",
	Needs:  []string{"server-delivers", "pair-delivers", "pair-together"},
	Shares: []string{"nothing-lost"},
	Client: true,
	First:  true,
	Run:    runClientManyMessages,
}

func runClientManyMessages(ctx context.Context, g *Suite) (*harness.Finding, error) {
	p, messages, f, err := g.typed(ctx, "client-many", 100)
	if f != nil || err != nil {
		return f, err
	}
	defer p.Close()
	to, m, lost := p.FirstMissing(ctx, p.subscribers, messages)
	if !lost {
		return nil, nil
	}
	if up, _ := m.From.Terminal().Carried(m.Token); up {
		if _, down := to.Terminal().Carried(m.Token); !down && !m.From.Closed() && !to.Closed() {
			return nil, nil // the server's fault, about which other checks are
		}
	}
	return p.lost(m, to), nil
}

// typed is a pair of clients at terminals and messages that were typed at the publisher, at the pace
// of the submission. The caller closes the pair, unless there is a finding.
func (g *Suite) typed(ctx context.Context, label string, count int) (*pair, []harness.Message, *harness.Finding, error) {
	r, err := g.Start(ctx, label)
	if err != nil {
		return nil, nil, nil, err
	}
	r.Terminals = true
	p := &pair{ServerRun: r}
	var f *harness.Finding
	if p.subscribers, p.publishers, f = r.Populate(ctx, 1, 1); f != nil {
		r.Close()
		return nil, nil, f, nil
	}
	return p, p.typedUntilLost(ctx, r.Count(count)), nil, nil
}

// typedUntilLost are messages that were typed at the publisher, so many, or fewer where one after the other
// did not come: what is lost by then is lost.
func (p *pair) typedUntilLost(ctx context.Context, count int) (messages []harness.Message) {
	const enough = 5
	for vain := 0; len(messages) < count && vain < enough; {
		m := p.publishers[0].Next("")
		messages = append(messages, m)
		if p.Say(ctx, m) != nil {
			break // it has ended, and what is typed then is lost
		}
		if vain++; p.subscribers[0].Has(0, m.Token) {
			vain = 0
		}
	}
	return messages
}
