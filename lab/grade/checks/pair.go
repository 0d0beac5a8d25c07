package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// pair is a run of the submission's own server with its own clients at terminals: what the pair
// checks are about. They use it one after the other. Whatever the programs say to each other,
// nothing is assumed of it: what is typed at a publisher has to be shown by a subscriber.
type pair struct {
	*harness.ServerRun
	publishers, subscribers []*harness.Participant // that are there, and were seen to work
	deaf                    *harness.Finding       // who of the first four received nothing of whom; nil: everybody did
	few                     bool                   // not all that came worked
	left                    map[string]bool        // role and way of those that left
	need                    time.Duration          // the longest that a message needed so far
	start                   time.Duration          // the longest that clients needed until they had connected
	talk                    *talk                  // made by the first check that is about it
	last                    *harness.Message       // that was typed at a publisher right before terminate; nil: none was
}

// onPair makes a check of what is looked at with so many publishers and subscribers.
func onPair(publishers, subscribers int, look func(context.Context, *pair) *harness.Finding) func(context.Context, *Suite) (*harness.Finding, error) {
	return func(ctx context.Context, g *Suite) (*harness.Finding, error) {
		p, f, err := g.somePair(ctx, publishers, subscribers)
		if f != nil || err != nil {
			return f, err
		}
		if g.alone {
			defer p.Close()
		}
		if p.lacks(publishers, subscribers) {
			return notTried(fmt.Sprintf("it takes %s and %s, and there were no more than %d and %d that worked",
				harness.Count(publishers, "publisher"), harness.Count(subscribers, "subscriber"), len(p.publishers), len(p.subscribers)))
		}
		return look(ctx, p), nil
	}
}

// onLeaver makes a check of what is looked at as one of so many leaves. Where not all work, one of each
// role has to do: that one ends is no matter of the others.
func onLeaver(publishers, subscribers int, look func(context.Context, *pair) *harness.Finding) func(context.Context, *Suite) (*harness.Finding, error) {
	all, each := onPair(publishers, subscribers, look), onPair(1, 1, look)
	return func(ctx context.Context, g *Suite) (*harness.Finding, error) {
		p := g.pair
		if p == nil || !p.few || !p.lacks(publishers, subscribers) {
			return all(ctx, g)
		}
		if p.tidy(); p.lacks(1, 1) {
			g.EndPair() // and a new one, in which there is one of each
		}
		return each(ctx, g)
	}
}

// lacks reports whether fewer are there that work.
func (p *pair) lacks(publishers, subscribers int) bool {
	return len(p.publishers) < publishers || len(p.subscribers) < subscribers
}

// somePair is the pair that the checks before have left, or a new one where that is no place to look
// at anything else.
func (g *Suite) somePair(ctx context.Context, publishers, subscribers int) (*pair, *harness.Finding, error) {
	if g.alone {
		return g.newPair(ctx)
	}
	if p := g.pair; p != nil && p.Running() && p.complete(ctx, publishers, subscribers) == nil &&
		(p.deaf != nil || len(p.publishers) >= publishers && len(p.subscribers) >= subscribers) {
		return p, nil, nil
	}
	g.EndPair()
	p, f, err := g.newPair(ctx)
	g.pair = p
	return p, f, err
}

// EndPair ends the pair, which no check wants to use again.
func (g *Suite) EndPair() {
	if g.pair != nil {
		g.pair.Close()
		g.pair = nil
	}
}

// startPair starts the server for a pair, or takes the first run of one that takes long to start.
func (g *Suite) startPair(ctx context.Context) (*harness.ServerRun, error) {
	done, err := g.turn(ctx)
	if err != nil {
		return nil, err
	}
	label := fmt.Sprintf("pair-%d", g.round)
	var r *harness.ServerRun
	if first := g.pool.first(g.Sparing && !g.alone); first != nil {
		r = g.Again(first, label)
	} else {
		if g.pool.turn != nil {
			g.pool.clear()
		}
		if r, err = g.started(ctx, label); err != nil {
			done()
			return nil, err
		}
	}
	r.Terminals = true
	r.Release = func() {
		r.Program.Kill()
		done()
	}
	return r, nil
}

// newPair starts the server, and two publishers and two subscribers, and waits until messages
// arrive.
//
// Where a subscriber that comes first is turned away, or ends the server, and others can be served behind
// a publisher, that is what the pair is deaf for, and the others are looked at.
func (g *Suite) newPair(ctx context.Context) (*pair, *harness.Finding, error) {
	p, f, broke, err := g.pairOf(ctx, runner.Subscriber, runner.Publisher, runner.Subscriber, runner.Publisher)
	if broke {
		if other, again, _, err := g.pairOf(ctx, runner.Publisher, runner.Subscriber, runner.Publisher, runner.Subscriber); again == nil && err == nil {
			other.deaf = f
			return other, nil, nil
		}
	}
	return p, f, err
}

// pairOf is newPair with clients that come in an order. It reports whether the server or a client ended,
// where nothing works.
func (g *Suite) pairOf(ctx context.Context, roles ...string) (p *pair, f *harness.Finding, broke bool, err error) {
	r, err := g.startPair(ctx)
	if err != nil {
		return nil, nil, false, err
	}
	p = &pair{ServerRun: r, left: map[string]bool{}}
	if f = r.Listens(ctx); f == nil {
		p.deaf, f = p.join(ctx, roles...)
		broke = f != nil && (!r.Running() || slices.ContainsFunc(r.Participants, (*harness.Participant).Closed))
	}
	if f != nil {
		r.Close()
		return nil, f, broke, nil
	}
	return p, nil, false, nil
}

// complete sees to it that there are at least so many that work, as far as that can be had.
func (p *pair) complete(ctx context.Context, publishers, subscribers int) *harness.Finding {
	p.tidy()
	if missing := publishers - len(p.publishers); missing > 0 && !p.left[runner.Subscriber+byInterrupt] {
		subscribers = max(subscribers, 2) // which that check wants: they start beside each other
	}
	var roles []string
	if missing := publishers - len(p.publishers); missing > 0 && !p.few {
		roles = append(roles, slices.Repeat([]string{runner.Publisher}, missing)...)
	}
	if missing := subscribers - len(p.subscribers); missing > 0 && !p.few {
		roles = append(roles, slices.Repeat([]string{runner.Subscriber}, missing)...)
	}
	if len(roles) == 0 {
		return nil
	}
	deaf, f := p.join(ctx, roles...)
	if f == nil && p.deaf == nil {
		f = deaf
	}
	return f
}

// tidy takes those that have ended out of those that work.
func (p *pair) tidy() {
	p.publishers = slices.DeleteFunc(p.publishers, (*harness.Participant).Closed)
	p.subscribers = slices.DeleteFunc(p.subscribers, (*harness.Participant).Closed)
}

// join starts clients in roles, and waits until messages of and to each arrive. Those of and to
// whom none does are left out: deaf says who. It is a finding when nobody is left.
func (p *pair) join(ctx context.Context, roles ...string) (deaf, f *harness.Finding) {
	began := time.Now()
	all, err := p.JoinTerminals(ctx, roles...)
	if err != nil {
		return nil, &harness.Finding{What: harness.Sentence("the client cannot be started: " + err.Error())}
	}
	publishers, subscribers := slices.Clone(p.publishers), slices.Clone(p.subscribers)
	var settling sync.WaitGroup
	for i, role := range roles {
		settling.Go(func() { all[i].Terminal().Settled(ctx, 2*p.Timeout) })
		if role == runner.Publisher {
			publishers = append(publishers, all[i])
		} else {
			subscribers = append(subscribers, all[i])
		}
	}
	settling.Wait()
	p.start = max(p.start, time.Since(began))
	var left []*harness.Participant // that heard nothing where others did: they are not waited for again
	for _, from := range publishers {
		to := slices.DeleteFunc(slices.Clone(subscribers), func(s *harness.Participant) bool {
			return heardOf(s, from) || slices.Contains(left, s)
		})
		missing := p.probe(ctx, from, to)
		if len(missing) > 0 && deaf == nil {
			deaf = p.silent(from, missing[0])
		}
		if len(missing) < len(subscribers) {
			left = append(left, missing...)
		}
	}
	if f := p.ended(); f != nil { // of what its own clients said
		f.Excerpt, f.Certain = p.Ended(), true
		return nil, f
	}
	publishers = slices.DeleteFunc(publishers, func(from *harness.Participant) bool {
		return !slices.ContainsFunc(subscribers, func(s *harness.Participant) bool { return heardOf(s, from) })
	})
	if len(publishers) == 0 {
		return nil, deaf
	}
	had := len(p.publishers) + len(p.subscribers)
	p.publishers = publishers
	p.subscribers = slices.DeleteFunc(slices.Clone(subscribers), func(s *harness.Participant) bool {
		return slices.ContainsFunc(publishers, func(from *harness.Participant) bool { return !heardOf(s, from) })
	})
	if len(p.subscribers) == 0 { // each heard only some: one publisher and those that heard it have to do
		p.publishers = publishers[:1]
		p.subscribers = slices.DeleteFunc(subscribers, func(s *harness.Participant) bool { return !heardOf(s, publishers[0]) })
	}
	p.few = p.few || len(p.publishers)+len(p.subscribers) < had+len(roles)
	return deaf, nil
}

// probe publishes until all subscribers show something of a publisher, at a pace that a slow server
// follows, and returns those that do not.
func (p *pair) probe(ctx context.Context, from *harness.Participant, to []*harness.Participant) (missing []*harness.Participant) {
	missing = to
	limit := max(2*p.Timeout, 4*p.need, 3*p.start)
	const enough = 3 // messages in vain, behind which nothing more could come
	vain := 0
	for wait, progress := 150*time.Millisecond, time.Now(); len(missing) > 0 && time.Since(progress) < limit && vain < enough; wait = min(2*wait, limit) {
		m := from.Next("")
		if from.Closed() || !p.Running() || ctx.Err() != nil || from.Publish(m) != nil {
			return missing
		}
		sent, before := time.Now(), len(missing)
		within := max(wait, 2*p.need)
		p.until(ctx, within, func() bool {
			missing = slices.DeleteFunc(slices.Clone(missing), func(s *harness.Participant) bool { return s.Has(0, m.Token) })
			return len(missing) == 0 || from.Closed() || slices.ContainsFunc(missing, (*harness.Participant).Closed)
		})
		if len(missing) < before {
			p.need, progress, vain = max(p.need, time.Since(sent)), time.Now(), 0
		} else if time.Since(sent) < within && !slices.ContainsFunc(missing, (*harness.Participant).Closed) {
			vain++
		}
		// What came later than its turn is shown, too.
		missing = slices.DeleteFunc(slices.Clone(missing), func(s *harness.Participant) bool { return heardOf(s, from) })
		if alive := slices.DeleteFunc(slices.Clone(missing), (*harness.Participant).Closed); len(alive) == 0 && len(missing) > 0 {
			return missing
		}
	}
	return missing
}

// heardOf reports whether a subscriber shows anything of a publisher.
func heardOf(s, from *harness.Participant) bool {
	return s.Has(0, fmt.Sprintf("m%d-%s-", from.Number, from.Word))
}

// until waits until done holds, not longer than a limit, nor than the server runs or anything can
// come, and reports whether it does.
func (p *pair) until(ctx context.Context, limit time.Duration, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p.Poll(ctx, done)
	return done()
}

// say types a message at a publisher, and waits until all subscribers show it. It returns those
// that do not.
func (p *pair) say(ctx context.Context, from *harness.Participant, to []*harness.Participant) (m harness.Message, missing []*harness.Participant) {
	m = from.Next("")
	if from.Publish(m) != nil {
		return m, to
	}
	sent := time.Now()
	if missing = p.awaited(ctx, m, to); len(missing) == 0 {
		p.need = max(p.need, time.Since(sent))
	}
	return m, missing
}

// awaited waits until subscribers show a message, and returns those that do not.
func (p *pair) awaited(ctx context.Context, m harness.Message, to []*harness.Participant) (missing []*harness.Participant) {
	p.until(ctx, max(p.Timeout, 5*p.need), func() bool {
		missing = slices.DeleteFunc(slices.Clone(to), func(s *harness.Participant) bool { return s.Has(0, m.Token) })
		return !slices.ContainsFunc(missing, func(s *harness.Participant) bool { return !s.Closed() && !m.From.Closed() })
	})
	return missing
}

// serves sees whether the publishers that are there still reach the subscribers that are there; the last
// of three messages has to, as an error at one who has left may come with the second message only. That
// nobody is there any more is no service.
func (p *pair) serves(ctx context.Context, when string) *harness.Finding {
	p.tidy()
	if f := p.ended(); f != nil {
		f.Excerpt = p.Ended()
		return p.after(when, f)
	}
	if len(p.publishers) == 0 || len(p.subscribers) == 0 {
		return p.after(when, &harness.Finding{
			What:  "The others had ended, too.",
			Cause: "The server closes the connections of all, or what one client says is passed on to the others as an order to end.",
		})
	}
	for _, from := range p.publishers {
		var m harness.Message
		var missing []*harness.Participant
		for range 3 {
			m, missing = p.say(ctx, from, p.subscribers)
		}
		if len(missing) > 0 {
			return p.after(when, p.lost(m, missing[0]))
		}
	}
	return nil
}

// after is a finding that says when it was.
func (p *pair) after(when string, f *harness.Finding) *harness.Finding {
	told := *f
	told.What = fmt.Sprintf("%s: %s", upper(when), f.What)
	return &told
}

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
