package broker

import (
	"cmp"
	"context"
	"slices"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// register makes a session the publisher or subscriber of its name, and returns how many of each
// are registered (P4). A session of the same role and name is kicked first: when register returns,
// it publishes and receives nothing more (P5). Of several that come while one leaves, the last has
// the name: each takes it at once, and waits for the one that it took it from. known is the token
// that the client came in with; nil is none.
func (b *Broker) register(s *session, known *digest) (publishers, subscribers int, err error) {
	names := b.names[s.hello.Role]
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closing:
		return 0, 0, errShutdown
	case !b.auth.holds(known):
		return 0, 0, errTokenGone
	}
	old := names[s.name]
	names[s.name] = s
	s.token = known
	if old != nil {
		old.kick(errTakeover)
		b.mu.Unlock()
		<-old.left // even where s is kicked meanwhile: who kicks it relies on old having left, too
		b.mu.Lock()
	}
	if s.ctx.Err() != nil {
		b.freeNameLocked(s)
		return 0, 0, context.Cause(s.ctx)
	}
	b.past.joined[s.hello.Role]++
	s.id, s.since = b.past.joined[protocol.Publisher]+b.past.joined[protocol.Subscriber], time.Now()
	b.registered = append(b.registered, s)
	if s.hello.Role == protocol.Subscriber {
		s.subscribing = true
		b.doneFeedingLocked(s)
	}
	if !s.watches() {
		b.active++
		if b.idleTimer != nil {
			b.idleTimer.Stop()
			b.idleTimer = nil
		}
	}
	publishers, subscribers = b.onlineLocked()
	return publishers, subscribers, nil
}

// Clients returns how many publishers are online, and how many other connections there are.
func (b *Broker) Clients() (publishers, others int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	publishers, _ = b.onlineLocked()
	return publishers, len(b.sessions) - publishers
}

func (b *Broker) onlineLocked() (publishers, subscribers int) {
	return len(b.names[protocol.Publisher]), len(b.names[protocol.Subscriber])
}

// watches reports whether a session is that of a browser, which looks on: nobody goes on running
// because of a page that is left open.
func (s *session) watches() bool { return s.http && s.hello.Role == protocol.Subscriber }

func (b *Broker) freeNameLocked(s *session) {
	if names := b.names[s.hello.Role]; names[s.name] == s {
		delete(names, s.name)
	}
}

// unregister frees the name of a registered session, which ends for this reason, unless another one
// has taken it over.
func (b *Broker) unregister(s *session, why protocol.Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.freeNameLocked(s)
	b.past.leftLocked(s, why)
	i := b.placeLocked(s.id)
	b.registered = slices.Delete(b.registered, i, i+1)
	s.id = 0
	if s.watches() {
		return
	}
	if b.active--; b.active == 0 && b.cfg.IdleAfter > 0 && !b.closing {
		b.idleTimer = time.AfterFunc(b.cfg.IdleAfter, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.active > 0 {
				return // somebody came just in time
			}
			select {
			case <-b.idle:
			default:
				close(b.idle)
			}
		})
	}
}

// placeLocked returns where the client with this number is among the registered, or the next one.
func (b *Broker) placeLocked(id uint64) int {
	i, _ := slices.BinarySearchFunc(b.registered, id, func(s *session, id uint64) int { return cmp.Compare(s.id, id) })
	return i
}

// forget removes a connection from the lists of connections.
func (b *Broker) forget(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sessions, s)
	delete(b.refusing, s.raw)
	b.uncountLocked(s)
}

// doneFeeding records that a session will publish nothing, or nothing more.
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

// tell appends an event to the journal (P13). It fails where the journal is closed or cannot be
// reached yet, so that nobody could receive the event, or where the client that the event is about
// is leaving.
func (b *Broker) tell(ctx context.Context, e *protocol.Event) error {
	return b.journal.Append(ctx, journal.Entry{Event: e}, func(error) {})
}

// Health returns why a new client could not be served; nil if it could. It does what serving a new
// client would need.
func (b *Broker) Health(ctx context.Context) error {
	if err := b.journal.Health(); err != nil {
		return err
	}
	b.mu.Lock()
	closing := b.closing
	b.mu.Unlock()
	if closing {
		return errShutdown
	}
	cursor, err := b.feeds.Open(ctx, protocol.Filter{}, protocol.Plain, protocol.From{}, func() {}, nil)
	if err != nil {
		return err
	}
	cursor.Close()
	return nil
}
