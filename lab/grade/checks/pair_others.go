package checks

import (
	"context"
	"fmt"
	"slices"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// pairLastBeforeTerminate is the check pair-last-before-terminate:
//
//	typed: m, terminate
//	a publisher ──m, terminate──▶ server ──m──▶ each subscriber shows: m
var pairLastBeforeTerminate = Check{
	ID:     "pair-last-before-terminate",
	Title:  "what is typed right before terminate is shown",
	From:   "A4, A7",
	Needs:  []string{"pair-delivers", "pair-terminate"},
	Client: true,
	Pair:   true,
	Run: onPair(1, 1, func(ctx context.Context, p *pair) *harness.Finding {
		if f := p.goneBefore(ctx, runner.Publisher, byTerminate); f != nil || p.last == nil {
			return f
		}
		// That it has ended itself is no reason not to wait: a server may be slow.
		missing := p.subscribers
		if p.until(ctx, max(p.Timeout, 5*p.need), func() bool {
			missing = slices.DeleteFunc(slices.Clone(p.subscribers), func(s *harness.Participant) bool { return s.Closed() || s.Has(0, p.last.Token) })
			return len(missing) == 0
		}) {
			return nil
		}
		f := p.lost(*p.last, missing[0])
		f.What = fmt.Sprintf("%q was typed at %s, then terminate, and %s did not show it.", p.last.Token, p.last.From.Name, missing[0].Name)
		f.Cause = "At terminate the client, or the server, closes and forgets what it has not sent yet."
		return f
	}),
}

// pairAfterTerminate is the check pair-after-terminate:
//
//	publisher 2 has left with terminate
//	publisher 1 ──m──▶ server ──m──▶ the subscribers      as before
var pairAfterTerminate = Check{
	ID:     "pair-after-terminate",
	Title:  "the others go on when a publisher has left with terminate",
	From:   "A4, A10",
	Needs:  []string{"pair-delivers"},
	Client: true,
	Pair:   true,
	Run: onPair(1, 1, func(ctx context.Context, p *pair) *harness.Finding {
		if f := p.goneBefore(ctx, runner.Publisher, byTerminate); f != nil {
			return f
		}
		return p.serves(ctx, "after a publisher had left with terminate")
	}),
}

// pairAfterInterrupt is the check pair-after-interrupt:
//
//	publisher 2 and subscriber 2 have left with Ctrl+C
//	publisher 1 ──m──▶ server ──m──▶ subscriber 1      as before, and nothing else
var pairAfterInterrupt = Check{
	ID:     "pair-after-interrupt",
	Title:  "the others go on when clients have left with Ctrl+C",
	From:   "A4, A10",
	Needs:  []string{"pair-after-terminate"},
	Client: true,
	Pair:   true,
	Run: onPair(1, 1, func(ctx context.Context, p *pair) *harness.Finding {
		for _, role := range []string{runner.Publisher, runner.Subscriber} {
			if f := p.goneBefore(ctx, role, byInterrupt); f != nil {
				return f
			}
		}
		const when = "after clients had left with Ctrl+C"
		if f := p.serves(ctx, when); f != nil {
			return f
		}
		return p.flooded(ctx, when)
	}),
}

// goneBefore sees to it that a client of a role has left in a way, and that others of it are there.
func (p *pair) goneBefore(ctx context.Context, role, way string) *harness.Finding {
	if p.left[role+way] {
		return nil
	}
	want := map[string]int{runner.Publisher: 1, runner.Subscriber: 1}
	want[role]++
	if f := p.complete(ctx, want[runner.Publisher], want[runner.Subscriber]); f != nil {
		return f
	}
	if len(p.publishers) >= want[runner.Publisher] && len(p.subscribers) >= want[runner.Subscriber] {
		p.leaves(ctx, role, way)
	}
	return nil
}

// pairNewcomers is the check pair-newcomers:
//
//	a publisher and a subscriber have left (Ctrl+C)
//	publisher 3 and subscriber 3 come: messages of both publishers reach both subscribers, once;
//	subscriber 3 shows nothing twice of what was typed before it came
var pairNewcomers = Check{
	ID:     "pair-newcomers",
	Title:  "those that come after others have left are served",
	From:   "A5, A10",
	Needs:  []string{"pair-after-interrupt"},
	Client: true,
	Pair:   true,
	Run: onPair(1, 1, func(ctx context.Context, p *pair) *harness.Finding {
		for _, role := range []string{runner.Publisher, runner.Subscriber} {
			if f := p.goneBefore(ctx, role, byInterrupt); f != nil {
				return f
			}
		}
		const when = "after a publisher and a subscriber had left and others had come"
		before, _ := p.say(ctx, p.publishers[0], p.subscribers)
		deaf, f := p.join(ctx, runner.Publisher, runner.Subscriber)
		if f == nil && p.deaf == nil { // otherwise it was so before
			f = deaf
		}
		if f != nil {
			return p.after(when, f)
		}
		m, _ := p.say(ctx, p.publishers[len(p.publishers)-1], p.subscribers)
		p.Settle(ctx)
		if f := p.doubled(m); f != nil && p.doubled(before) == nil { // otherwise it was so before
			f.Cause = "The place of one who has left in a list is filled again, or one that came again is there twice: take a client out of all lists when it leaves."
			return p.after(when, f)
		}
		return p.pastDoubled(p.subscribers[len(p.subscribers)-1])
	}),
}

// pastDoubled is that a subscriber was shown more than once what was typed before it came; nil when it
// was not.
func (p *pair) pastDoubled(s *harness.Participant) *harness.Finding {
	n := counts(s)
	for _, seen := range s.Seen() {
		if n[seen.Token] < 2 || s.Terminal().Count(seen.Token) == 1 {
			continue
		}
		return &harness.Finding{
			What:    fmt.Sprintf("%s came later, and was shown %q of before %d times.", upper(s.Name), seen.Token, n[seen.Token]),
			Cause:   "Each message is put into the list of earlier messages more than once, or the list is sent more than once.",
			Excerpt: p.Excerpt([]*harness.Participant{s}, []string{seen.Token}),
		}
	}
	return nil
}

// pairKilled is the check pair-killed:
//
//	publisher 2 and subscriber 1 are killed (SIGKILL)
//	publisher 1 ──m1, m2, m3──▶ server ──m1, m2, m3──▶ the other subscribers
var pairKilled = Check{
	ID:     "pair-killed",
	Title:  "a client that is killed costs the others no message",
	From:   "A10",
	Needs:  []string{"pair-delivers", "pair-after-interrupt", "pair-newcomers"},
	Client: true,
	Pair:   true,
	Run:    onPair(2, 2, runPairKilled),
}

func runPairKilled(ctx context.Context, p *pair) *harness.Finding {
	for _, c := range []*harness.Participant{p.publishers[len(p.publishers)-1], p.subscribers[0]} {
		c.HangUp()
	}
	p.tidy()
	const when = "after a publisher and a subscriber were killed"
	for range 3 {
		m, missing := p.say(ctx, p.publishers[0], p.subscribers)
		if len(missing) == 0 {
			continue
		}
		f := p.after(when, p.lost(m, missing[0]))
		if p.Running() {
			f.Cause = "The loop over subscribers ends at the first error, or the list is changed while the loop runs over it: catch the error of each send, and take who left out of the list afterwards."
		}
		return f
	}
	return p.flooded(ctx, when)
}

// flooded is that any of those that are there shows more and more by itself; nil when none does.
func (p *pair) flooded(ctx context.Context, when string) *harness.Finding {
	if f := flood(ctx, p.ServerRun, p.subscribers...); f != nil {
		return p.after(when, f)
	}
	return nil
}
