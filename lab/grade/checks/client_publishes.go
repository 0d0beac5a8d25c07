package checks

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"pubsublab/lab/grade/harness"
)

// clientPublishes is the check client-publishes:
//
//	typed: m1, m2, m3
//	the client ──m1, m2, m3──▶ relay ──▶ server      and nothing between them
var clientPublishes = Check{
	ID:     "client-publishes",
	Title:  "a line typed at a publisher is sent, and nothing else",
	From:   "A3, A7",
	Needs:  []string{"server-delivers", "pair-works"},
	Client: true,
	Socket: true,
	Run:    runClientPublishes,
}

func runClientPublishes(ctx context.Context, g *Suite) (*harness.Finding, error) {
	p, messages, f, err := g.typed(ctx, "client-publishes", 3)
	if f != nil || err != nil {
		return f, err
	}
	defer p.Close()
	from := p.publishers[0]
	said := from.Terminal().Sent()
	first, last := bytes.Index(said, []byte(messages[0].Token)), bytes.Index(said, []byte(messages[len(messages)-1].Token))
	if first < 0 || last < first {
		return notTried("what the client sends cannot be read")
	}
	for line := range bytes.Lines(said[first:last]) {
		if text := bytes.TrimSpace(line); len(text) > 0 && !harness.TokenShape.Match(text) {
			wrong := harness.Step{At: p.Now(), Kind: harness.Wrong, From: from.Name, To: harness.ServerName, Data: slices.Clone(text)}
			return &harness.Finding{
				What:    fmt.Sprintf("The client sent %q between two messages, which nobody had typed.", text),
				Cause:   "What is meant for the screen goes to the socket.",
				Excerpt: append(p.Excerpt(p.publishers, harness.Tokens(messages)), wrong),
			}, nil
		}
	}
	return nil, nil
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
	var messages []harness.Message
	for range r.Count(count) {
		messages = append(messages, p.publishers[0].Next(""))
		if r.Say(ctx, messages[len(messages)-1]) != nil {
			break // it has ended, and what is typed then is lost
		}
	}
	return p, messages, nil, nil
}
