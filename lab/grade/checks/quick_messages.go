package checks

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"pubsublab/lab/grade/harness"
)

// quickMessages is the check quick-messages:
//
//	publisher ──m1 m2 in one write──▶ server ──m1──▶ subscriber
//	                                  server ──m2──▶ subscriber
var quickMessages = Check{
	ID:     "quick-messages",
	Title:  "two messages sent quickly stay two",
	From:   "A7",
	Needs:  []string{"server-delivers"},
	Socket: true,
	Run:    runQuickMessages,
}

func runQuickMessages(ctx context.Context, g *Suite) (*harness.Finding, error) {
	r, subscribers, publishers, f, err := g.Fixture(ctx, "quick", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	p, s := publishers[0], subscribers[0]
	first, second := p.Next(""), p.Next("")
	if err := p.PublishTogether(first, second); err != nil {
		return r.Unreachable("while a publisher spoke"), nil
	}
	tokens := []string{first.Token, second.Token}
	if s, m, lost := r.FirstMissing(ctx, subscribers, []harness.Message{first, second}); lost {
		return &harness.Finding{
			What:    fmt.Sprintf("Two messages arrived at the server together, and %s did not receive %q.", s.Name, m.Token),
			Cause:   "One recv is not one message: split what was received at the newlines, and keep the rest for the next recv.",
			Excerpt: r.Excerpt([]*harness.Participant{p, s}, tokens, harness.MissingStep(s, m)),
		}, nil
	}
	if harness.Merged(harness.Lower(s.Received.Bytes()), first.Token, second.Token, g.Dialect.MessageEnd()) {
		steps := slices.DeleteFunc(r.Excerpt([]*harness.Participant{p, s}, tokens), func(step harness.Step) bool { return step.From == harness.ServerName })
		data := s.Received.Bytes()
		at := bytes.Index(harness.Lower(data), []byte(first.Token))
		start := bytes.LastIndexByte(data[:at], '\n') + 1
		steps = append(steps, harness.Step{At: s.Received.At(at).Sub(r.Began), Kind: harness.Wrong, From: harness.ServerName, To: s.Name, Data: harness.Cut(data[start:], nil)})
		cause := "One recv is not one message: split what was received at the newlines, and keep the rest for the next recv."
		if g.Dialect.Bare() {
			cause = "One recv is not one message: end each message with a newline in the client, and split at newlines in the server."
		}
		return &harness.Finding{
			Final:   true,
			What:    fmt.Sprintf("Two messages arrived at the server together, and %s received them as one.", s.Name),
			Cause:   cause,
			Excerpt: steps,
		}, nil
	}
	return nil, nil
}
