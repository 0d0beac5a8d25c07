package checks

import (
	"context"
	"fmt"
	"strings"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// quickRegistration is the check quick-registration, of what clients send one thing right behind the other:
//
//	subscriber ──role and topic in one write──▶ server
//	publisher ──m──▶ server ──m──▶ subscriber
//	publisher ──role and topic in one write──▶ server
//	publisher ──n──▶ server ──n──▶ another subscriber
var quickRegistration = Check{
	ID:     "quick-registration",
	Title:  "role and topic, sent one right behind the other, may arrive together",
	From:   "A6, A11",
	Needs:  []string{"server-delivers"},
	Socket: true,
	Run:    runQuickRegistration,
}

func runQuickRegistration(ctx context.Context, g *Suite) (*harness.Finding, error) {
	if g.Dialect.From == harness.KnownOne {
		return notTried("there is no client, which could send its role and its topic one right behind the other")
	}
	var hasty []string
	for _, role := range []string{runner.Subscriber, runner.Publisher} {
		if _, ok := g.Dialect.AtOnce(role); ok {
			hasty = append(hasty, role)
		}
	}
	if len(hasty) == 0 {
		return nil, nil
	}
	r, err := g.Start(ctx, "quick-registration")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := r.Join(ctx, runner.Subscriber)
	if err != nil {
		return r.Unreachable("when a subscriber came"), nil
	}
	p, err := r.Join(ctx, runner.Publisher)
	if err != nil {
		return r.Unreachable("when a publisher came"), nil
	}
	if _, lost := firstLost(ctx, r, p, s); lost {
		return nil, nil // that it is lost between those that take their time is told elsewhere
	}
	for _, role := range hasty {
		d := g.Dialect
		d.Dialect, _ = g.Dialect.AtOnce(role)
		one, err := r.ConnectAs(ctx, &d, role)
		if err != nil {
			return r.Unreachable("when another client came"), nil
		}
		_ = r.Register(ctx, one, role) // it shows in what arrives
		from, to := p, one
		if role == runner.Publisher {
			from, to = one, s
		}
		if m, lost := firstLost(ctx, r, from, to); lost {
			return g.tookAsOne(r, one, role, m, to), nil
		}
	}
	return nil, nil
}

// firstLost lets a publisher say something, and reports whether a subscriber does not receive it.
func firstLost(ctx context.Context, r *harness.ServerRun, from, to *harness.Participant) (harness.Message, bool) {
	m := from.Next("")
	if r.Say(ctx, m) != nil {
		return m, true
	}
	_, _, lost := r.FirstMissing(ctx, []*harness.Participant{to}, []harness.Message{m})
	return m, lost
}

// tookAsOne is that a message was lost of or for one whose registration came at once.
func (g *Suite) tookAsOne(r *harness.ServerRun, one *harness.Participant, role string, m harness.Message, to *harness.Participant) *harness.Finding {
	f := &harness.Finding{
		What: fmt.Sprintf("The client sends what registers it in parts, one right behind the other. When those of %s arrived together, %s did not receive %q.", one.Name, to.Name, m.Token),
		Cause: "TCP is a stream: what is sent twice may be read at once. End each part with a newline and read line by line in the server, " +
			"or let the client wait for an answer to the first part.",
		Excerpt: r.Excerpt([]*harness.Participant{one, m.From, to}, []string{m.Token}, harness.MissingStep(to, m)),
	}
	if strings.HasSuffix(g.Dialect.RoleEnd(role), "\n") {
		f.Cause = "TCP is a stream: what is sent twice may be read at once. Split what was received at the newlines, and keep the rest for the next recv."
	}
	if !r.Running() {
		f.What = fmt.Sprintf("The server %s. The client sends what registers it in parts, one right behind the other, and those of %s arrived together.", r.Crash(), one.Name)
		f.Excerpt = append(f.Excerpt, r.Ended()...)
	}
	return f
}
