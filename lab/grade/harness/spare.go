package harness

import (
	"sync"
	"time"
)

// starts is how often the server was started, and how long it took until it listened.
type starts struct {
	mu            sync.Mutex
	count, waited int // waited: how many of them are in took
	took          time.Duration
}

// began notes a start, and returns how many there were before.
func (s *starts) began() (before int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return s.count - 1
}

// reached notes that a server listened.
func (s *starts) reached(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took, s.waited = s.took+took, s.waited+1
}

// Starts is how often the server was started, and how long it took on average until it accepted a
// connection; 0 when that is not known.
func (h *Harness) Starts() (count int, each time.Duration) {
	h.starts.mu.Lock()
	defer h.starts.mu.Unlock()
	return h.starts.count, h.starts.took / time.Duration(max(1, h.starts.waited))
}

// leave ends the connections of a run, and the server where it will not do for another.
func (h *Harness) leave(r *ServerRun) {
	r.Release = func() {
		if h.Sparing && r.Running() {
			h.left = r
			return
		}
		r.Program.Kill()
	}
	r.Close()
}

// end leaves the server to others where its language is known by now, and nothing else was said to it.
func (p *prober) end() {
	if r := p.server; r != nil && p.h.Spare != nil && p.h.Dialect.Dialect != nil && p.h.Dialect.From != KnownOne {
		r.Release = func() { p.h.Spare(r) }
	}
	p.close()
	if p.h.left != nil {
		p.h.left.Program.Kill()
		p.h.left = nil
	}
}
