package checks

import (
	"context"
	"fmt"
	"sync"
	"time"

	"pubsublab/lab/grade/harness"
)

// talk is what was typed at the publishers of a pair, once for the checks that judge what became of
// it.
type talk struct {
	slow     []harness.Message // each when the one before had arrived, or been waited for
	together []harness.Message // of all publishers at the same time, of each likewise
	quick    []harness.Message // of one publisher, without waiting
	paste    []harness.Message // of one publisher, all at once; only where the quick ones were shown
	lost     []loss            // of slow and together
}

// loss is a message that a subscriber did not show.
type loss struct {
	harness.Message
	to       *harness.Participant
	together bool
}

const (
	slowRounds = 3
	atOnceEach = 5
	quickCount = 20
	quickPace  = 15 * time.Millisecond // as quickly as a person can possibly type
	pasted     = 40                    // lines at once
	quickLimit = 3 * time.Second       // for all of them, at a server that needs long for each
)

// talked makes the talk, once.
func (p *pair) talked(ctx context.Context) *talk {
	if p.talk != nil {
		return p.talk
	}
	t := &talk{}
	p.talk = t
	for range slowRounds {
		for _, from := range p.publishers {
			m, missing := p.say(ctx, from, p.subscribers)
			t.slow = append(t.slow, m)
			t.note(m, missing, false)
		}
	}
	var mu sync.Mutex
	var talking sync.WaitGroup
	for _, from := range p.publishers {
		talking.Go(func() {
			for range atOnceEach {
				m := from.Next("")
				if from.Publish(m) != nil {
					return // it has ended, which is told elsewhere
				}
				missing := p.awaited(ctx, m, p.subscribers)
				mu.Lock()
				t.together = append(t.together, m)
				t.note(m, missing, true)
				mu.Unlock()
			}
		})
	}
	talking.Wait()
	if len(t.lost) > 0 && t.missing(false) == nil {
		p.alone(ctx, t)
	}
	for range max(4, min(quickCount, int(quickLimit/max(p.need, time.Millisecond)))) {
		m := p.publishers[0].Next("")
		if p.publishers[0].Publish(m) != nil {
			break
		}
		t.quick = append(t.quick, m)
		harness.Pause(ctx, quickPace)
	}
	p.arrive(ctx, t.quick)
	if n := len(t.quick); n == quickCount && p.shown(t.quick[n-1]) {
		for range pasted {
			m := p.publishers[0].Next("")
			t.paste = append(t.paste, m)
		}
		_ = p.publishers[0].PublishTogether(t.paste...) // what is lost of it is not judged
		p.arrive(ctx, t.paste)
	}
	p.Settle(ctx)
	return t
}

// alone lets one publisher type at a time, as much as was typed together and more, until something
// is lost of that, too: what gets lost every now and then is no business of those that type together.
func (p *pair) alone(ctx context.Context, t *talk) {
	for range 2 * atOnceEach {
		for _, from := range p.publishers {
			m, missing := p.say(ctx, from, p.subscribers)
			t.slow = append(t.slow, m)
			if t.note(m, missing, false); len(missing) > 0 {
				return
			}
		}
	}
}

// arrive waits until the last of messages is shown.
func (p *pair) arrive(ctx context.Context, messages []harness.Message) {
	if n := len(messages); n > 0 {
		p.until(ctx, max(p.Timeout, time.Duration(2*n)*p.need), func() bool { return p.shown(messages[n-1]) })
	}
}

// shown reports whether all subscribers that are there show a message.
func (p *pair) shown(m harness.Message) bool {
	for _, s := range p.subscribers {
		if !s.Closed() && !s.Has(0, m.Token) {
			return false
		}
	}
	return true
}

func (t *talk) note(m harness.Message, missing []*harness.Participant, together bool) {
	for _, s := range missing {
		t.lost = append(t.lost, loss{m, s, together})
	}
}

// missing is the first loss, of those together or of those before; nil when there is none.
func (t *talk) missing(together bool) *loss {
	for i, l := range t.lost {
		if l.together == together {
			return &t.lost[i]
		}
	}
	return nil
}

// pairWorks is the check pair-works:
//
//	typed: m
//	a publisher ──▶ server ──▶ a subscriber shows: ... m ...
var pairWorks = Check{
	ID:         "pair-works",
	Title:      "what is typed at a publisher is shown by a subscriber",
	From:       "A3, A6, A7",
	Needs:      []string{"server-starts"},
	Foundation: true,
	Client:     true,
	Pair:       true,
	Run:        runPairWorks,
}

func runPairWorks(ctx context.Context, g *Suite) (*harness.Finding, error) {
	f, err := onPair(1, 1, func(context.Context, *pair) *harness.Finding { return nil })(ctx, g)
	if f == nil || err != nil {
		return f, err
	}
	if one, err := g.plainFault(ctx); one != nil || err != nil { // which says more
		return one, err
	}
	return f, nil
}

// pairDelivers is the check pair-delivers:
//
//	typed: m1                     typed: m2
//	publisher 1 ──▶ server ◀── publisher 2
//	                  └──▶ subscriber 1, 2 show: m1, m2
var pairDelivers = Check{
	ID:     "pair-delivers",
	Title:  "each message is shown by every subscriber",
	From:   "A7",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run: onPair(1, 1, func(ctx context.Context, p *pair) *harness.Finding {
		if p.deaf != nil {
			return p.deaf
		}
		l := p.talked(ctx).missing(false)
		if l == nil {
			return nil
		}
		return p.lost(l.Message, l.to)
	}),
}

// pairNotDoubled is the check pair-not-doubled:
//
//	typed: m
//	a publisher ──▶ server ──▶ a subscriber shows: m      and not again
var pairNotDoubled = Check{
	ID:     "pair-not-doubled",
	Title:  "each message is shown once",
	From:   "A7",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run: onPair(1, 1, func(ctx context.Context, p *pair) *harness.Finding {
		t := p.talked(ctx)
		return p.doubled(append(t.slow, t.together...)...)
	}),
}

// doubled is that a subscriber shows one of some messages more than once; nil when none does.
func (p *pair) doubled(messages ...harness.Message) *harness.Finding {
	for _, s := range p.subscribers {
		n := counts(s)
		for _, m := range messages {
			if n[m.Token] > 1 && s.Terminal().Count(m.Token) != 1 {
				return &harness.Finding{
					What:    fmt.Sprintf("%q was typed once at %s, and %s showed it %d times.", m.Token, m.From.Name, s.Name, n[m.Token]),
					Cause:   "A subscriber is in the server's list more than once, or two loops send the same message.",
					Excerpt: p.story(m.From, s, m.Token),
				}
			}
		}
	}
	return nil
}

// pairNotToPublishers is the check pair-not-to-publishers:
//
//	typed: m
//	publisher 1 ──▶ server ──▶ subscriber 1, 2
//	                server ──nothing──▶ publisher 2
var pairNotToPublishers = Check{
	ID:     "pair-not-to-publishers",
	Title:  "a publisher is not sent what another one publishes",
	From:   "A7",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run: onPair(2, 1, func(ctx context.Context, p *pair) *harness.Finding {
		t := p.talked(ctx)
		for _, other := range p.publishers {
			for _, m := range append(t.slow, t.together...) {
				if m.From == other {
					continue // its own may be seen while it is typed, and in what says that it was sent
				}
				if _, down := other.Terminal().Carried(m.Token); !down && !other.Has(0, m.Token) {
					continue
				}
				return &harness.Finding{
					What:    fmt.Sprintf("%q was typed at %s, and %s was sent it; only subscribers should be.", m.Token, m.From.Name, other.Name),
					Cause:   "The loop that sends runs over all clients: run it over the subscribers only.",
					Excerpt: p.story(m.From, other, m.Token),
				}
			}
		}
		return nil
	}),
}

// pairTogether is the check pair-together:
//
//	publisher 1 ──m1 ... m5──▶ server ──all──▶ each subscriber
//	publisher 2 ──m1 ... m5──▶ server      at the same time
var pairTogether = Check{
	ID:     "pair-together",
	Title:  "two publishers can type at the same time",
	From:   "A5, A7",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run: onPair(2, 1, func(ctx context.Context, p *pair) *harness.Finding {
		l := p.talked(ctx).missing(true)
		if l == nil || p.talk.missing(false) != nil {
			return nil // those that are lost when one types at a time are judged already
		}
		f := p.lost(l.Message, l.to)
		f.What = "Two publishers typed at the same time: " + f.What
		return f
	}),
}
