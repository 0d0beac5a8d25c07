package checks

import (
	"context"
	"fmt"
	"sync"
	"time"

	"pubsublab/lab/grade/harness"
)

// pool is the runs of the server that checks use one after the other, so that a server which takes
// long to start is not started for each. A check that fails there is tried again on a run of its
// own: what another check left behind is nobody's fault. Methods may be called concurrently.
type pool struct {
	// turn holds a token while nobody uses the server, where only one can run at a time because its
	// source fixes the port; nil: as many as are wanted
	turn chan struct{}

	// guarded by mu
	mu       sync.Mutex
	idle     []*harness.ServerRun
	unshared bool // a run was spoilt by the check before: no run is used twice any more
	starts   int
	ready    time.Duration // how long it took in all until somebody could connect
	waited   int           // how many starts are in ready
}

// take returns a run that nobody uses, or nil.
func (p *pool) take() *harness.ServerRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		r := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if r.Running() {
			return r
		}
		go r.Program.Kill() // with what it left behind
	}
	return nil
}

// give puts a run back whose participants have left.
func (p *pool) give(r *harness.ServerRun) {
	p.mu.Lock()
	keep := !p.unshared && r.Running()
	if keep {
		p.idle = append(p.idle, r)
	}
	if took := r.Reached(); took > 0 && !r.Shared {
		p.ready, p.waited = p.ready+took, p.waited+1
	}
	p.mu.Unlock()
	if !keep {
		r.Program.Kill()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.unshared = true
	p.mu.Unlock()
	p.clear()
}

// clear ends the runs that nobody uses.
func (p *pool) clear() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, r := range idle {
		r.Program.Kill()
	}
}

// exclusively says that only one run can be there at a time.
func (p *pool) exclusively() {
	if p.turn == nil {
		p.turn = make(chan struct{}, 1)
		p.turn <- struct{}{}
	}
}

// Exclusive waits until nobody uses the server, where only one can run at a time, and ends what is
// left of it. The caller calls done when its own use of it is over.
func (g *Suite) Exclusive(ctx context.Context) (done func(), err error) {
	if g.pool.turn == nil {
		return func() {}, nil
	}
	select {
	case <-g.pool.turn:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	g.pool.clear()
	return sync.OnceFunc(func() { g.pool.turn <- struct{}{} }), nil
}

// Start starts the server, or takes a run of it that an earlier check has left. The label makes the
// random words.
func (g *Suite) Start(ctx context.Context, label string) (*harness.ServerRun, error) {
	label = fmt.Sprintf("%s-%d", label, g.round)
	done := func() {}
	if turn := g.pool.turn; turn != nil {
		select {
		case <-turn:
			done = sync.OnceFunc(func() { turn <- struct{}{} })
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if !g.alone {
		if r := g.pool.take(); r != nil {
			again := g.Again(r, label)
			g.follow(again, done)
			return again, nil
		}
	}
	if g.pool.turn != nil {
		g.pool.clear()
	}
	r, err := g.started(ctx, label)
	if err != nil {
		done()
		return nil, err
	}
	g.follow(r, done)
	return r, nil
}

// reserved is how long the system may keep a port for a server that has ended.
const reserved = 65 * time.Second

// started starts a server. Where the port is fixed and it ran before, one that ends at once is
// started again for as long as the system may reserve the port: what that costs is a check's of its
// own.
func (g *Suite) started(ctx context.Context, label string) (*harness.ServerRun, error) {
	for began := time.Now(); ; {
		g.pool.mu.Lock()
		g.pool.starts++
		again := g.pool.starts > 1 && g.pool.turn != nil
		g.pool.mu.Unlock()
		r, err := g.Harness.Start(ctx, label)
		if err != nil || !again || r.Listens(ctx) == nil || r.Running() || time.Since(began) > reserved {
			return r, err
		}
		r.Close()
		harness.Pause(ctx, 2*time.Second)
	}
}

// follow sees to the end of a run: whether the server ended by itself, and who uses it next.
func (g *Suite) follow(r *harness.ServerRun, done func()) {
	r.Terminals = g.Terminals()
	r.Release = func() {
		defer done()
		if !r.Running() {
			g.noteEnd(r)
		}
		if g.alone {
			r.Program.Kill()
			return
		}
		g.pool.give(r)
	}
}

// Fixture is a run of the server with some registered subscribers and publishers: see
// [harness.ServerRun.Populate].
func (g *Suite) Fixture(ctx context.Context, label string, subscribers, publishers int) (r *harness.ServerRun, s, p []*harness.Participant, f *harness.Finding, err error) {
	if r, err = g.Start(ctx, label); err != nil {
		return nil, nil, nil, nil, err
	}
	if s, p, f = r.Populate(ctx, subscribers, publishers); f != nil {
		r.Close()
	}
	return r, s, p, f, nil
}
