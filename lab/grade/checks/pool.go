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
	busy     int           // how many runs somebody uses, or starts, that come back
	back     chan struct{} // closed when one of them does
	unshared bool          // a run was spoilt by the check before: no run is used twice any more
}

// take returns a run that nobody uses, or nil. Where the server takes long to start, a run that will come
// back is waited for; who gets none then is the only one to start another.
func (p *pool) take(ctx context.Context, sparing bool) (*harness.ServerRun, error) {
	for {
		p.mu.Lock()
		for len(p.idle) > 0 {
			r := p.idle[len(p.idle)-1]
			p.idle = p.idle[:len(p.idle)-1]
			if r.Running() {
				p.busy++
				p.mu.Unlock()
				return r, nil
			}
			go r.Program.Kill() // with what it left behind
		}
		if !sparing || p.busy == 0 {
			p.busy++
			p.mu.Unlock()
			return nil, nil
		}
		if p.back == nil {
			p.back = make(chan struct{})
		}
		back := p.back
		p.mu.Unlock()
		select {
		case <-back:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// first returns a run that nobody uses, if it is wanted and there is one.
func (p *pool) first(wanted bool) *harness.ServerRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !wanted || len(p.idle) == 0 || !p.idle[0].Running() {
		return nil
	}
	r := p.idle[0]
	p.idle = p.idle[1:]
	return r
}

// give puts a run back whose participants have left, that take returned or that was started then; nil is
// one that could not be.
func (p *pool) give(r *harness.ServerRun) {
	p.mu.Lock()
	p.busy--
	p.mu.Unlock()
	p.keep(r)
}

// keep puts a run there for whoever is next.
func (p *pool) keep(r *harness.ServerRun) {
	p.mu.Lock()
	keep := r != nil && !p.unshared && r.Running()
	if keep {
		p.idle = append(p.idle, r)
	}
	if p.back != nil {
		close(p.back)
		p.back = nil
	}
	p.mu.Unlock()
	if !keep && r != nil {
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
	if done, err = g.turn(ctx); err == nil && g.pool.turn != nil {
		g.pool.clear()
	}
	return done, err
}

// turn waits until nobody uses the server, where only one can run at a time.
func (g *Suite) turn(ctx context.Context) (done func(), err error) {
	if g.pool.turn == nil {
		return func() {}, nil
	}
	select {
	case <-g.pool.turn:
		return sync.OnceFunc(func() { g.pool.turn <- struct{}{} }), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Start starts the server, or takes a run of it that an earlier check has left. The label makes the
// random words.
func (g *Suite) Start(ctx context.Context, label string) (*harness.ServerRun, error) {
	label = fmt.Sprintf("%s-%d", label, g.round)
	done, err := g.turn(ctx)
	if err != nil {
		return nil, err
	}
	if !g.fresh {
		r, err := g.pool.take(ctx, g.Sparing)
		if err != nil {
			done()
			return nil, err
		}
		if r != nil {
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
		if !g.fresh {
			g.pool.give(nil)
		}
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
		before, _ := g.Starts()
		again := before > 0 && g.pool.turn != nil
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
		switch {
		case g.alone:
			r.Program.Kill()
		case g.fresh:
			g.pool.keep(r)
		default:
			g.pool.give(r)
		}
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
