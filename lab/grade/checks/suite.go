package checks

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// Suite is what a check works with: the harness, what the checks of one submission share, and how
// this one is tried.
type Suite struct {
	*harness.Harness
	*shared
	fresh bool // it wants runs of the server that nobody used before
	alone bool // and that nobody uses afterwards
	round int  // how often it was tried before

	mu    sync.Mutex
	ended *harness.ServerRun // a run of its own in which the server ended by itself
}

// shared is what the first of the checks found out for the others.
type shared struct {
	pool      pool
	terminals atomic.Bool        // participants are the submission's own clients: what they say could not be learnt
	passed    sync.Map           // IDs of checks that did
	firstRun  *harness.ServerRun // of the first check, which is over; what it printed is still there
	printed   int                // bytes, by the first run before anybody else used it
	besides   bool               // the first run had other ports open than the one that it was told
	fixed     bool               // the source fixes the port, as is known when the first check is over
	claimed   *flock.Flock       // that no other grader of this machine uses that port; nil: nobody could be in the way

	asking         sync.Mutex
	asked, prompts bool // whether it is known that the server asks for the role, and whether it does

	pair *pair // that the pair checks use one after the other, of which one is tried at a time; nil: there is none

	detected *detection // how it wants to be talked to; nil: nobody has found that out yet

	making  sync.Mutex
	traffic *traffic // what the checks of the integration are about; made by the first of them
}

// NewSuite returns a suite for one submission. Close it at the end.
func NewSuite(c harness.Config) *Suite {
	g := &Suite{Harness: harness.New(c), shared: &shared{}}
	g.Spare = g.pool.keep
	return g
}

// For is the suite as a check gets it that was tried so many times before. Alone, it gets no run of
// the server that another check has used.
func (g *Suite) For(round int, alone bool) *Suite {
	return &Suite{Harness: g.Harness, shared: g.shared, round: round, fresh: alone, alone: alone}
}

// Close ends what the checks left running.
func (g *Suite) Close() {
	g.pool.close()
	g.EndPair()
	if g.claimed != nil {
		_ = g.claimed.Close() // the system forgets it with this process
	}
}

// Terminals reports whether participants are the submission's own clients at terminals, because what
// they say could not be learnt.
func (g *Suite) Terminals() bool { return g.terminals.Load() }

// OneAtATime reports whether only one run of the server can be there at a time. It is known when
// server-starts is over.
func (g *Suite) OneAtATime() bool { return g.pool.turn != nil }

// Pass notes that a check passed.
func (g *Suite) Pass(id string) { g.passed.Store(id, nil) }

// hasPassed reports whether a check passed; not before it is over.
func (g *Suite) hasPassed(id string) bool {
	_, ok := g.passed.Load(id)
	return ok
}

// Spoilt says that a check failed in a run that others had used, and not in one of its own: no run
// is used twice any more, unless the server takes long to start.
func (g *Suite) Spoilt() {
	if g.Sparing {
		g.pool.clear()
		return
	}
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.unshared = true
}

// noteEnd remembers a run in which the server ended by itself.
func (g *Suite) noteEnd(r *harness.ServerRun) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended == nil && !r.Stopped {
		g.ended = r
	}
}

// Told is a finding with what matters most in it: that the server ended, where it did.
func (g *Suite) Told(f *harness.Finding) *harness.Finding {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f == nil || g.ended == nil || strings.HasPrefix(f.What, "The server ended") {
		return f
	}
	crashed := *f
	crashed.What = "The server " + g.ended.Crash() + "."
	if g.ended.Program.Exit() != (runner.Exit{}) || crashed.Cause == "" {
		crashed.Cause = "An error was not caught: its last output is below."
	}
	crashed.Excerpt = harness.InOrder(append(slices.Clone(f.Excerpt), g.ended.Ended()...))
	return &crashed
}

// prompted reports whether the server asks for the role. It is found out once, by a connection that
// says nothing.
func (g *Suite) prompted(ctx context.Context) (bool, *harness.Finding, error) {
	g.asking.Lock()
	defer g.asking.Unlock()
	if g.asked {
		return g.prompts, nil, nil
	}
	r, err := g.Start(ctx, "prompt")
	if err != nil {
		return false, nil, err
	}
	defer r.Close()
	p, err := r.Connect(ctx, runner.Publisher)
	if err != nil {
		return false, r.Unreachable("when a client came"), nil
	}
	limited, cancel := r.WithTimeout(ctx)
	defer cancel()
	g.asked, g.prompts = true, p.Received.Wait(limited, harness.RolePrompt.Match)
	return g.prompts, nil, nil
}

// NotTriedError is why the grader could not try a check, which is nothing that the submission did
// wrong.
type NotTriedError struct{ Why string }

func (e *NotTriedError) Error() string { return e.Why }

// notTried says why the grader cannot try a check.
func notTried(why string) (*harness.Finding, error) { return nil, &NotTriedError{why} }

// Tried says what was tried beside the checks to understand the submission.
func (g *Suite) Tried() []string {
	tried := slices.Clone(g.Dialect.Tried)
	if len(g.Fixed) > 0 {
		tried = append(tried, "It listens at "+strings.Join(g.Fixed, ", ")+", which is not where it was told to, and was talked to there.")
	}
	return tried
}
