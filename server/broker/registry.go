package broker

import (
	"context"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// register makes a session a publisher or subscriber of its name, and returns
// how many of each are there (P4). A live session of the same role and name is
// sent away first, and has done all it will do when register returns (P5).
func (b *Broker) register(s *session) (publishers, subscribers int, err error) {
	names := b.names[s.hello.Role]
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if b.closing {
			return 0, 0, errShutdown
		}
		old := names[s.name]
		if old == nil {
			break
		}
		old.kick(errTakeover)
		b.mu.Unlock()
		select {
		case <-old.left:
		case <-s.ctx.Done():
		}
		b.mu.Lock()
		if s.ctx.Err() != nil {
			return 0, 0, context.Cause(s.ctx)
		}
	}
	names[s.name] = s
	if s.hello.Role == protocol.Subscriber {
		s.subscribing = true
		b.doneFeedingLocked(s)
	}
	if b.idleTimer != nil {
		b.idleTimer.Stop()
		b.idleTimer = nil
	}
	publishers, subscribers = b.onlineLocked()
	return publishers, subscribers, nil
}

func (b *Broker) onlineLocked() (publishers, subscribers int) {
	return len(b.names[protocol.Publisher]), len(b.names[protocol.Subscriber])
}

// unregister takes a registered session's name off the list, and returns how
// many are left.
func (b *Broker) unregister(s *session) (publishers, subscribers int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.names[s.hello.Role], s.name)
	publishers, subscribers = b.onlineLocked()
	if publishers+subscribers == 0 && b.cfg.IdleAfter > 0 && !b.closing {
		b.idleTimer = time.AfterFunc(b.cfg.IdleAfter, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if p, q := b.onlineLocked(); p+q > 0 {
				return // somebody came just in time
			}
			select {
			case <-b.idle:
			default:
				close(b.idle)
			}
		})
	}
	return publishers, subscribers
}

// forget takes a connection off the list of all.
func (b *Broker) forget(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sessions, s)
	if b.perAddress[s.host]--; b.perAddress[s.host] == 0 {
		delete(b.perAddress, s.host)
	}
}

// doneFeeding tells that a session will publish nothing, or nothing more.
func (b *Broker) doneFeeding(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doneFeedingLocked(s)
}

func (b *Broker) doneFeedingLocked(s *session) {
	if s.feeding {
		s.feeding = false
		b.feeding.Done()
	}
}

// clients returns how many connections there are.
func (b *Broker) clients() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sessions)
}

// tell puts an event into the order (P13). Where that fails, the journal is
// closed and nobody is left to hear of it, or the client it is about is leaving.
func (b *Broker) tell(ctx context.Context, e *protocol.Event) {
	_ = b.journal.Append(ctx, journal.Entry{Event: e}, func(error) {})
}
