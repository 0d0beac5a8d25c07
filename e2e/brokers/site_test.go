// Package brokers tests several brokers in this process that share a stream of
// a NATS server, with real clients that change brokers; lab/history judges.
package brokers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/client/pubsub"
	"pubsublab/lab/history"
	"pubsublab/protocol"
	"pubsublab/server/broker"
	"pubsublab/server/journal/jetstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// patience is how long anything may take that has to happen.
	patience = 60 * time.Second
	// publishers is how many there are while something happens.
	publishers = 3
)

// histories are the memories of the brokers: who begins with the first line at
// some has to be sent it from the stream.
var histories = []int{64 << 20, 1 << 20, 1 << 20}

// site is a NATS server, and brokers that use it.
type site struct {
	t       *testing.T
	options server.Options
	nats    *server.Server
	brokers []*member

	publishers, subscribers sync.WaitGroup
	over                    chan struct{} // closed when the faults are

	mu      sync.Mutex
	history history.History
}

const anyPort = "127.0.0.1:0"

// member is one broker of a site.
type member struct {
	addr    string
	broker  *broker.Broker
	journal *jetstream.Journal
	served  chan error
}

func newSite(t *testing.T, brokers int) *site {
	s := &site{t: t, over: make(chan struct{}), options: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
	}}
	s.startNATS()
	t.Cleanup(func() { s.stopNATS() })
	for i := range brokers {
		s.brokers = append(s.brokers, &member{addr: anyPort})
		s.start(i)
		t.Cleanup(func() { s.stop(i, patience) })
	}
	return s
}

func (s *site) startNATS() {
	options := s.options
	var err error
	s.nats, err = server.NewServer(&options)
	require.NoError(s.t, err)
	s.nats.Start()
	require.True(s.t, s.nats.ReadyForConnections(patience))
	s.options.Port = options.Port
}

func (s *site) stopNATS() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// start starts a broker, again where it was.
func (s *site) start(i int) {
	s.t.Helper()
	m := s.brokers[i]
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(s.t.Output(), nil)).With("broker", i)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	m.journal, err = jetstream.Connect(ctx, jetstream.Config{
		Servers: s.nats.ClientURL(), Stream: "test", Replicas: 1, Size: jetstream.MinSize, History: histories[i%len(histories)], Log: log,
	})
	require.NoError(s.t, err)
	listener, err := net.Listen("tcp", m.addr)
	require.NoError(s.t, err)
	if m.addr == anyPort {
		m.addr = listener.Addr().String()
	}
	m.broker = broker.New(broker.Config{Journal: m.journal, Log: log})
	m.served = make(chan error, 1)
	go func() { m.served <- m.broker.Serve(listener) }()
}

// stop shuts a broker down. With no time to drain it is as if it were killed:
// everybody is cut off, and what is not acknowledged is left where it is.
func (s *site) stop(i int, drain time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	s.brokers[i].broker.Shutdown(ctx)
	if s.brokers[i].served != nil {
		<-s.brokers[i].served
		s.brokers[i].served = nil
	}
}

// addrs returns the addresses of all brokers, for a client to begin with any.
func (s *site) addrs() string {
	var addrs []string
	for _, i := range rand.Perm(len(s.brokers)) {
		addrs = append(addrs, s.brokers[i].addr)
	}
	return strings.Join(addrs, ",")
}

func (s *site) config(name string) pubsub.Config {
	return pubsub.Config{Name: name, GiveUp: patience}
}

// publish publishes numbered lines, so many at a time, until there is nothing more
// to publish.
func (s *site) publish(name string, batch int) {
	s.t.Helper()
	p, err := pubsub.DialPublisher(s.t.Context(), s.addrs(), s.config(name))
	require.NoError(s.t, err)
	s.publishers.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		sent := history.Publisher{Name: name}
		for over := false; !over && err == nil; {
			for range batch {
				line := fmt.Sprintf("%s %d %0*d", name, len(sent.Sent), len(sent.Sent)%200, 0)
				if err = p.Publish(ctx, line); err != nil {
					break
				}
				sent.Sent = append(sent.Sent, line)
			}
			select {
			case <-s.over:
				over = true
			default:
				err = errors.Join(err, p.Flush(ctx))
			}
		}
		if err = errors.Join(err, p.Close(ctx)); err != nil {
			s.t.Errorf("%s: %v", name, err)
		}
		sent.Sure = len(sent.Sent)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.history.Publishers = append(s.history.Publishers, sent)
	})
}

// subscribe receives until all publishers have finished, the last one too. What it
// got is also what a Tally thinks it is.
func (s *site) subscribe(name string) {
	s.t.Helper()
	cfg := s.config(name)
	cfg.From = protocol.FromFirst()
	sub, err := pubsub.DialSubscriber(s.t.Context(), s.addrs(), cfg)
	require.NoError(s.t, err)
	s.subscribers.Go(func() {
		defer sub.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		got := history.Subscriber{Name: name, FromFirst: true, ToEnd: true}
		tally := pubsub.NewTally(protocol.Filter{})
		for tally.Finished() < publishers+1 || tally.Online() > 0 {
			item, err := sub.Next(ctx)
			if err != nil {
				s.t.Errorf("%s: after %d lines, with %d publishers online and %d that finished: %v",
					name, len(got.Received), tally.Online(), tally.Finished(), err)
				break
			}
			tally.Add(&item)
			switch {
			case item.Event == nil:
				got.Received = append(got.Received, history.Message{Pos: item.Pos, From: item.From, Line: item.Line})
			case item.Event.Kind == protocol.Gap:
				s.t.Errorf("%s: a gap of %d", name, item.Event.Missing)
			}
		}
		if report := tally.Report(); !report.OK() {
			s.t.Errorf("%s: %v: %q", name, report, report.Faults)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.history.Subscribers = append(s.history.Subscribers, got)
	})
}

// judge ends the publishing, waits for all clients, and asks for the verdict on
// what they sent and got.
func (s *site) judge() {
	s.t.Helper()
	close(s.over)
	s.publishers.Wait()
	s.publish("last", 1)
	s.publishers.Wait()
	s.subscribers.Wait()
	report := history.Check(s.history)
	require.True(s.t, report.OK(), report.String())
	s.t.Log(report)
}
