package harness

import (
	"context"
	"slices"
	"sync"
	"time"

	"pubsublab/lab/grade/harness/runner"
	"pubsublab/lab/internal/proc"
)

const (
	// atRest is how long all programs of a run have been at rest when nothing of what they sent is under
	// way any more: the system keeps back a small write for at most 200 ms (Nagle, and a late ACK).
	atRest = 300 * time.Millisecond
	// restLook is how often it is looked whether they are.
	restLook = 50 * time.Millisecond
)

// resting is what was seen of a run's programs by those who wait for something. The zero value has seen
// nothing.
type resting struct {
	mu    sync.Mutex
	watch proc.Watch
	said  int // bytes, by all
	next  time.Time
	rest  time.Duration // as of the last look
}

// WhileBusy returns a context that ends when ctx does, or when nothing more can come, however long one
// waits: a moment after the server has ended, or when the server, and all clients of the run at
// terminals, have done nothing for a while but to wait for somebody else. Where the system does not say
// what programs do, the second is never seen.
func (r *ServerRun) WhileBusy(ctx context.Context) (context.Context, context.CancelFunc) {
	return whileBusy(ctx, r.Program, lastBytes, r.restful)
}

// WhileBusy returns a context that ends when ctx does, or when nothing more can come of the client by
// itself: it has ended, or waits for what it is typed or sent.
func (t *Terminal) WhileBusy(ctx context.Context) (context.Context, context.CancelFunc) {
	var watch proc.Watch
	return whileBusy(ctx, t.Program, 0, func() time.Duration { return runner.Rest(&watch, t.Program) })
}

// whileBusy is a context that ends with ctx, a while after a program has ended, or when all has been at
// rest for long enough.
func whileBusy(ctx context.Context, program *runner.Program, after time.Duration, rest func() time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	began := time.Now()
	go func() {
		defer cancel()
		looks := time.NewTicker(restLook)
		defer looks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-program.Done():
				Pause(ctx, after)
				return
			case <-looks.C:
				if min(rest(), time.Since(began)) >= atRest {
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// WithTimeout is that of the configuration, and ends when nothing more can come, too: see WhileBusy.
func (r *ServerRun) WithTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return r.Within(ctx, r.MessageTimeout())
}

// Within is WhileBusy with a limit.
func (r *ServerRun) Within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	limited, end := context.WithTimeout(ctx, limit)
	busy, cancel := r.WhileBusy(limited)
	return busy, func() { cancel(); end() }
}

// restful is how long all programs of the run are at rest, and nothing was said.
func (r *ServerRun) restful() time.Duration {
	r.joining.Lock()
	participants := slices.Clone(r.Participants)
	r.joining.Unlock()
	s := &r.resting
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Before(s.next) {
		return s.rest
	}
	s.next, s.rest = now.Add(restLook), 0
	programs, said := []*runner.Program{r.Program}, r.Program.Output.Len()
	for _, p := range participants {
		said += p.Received.Len()
		t := p.Terminal()
		if t == nil || p.Closed() {
			continue
		}
		if programs = append(programs, t.Program); !t.settledIn() {
			return 0
		}
		for _, c := range t.relay.connections() {
			said += c.Up.Len() + c.Down.Len()
		}
	}
	if said != s.said {
		s.said, s.watch = said, proc.Watch{}
	}
	s.rest = runner.Rest(&s.watch, programs...)
	return s.rest
}
