package broker

import (
	"time"

	"pubsublab/protocol"
	"pubsublab/server/feed"
	"pubsublab/server/journal"
)

// Stats is what a broker is doing, and has done since it was made.
type Stats struct {
	Journal     journal.Extent
	JournalID   string // "" while it is not known
	Sync        string // Config.Sync
	Connections int    // all that are served, with and without a role
	MaxClients  int
	Clients     []Client // in the order in which they were registered
	Online      ByRole   // how many of them
	Registered  ByRole   // how many ever
	Received    Traffic  // from publishers
	Sent        Traffic  // to subscribers
	Left        map[protocol.Reason]uint64
	Waiting     int    // publishers that wait for room
	Gaps        uint64 // that subscribers were told because what they asked for is no longer kept (P12)
}

// ByRole counts clients.
type ByRole struct{ Publishers, Subscribers uint64 }

// Traffic is messages, and their bytes: of lines as they came, or as they were rendered.
type Traffic struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// Client is one that is registered.
type Client struct {
	ID      uint64 // among all that were ever registered
	Role    protocol.Role
	Name    string
	Addr    string
	HTTP    bool
	Topic   string          // of a publisher, or a subscriber's filter; "" for none
	Format  protocol.Format // of a subscriber
	Since   time.Time
	Waiting bool // for room in the journal, or to take something that is there
	Traffic
	Progress feed.Progress // of a subscriber

	s *session
}

// totals are of clients that have left, but for joined. They are guarded by the Broker's lock.
type totals struct {
	joined [protocol.Subscriber + 1]uint64
	moved  [protocol.Subscriber + 1]Traffic
	left   map[protocol.Reason]uint64
}

func (t *totals) leftLocked(s *session, why protocol.Reason) {
	t.left[why]++
	t.moved[s.hello.Role].add(s.traffic())
}

func (t *Traffic) add(more Traffic) {
	t.Messages += more.Messages
	t.Bytes += more.Bytes
}

func (s *session) traffic() Traffic { return Traffic{s.lines.Load(), s.bytes.Load()} }

// Stats returns what the broker is doing. Its counters never go back.
func (b *Broker) Stats() Stats {
	x := Stats{
		JournalID: b.journal.ID(), Sync: b.cfg.Sync, MaxClients: b.cfg.MaxClients, Left: map[protocol.Reason]uint64{},
		Gaps: b.feeds.Gaps(),
	}
	b.clients(&x)
	x.Journal = b.complete(x.Clients)
	for i := range x.Clients {
		c := &x.Clients[i]
		switch {
		case c.Role == protocol.Subscriber:
			x.Sent.add(c.Traffic)
		case c.Waiting:
			x.Waiting++
		}
	}
	return x
}

// ClientsAfter returns those that follow the one with this ID in Stats.Clients, as they are now, at
// most so many; 0 is before the first. So nobody who shows them slowly keeps all of them in memory.
func (b *Broker) ClientsAfter(id uint64, most int) []Client {
	b.mu.Lock()
	next := b.registered[b.placeLocked(id+1):]
	clients := make([]Client, 0, min(len(next), most))
	for _, s := range next[:cap(clients)] {
		clients = append(clients, s.clientLocked())
	}
	b.mu.Unlock()
	b.complete(clients)
	return clients
}

// clientLocked returns what the Broker's lock guards.
func (s *session) clientLocked() Client {
	return Client{
		ID: s.id, Role: s.hello.Role, Name: s.name, Addr: s.addr, HTTP: s.http, Topic: s.topic(), Format: s.hello.Format,
		Since: s.since, Waiting: s.waiting.Load(), Traffic: s.traffic(), s: s,
	}
}

// complete fills in the rest.
func (b *Broker) complete(clients []Client) journal.Extent {
	for i := range clients {
		c := &clients[i]
		if c.Role == protocol.Subscriber {
			c.Progress = c.s.progress()
			c.Messages = max(c.s.lines.Load(), c.Progress.Lines)
		}
	}
	extent := b.journal.Extent()
	for i := range clients {
		c := &clients[i]
		c.Waiting = c.Waiting && (c.Role == protocol.Subscriber || extent.Waiting)
	}
	return extent
}

// clients fills in what the Broker's lock guards.
func (b *Broker) clients(x *Stats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	x.Connections = len(b.sessions)
	x.Received, x.Sent = b.past.moved[protocol.Publisher], b.past.moved[protocol.Subscriber]
	x.Registered = ByRole{b.past.joined[protocol.Publisher], b.past.joined[protocol.Subscriber]}
	for why, n := range b.past.left {
		x.Left[why] = n
	}
	publishers, subscribers := b.onlineLocked()
	x.Online = ByRole{uint64(publishers), uint64(subscribers)}
	for _, s := range b.registered {
		c := s.clientLocked()
		if c.Role == protocol.Publisher {
			x.Received.add(c.Traffic)
		}
		x.Clients = append(x.Clients, c)
	}
}

// progress returns how far a subscriber has come: the zero value before it begins and once it ends.
func (s *session) progress() feed.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor == nil {
		return feed.Progress{}
	}
	return s.cursor.Progress()
}
