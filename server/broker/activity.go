package broker

import (
	"errors"
	"log/slog"
	"net"
	"sync"

	"pubsublab/protocol"
)

// activity logs which clients come and leave, in one order, and counts them in the same order: when
// clients come at the same time, each is counted with those that were logged before it. Where
// published lines are logged too, the log shows a publisher's leaving after the last of its lines.
// Its methods may be called concurrently; the log must not wait.
type activity struct {
	log *slog.Logger // static

	mu     sync.Mutex
	echo   bool // published lines are logged up to the end of the journal
	online [protocol.Subscriber + 1]int
	known  int                    // connections that have shown that they are clients'
	leaves map[departure][]func() // of publishers: what logs it, once the echo has come there
}

// departure is what the event of a publisher that left says in the order of messages.
type departure struct {
	name, topic string
	lines       uint64
	reason      protocol.Reason
}

func departureOf(e *protocol.Event) departure { return departure{e.Name, e.Topic, e.Lines, e.Reason} }

func newActivity(log *slog.Logger, echo bool) *activity {
	return &activity{log: log, echo: echo, leaves: map[departure][]func(){}}
}

// met logs a connection that has shown that it is a client's.
func (a *activity) met(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known++
	a.log.Info("client connected", "addr", s.addr, "clients", a.known)
}

// lost logs the end of a connection that never had a role.
func (a *activity) lost(s *session, err error) {
	if op := new(net.OpError); errors.As(err, &op) {
		err = op.Err // the addresses are known
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !s.known {
		a.log.Debug("connection closed without a word", "addr", s.addr, "reason", err)
		return
	}
	a.known--
	a.log.Info("client left without a role", "addr", s.addr, "reason", err, "clients", a.known)
}

// added logs a client that has got its role.
func (a *activity) added(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.online[s.hello.Role]++
	s.log().Info(s.who()+" added", a.onlineLocked()...)
}

// left logs that a client leaves, as the event e says. It does so at once or, where the lines of a
// publisher are logged, when the echo has come to e.
func (a *activity) left(s *session, e *protocol.Event) {
	record := func() {
		a.known--
		a.online[e.Role]--
		s.log().Info(s.who()+" left", append([]any{"lines", e.Lines, "reason", string(e.Reason)}, a.onlineLocked()...)...)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.echo && e.Role == protocol.Publisher {
		d := departureOf(e)
		a.leaves[d] = append(a.leaves[d], record)
		return
	}
	record()
}

// passed is called when the echo has come to e, or never will.
func (a *activity) passed(e *protocol.Event) {
	if e.Role != protocol.Publisher {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	d := departureOf(e)
	records := a.leaves[d]
	if len(records) == 0 {
		return // a client of another broker
	}
	records[0]()
	if a.leaves[d] = records[1:]; len(records) == 1 {
		delete(a.leaves, d)
	}
}

// skipped is called when the echo has left out a part of the order, or leaves out all that is to
// come.
func (a *activity) skipped(allToCome bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.echo = a.echo && !allToCome
	for _, records := range a.leaves {
		for _, record := range records {
			record()
		}
	}
	clear(a.leaves)
}

func (a *activity) onlineLocked() []any {
	return []any{"publishers", a.online[protocol.Publisher], "subscribers", a.online[protocol.Subscriber]}
}
