package harness

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"pubsublab/lab/grade/harness/runner"
)

// Ready waits until subscribers receive, by publishing from a connection of its own until they do:
// a server need not say when it has registered somebody. It returns those that received nothing for
// the whole timeout, without what it took to start a client that publishes; or of several messages, when
// nothing more could come.
func (r *ServerRun) Ready(ctx context.Context, subscribers ...*Participant) []*Participant {
	end := time.Now().Add(r.MessageTimeout())
	missing := subscribers
	const quick, enough = 3, 3 // messages that are not waited for long, and in vain
	gone := false
	for tries, vain := 0, 0; vain < enough && time.Now().Before(end) && ctx.Err() == nil && r.Running(); tries++ {
		if r.Prober == nil || gone || r.Prober.Closed() {
			opening := time.Now()
			p := r.openProber(ctx)
			if p == nil {
				return missing
			}
			r.Prober, gone = p, false
			end = end.Add(time.Since(opening))
		}
		if err := r.Say(ctx, r.Prober.Next("")); err != nil {
			r.Prober.HangUp()
			gone = true
			Pause(ctx, 50*time.Millisecond)
			continue
		}
		wait := r.Pace.within(2, 100*time.Millisecond, r.Timeout)
		if tries >= quick {
			wait = max(wait, time.Second)
		}
		soon, cancel := context.WithTimeout(ctx, min(time.Until(end), wait))
		arrived := r.Poll(soon, func() bool {
			missing = unready(missing, r.Prober)
			return len(missing) == 0
		})
		if arrived {
			cancel()
			return nil
		}
		if soon.Err() == nil {
			vain++
		}
		cancel()
	}
	return missing
}

func (r *ServerRun) openProber(ctx context.Context) *Participant {
	ctx, cancel := context.WithTimeout(ctx, r.MessageTimeout())
	defer cancel()
	if r.Terminals {
		all, err := r.JoinTerminals(ctx, runner.Publisher)
		if err != nil {
			return nil
		}
		return all[0]
	}
	conn, err := r.dial(ctx)
	if err != nil {
		return nil
	}
	p := r.add("the grader's own publisher", 0, r.newSocket(conn, r.Dialect))
	if err := r.Register(ctx, p, runner.Publisher); err != nil {
		p.HangUp()
		return nil
	}
	return p
}

func unready(subscribers []*Participant, prober *Participant) []*Participant {
	var missing []*Participant
	for _, p := range subscribers {
		if !ContainsFold(p.Received.Bytes(), fmt.Sprintf("m%d-%s-", prober.Number, prober.Word)) {
			missing = append(missing, p)
		}
	}
	return missing
}

// Reaches publishes every now and then until a subscriber has a message of a publisher that was
// published since, whatever becomes of the server, and reports whether it has.
func (r *ServerRun) Reaches(ctx context.Context, from, to *Participant, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var tokens []string
	has := func() bool {
		return slices.ContainsFunc(tokens, func(token string) bool { return to.Has(0, token) })
	}
	for ctx.Err() == nil && !from.Closed() && !to.Closed() {
		m := from.Next("")
		tokens = append(tokens, m.Token)
		_ = from.Publish(m) // it is seen whether it arrives
		soon, cancel := context.WithTimeout(ctx, r.Pace.within(2, 300*time.Millisecond, r.MessageTimeout()))
		arrived := Poll(soon, has)
		cancel()
		if arrived {
			return true
		}
	}
	return has()
}

// Await waits until all subscribers have all messages, for as long as some still come, and a
// timeout more unless nothing can come.
func (r *ServerRun) Await(ctx context.Context, subscribers []*Participant, messages []Message) bool {
	var last int
	progress := time.Now()
	busy, cancel := r.WhileBusy(ctx)
	defer cancel()
	for {
		total, complete := 0, true
		for _, p := range subscribers {
			seen := map[string]bool{}
			for _, s := range p.Seen() {
				seen[s.Token] = true
			}
			total += len(seen)
			for _, m := range messages {
				complete = complete && seen[m.Token]
			}
		}
		if total > last {
			last, progress = total, time.Now()
		}
		if complete || time.Since(progress) > r.MessageTimeout() || busy.Err() != nil {
			return complete
		}
		Pause(busy, 10*time.Millisecond)
	}
}

// FirstMissing waits for messages, and returns the first that one of the subscribers has not
// received.
func (r *ServerRun) FirstMissing(ctx context.Context, subscribers []*Participant, messages []Message) (*Participant, Message, bool) {
	if r.Await(ctx, subscribers, messages) {
		return nil, Message{}, false
	}
	for _, m := range messages {
		for _, s := range subscribers {
			if !s.Has(0, m.Token) {
				return s, m, true
			}
		}
	}
	return nil, Message{}, false
}

// Settle waits a little for what should not come.
func (r *ServerRun) Settle(ctx context.Context) {
	silence := r.Pace.within(5, 200*time.Millisecond, 2*time.Second)
	ctx, cancel := context.WithTimeout(ctx, 5*silence)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range r.Participants {
		all.Go(func() { p.Received.Quiet(ctx, silence) })
	}
	all.Wait()
}

// Populate registers some subscribers and publishers, and lets messages flow: those of the
// publishers before are not judged, so that what happens to a first message is not judged twice.
func (r *ServerRun) Populate(ctx context.Context, subscribers, publishers int) (s, p []*Participant, f *Finding) {
	roles := slices.Concat(slices.Repeat([]string{runner.Subscriber}, subscribers), slices.Repeat([]string{runner.Publisher}, publishers))
	var all []*Participant
	var err error
	if r.Terminals {
		all, err = r.JoinTerminals(ctx, roles...)
	}
	for _, role := range roles[len(all):] {
		var one *Participant
		if err == nil {
			one, err = r.Join(ctx, role)
		}
		all = append(all, one)
	}
	if err != nil {
		return nil, nil, r.Unreachable("while clients came")
	}
	s, p = all[:subscribers], all[subscribers:]
	if r.Terminals && publishers > 0 {
		r.Prober = p[0] // another client would take long to start
	}
	r.Ready(ctx, s...)
	for _, one := range p {
		_ = r.Say(ctx, one.Next("")) // a warm-up
	}
	return s, p, nil
}
