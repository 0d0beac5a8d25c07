package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/broker"
)

// What /connz says is {"brokers":[...],"connections":[...]}: so there is room for several brokers.

type connzBroker struct {
	Name        string         `json:"name"`
	Version     string         `json:"version"`
	Listen      string         `json:"listen"`
	Journal     connzJournal   `json:"journal"`
	Started     string         `json:"started"`
	Time        string         `json:"time"`
	Ready       bool           `json:"ready"`
	Problem     string         `json:"problem"`
	Publishers  uint64         `json:"publishers"`
	Subscribers uint64         `json:"subscribers"`
	Connections int            `json:"connections"`
	MaxClients  int            `json:"max_clients"`
	Received    broker.Traffic `json:"received"`
	Sent        broker.Traffic `json:"sent"`
	Waiting     int            `json:"waiting"`
	Gaps        uint64         `json:"gaps"`
	Peers       []string       `json:"peers"`
}

type connzJournal struct {
	Kind     string `json:"kind"`
	ID       string `json:"id"`
	Position uint64 `json:"position"`
	Oldest   uint64 `json:"oldest"`
	Bytes    int    `json:"bytes"`
	Limit    int    `json:"limit"`
	Sync     string `json:"sync,omitempty"`
}

type connzClient struct {
	ID       uint64   `json:"id"`
	Broker   string   `json:"broker"`
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	Address  string   `json:"address"`
	Via      string   `json:"via"`
	Topic    string   `json:"topic"`
	Format   string   `json:"format"`
	Since    string   `json:"since"`
	Lines    uint64   `json:"lines"`
	Position uint64   `json:"position"`
	Lag      connzLag `json:"lag"`
	Waiting  bool     `json:"waiting"`
}

type connzLag struct {
	Messages uint64 `json:"messages"`
	Bytes    int    `json:"bytes"`
}

// stamp returns a time as the formats of P13 have it.
func stamp(t time.Time) string { return string(protocol.AppendTime(nil, t)) }

// What is in memory of /connz for somebody who may take his time is less than 64 KiB: so many clients
// at once, and what they are rendered to, which is written when it is so many bytes.
const (
	connzPart  = 32
	connzWrite = 12 << 10
)

// connz tells who is online, and how the broker is.
func (s *side) connz(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.parameters(r); err != nil {
		return err
	}
	b, last := s.aboutBroker(r)
	w.Header().Set("Content-Type", "application/json")
	text := append([]byte(`{"brokers":[`), toJSON(b)...)
	text = append(text, `],"connections":[`...)
	for after, more := uint64(0), true; more; {
		clients := s.Broker.ClientsAfter(after, connzPart)
		more = len(clients) == connzPart
		for i := range clients {
			c := &clients[i]
			if c.ID > last { // who comes while somebody takes his time is not waited for
				more = false
				break
			}
			if after > 0 {
				text = append(text, ',')
			}
			text = append(text, toJSON(s.aboutClient(c))...)
			after = c.ID
		}
		if more && len(text) < connzWrite {
			continue
		}
		if _, err := w.Write(text); err != nil {
			return nil // nobody is there to be told
		}
		text = text[:0]
	}
	w.Write([]byte("]}\n"))
	return nil
}

// aboutBroker returns what is told of the broker, and the number of the client that came last.
func (s *side) aboutBroker(r *http.Request) (b connzBroker, last uint64) {
	x := s.Broker.Stats()
	b = connzBroker{
		Name: s.About.Name, Version: s.About.Version, Listen: s.About.Listen, Started: stamp(s.About.Started), Time: stamp(time.Now()),
		Ready: true, Publishers: x.Online.Publishers, Subscribers: x.Online.Subscribers, Connections: x.Connections,
		MaxClients: x.MaxClients, Received: x.Received, Sent: x.Sent, Waiting: x.Waiting, Gaps: x.Gaps, Peers: s.About.Peers,
		Journal: connzJournal{
			Kind: s.About.Journal, ID: x.JournalID, Position: max(x.Journal.Next, 1) - 1, Oldest: x.Journal.Oldest,
			Bytes: x.Journal.Bytes, Limit: x.Journal.Limit, Sync: x.Sync,
		},
	}
	if err := s.Broker.Health(r.Context()); err != nil {
		b.Ready, b.Problem = false, err.Error()
	}
	if b.Peers == nil {
		b.Peers = []string{}
	}
	return b, x.Registered.Publishers + x.Registered.Subscribers
}

func (s *side) aboutClient(c *broker.Client) connzClient {
	x := connzClient{
		ID: c.ID, Broker: s.About.Name, Name: c.Name, Role: c.Role.String(), Address: c.Addr, Via: "tcp", Topic: c.Topic,
		Since: stamp(c.Since), Lines: c.Messages, Position: c.Progress.Position,
		Lag: connzLag{c.Progress.Messages, c.Progress.Bytes}, Waiting: c.Waiting,
	}
	if c.HTTP {
		x.Via = "http"
	}
	if c.Role == protocol.Subscriber {
		x.Format = c.Format.String()
	}
	return x
}

// metrics tells the same in numbers, for Prometheus.
func (s *side) metrics(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.parameters(r); err != nil {
		return err
	}
	var text strings.Builder
	writeMetrics(&text, s.Broker.Stats(), s.About.Version)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprint(w, text.String())
	return nil
}
