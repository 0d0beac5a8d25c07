package harness

import (
	"sync"
	"time"

	"pubsublab/lab/grade/harness/runner"
)

// LateStart is how long a server may take to start before it is not started again where that can be
// avoided, and the report says so.
const LateStart = 2 * time.Second

// starts is how often the server was started, and how long it took until it listened.
type starts struct {
	mu            sync.Mutex
	count, waited int // waited: how many of them are in took
	took          time.Duration
}

// began notes a start.
func (s *starts) began() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
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

// Adopt is a run of a server that somebody else has started at a port, and that nobody has used.
func (h *Harness) Adopt(program *runner.Program, port int, label string) *ServerRun {
	r := &ServerRun{Config: h.Config, Dialect: &h.Dialect, Port: port, Program: program, Began: time.Now(), random: h.random(label), starts: &h.starts}
	go r.watch()
	return r
}
