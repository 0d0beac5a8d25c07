// Package brokers tests several brokers in this process that share a stream of
// a NATS server, with real clients that change brokers; lab/history judges.
package brokers

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/ports"
	"pubsublab/e2e/traffic"
	"pubsublab/e2e/wait"
	"pubsublab/lab/history"
	"pubsublab/protocol"
	"pubsublab/server/broker"
	"pubsublab/server/journal/jetstream"
)

// nats.go 1.55 can leave a goroutine behind when an object is put, as each broker does when it
// starts: it waits for a channel that was nil already when it began.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

const (
	// forEver is how long anything may take that has to happen: a machine may be slow.
	forEver = 24 * time.Hour
	// pace is how many lines a second a publisher sends.
	pace = 3000
	// publishers is how many there are while something happens.
	publishers = 3
)

// histories are the memories of the brokers: who begins with the first line at
// some has to be sent it from the stream.
var histories = []int{64 << 20, 1 << 20, 1 << 20}

// site is a NATS server, and brokers that use it.
type site struct {
	*traffic.Traffic
	t       *testing.T
	options server.Options
	nats    *server.Server
	brokers []*member
}

// member is one broker of a site.
type member struct {
	addr    string
	broker  *broker.Broker
	journal *jetstream.Journal
	served  chan error
}

func newSite(t *testing.T, brokers int) *site {
	s := &site{t: t, options: server.Options{
		Host: "127.0.0.1", Port: ports.Free(t), NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
	}}
	s.Traffic = traffic.New(t, wait.Context(t), s.addrs, forEver, pace)
	s.startNATS()
	t.Cleanup(func() { s.stopNATS() })
	for i := range brokers {
		s.brokers = append(s.brokers, &member{addr: ports.Addr(t)})
		s.start(i)
		t.Cleanup(func() { s.stop(i, forEver) })
	}
	return s
}

func (s *site) startNATS() {
	options := s.options
	var err error
	s.nats, err = server.NewServer(&options)
	require.NoError(s.t, err)
	s.nats.Start()
	require.True(s.t, s.nats.ReadyForConnections(forEver))
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
	ctx := wait.Context(s.t)
	var err error
	m.journal, err = jetstream.Connect(ctx, jetstream.Config{
		Servers: s.nats.ClientURL(), Stream: "test", Replicas: 1, Size: jetstream.MinSize, History: histories[i%len(histories)], Log: log,
	})
	require.NoError(s.t, err)
	listener, err := net.Listen("tcp", m.addr)
	require.NoError(s.t, err)
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

// subscribe receives until all publishers have finished, the last one too. What it
// got is also what a Verifier takes it for.
func (s *site) subscribe(name string) {
	s.t.Helper()
	cfg := s.Config(name)
	cfg.From = protocol.FromFirst()
	s.Subscribe(cfg, func(sub *pubsub.Subscriber) history.Subscriber {
		ctx := wait.Context(s.t)
		got := history.Subscriber{Name: name, FromFirst: true, ToEnd: true}
		verifier := pubsub.NewVerifier(protocol.Filter{})
		for verifier.Finished() < publishers+1 || verifier.Online() > 0 {
			item, err := sub.Next(ctx)
			if err != nil {
				s.t.Errorf("%s: after %d lines, with %d publishers online and %d that finished: %v",
					name, len(got.Received), verifier.Online(), verifier.Finished(), err)
				break
			}
			verifier.Add(&item)
			switch {
			case item.Event == nil:
				got.Received = append(got.Received, traffic.Message(&item))
			case item.Event.Kind == protocol.Gap:
				s.t.Errorf("%s: a gap of %d", name, item.Event.Missing)
			}
		}
		if report := verifier.Report(); !report.OK() {
			s.t.Errorf("%s: %v: %q", name, report, report.Faults)
		}
		return got
	})
}
