package jetstream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/protocol"
	"pubsublab/server/journal/journaltest"
)

// load is some publishers that publish numbered lines, without runs, through several brokers: only
// the hop to the stream can lose or double them.
type load struct {
	t       *testing.T
	entries int // of each publisher
	names   []string
	acked   sync.WaitGroup
	running sync.WaitGroup
}

// publish has so many publishers publish through each broker.
func publish(t *testing.T, publishers, entries int, brokers ...*Journal) *load {
	l := &load{t: t, entries: entries}
	for i, j := range brokers {
		for n := range publishers {
			name := fmt.Sprintf("b%dp%d", i, n)
			l.names = append(l.names, name)
			l.running.Go(func() { l.run(j, name) })
		}
	}
	return l
}

func (l *load) run(j *Journal, name string) {
	ctx := wait.Context(l.t)
	next := 0
	for n := range l.entries {
		l.acked.Add(1)
		e := journaltest.Lines(fmt.Sprintf("%s: %d.a %d.b", name, n, n))
		err := j.Append(ctx, e, func(err error) {
			if err != nil || n != next {
				l.t.Errorf("%s: entry %d: %v, expected %d to be acknowledged", name, n, err, next)
			}
			next++
			l.acked.Done()
		})
		if err != nil {
			l.t.Errorf("%s: %v", name, err)
			l.acked.Done()
			return
		}
	}
}

// wait waits until everything is acknowledged.
func (l *load) wait() {
	l.t.Helper()
	done := make(chan struct{})
	go func() {
		l.running.Wait()
		l.acked.Wait()
		close(done)
	}()
	wait.For(l.t, done, "everything is acknowledged")
}

// check checks that all brokers have the same order, with every line once.
func (l *load) check(brokers ...*Journal) {
	l.t.Helper()
	var first []string
	for i, j := range brokers {
		require.NoError(l.t, j.sync(l.t.Context()))
		got := everything(l.t, j)
		if i == 0 {
			first = got
			continue
		}
		require.Equal(l.t, first, got, "P9: one order and the same positions at all brokers")
	}
	next := map[string]int{}
	for i, item := range first {
		var pos, n int
		var name, rest string
		_, err := fmt.Sscanf(item, "%d %s %d.%s", &pos, &name, &n, &rest)
		require.NoError(l.t, err, item)
		require.Equal(l.t, i+1, pos)
		want := fmt.Sprintf("%d.%s", next[name]/2, []string{"a", "b"}[next[name]%2])
		require.Equal(l.t, want, fmt.Sprintf("%d.%s", n, rest), "of %s: nothing is lost, doubled or out of order", name)
		next[name]++
	}
	for _, name := range l.names {
		require.Equal(l.t, 2*l.entries, next[name+":"], "all lines of %s", name)
	}
}

// everything reads all that a broker has.
func everything(t testing.TB, j *Journal) (items []string) {
	t.Helper()
	p, err := j.Open(t.Context(), protocol.FromFirst(), protocol.Filter{})
	require.NoError(t, err)
	for {
		entries, sealed := p.Segment.Entries(p.Entry)
		items = append(items, journaltest.Texts(entries)[p.Line:]...)
		if !sealed {
			j.Release(p.Segment)
			return items
		}
		p, err = j.Advance(t.Context(), p.Segment)
		require.NoError(t, err)
	}
}

// sameState checks that all brokers know the same, once they have read all.
func sameState(t testing.TB, brokers ...*Journal) {
	t.Helper()
	wait.Until(t, func() bool {
		first := state(brokers[0])
		for _, j := range brokers[1:] {
			if state(j) != first {
				return false
			}
		}
		stream, err := brokers[0].js.Stream(t.Context(), brokers[0].cfg.Stream)
		return err == nil && brokers[0].seq.Load() == stream.CachedInfo().State.LastSeq
	}, "all know the same: it is a pure function of the stream")
}

func state(j *Journal) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.sequencer.save(j.id))
}

// lossy is a way to the stream on which messages get lost, doubled and delayed, and answers too.
type lossy struct {
	mu   sync.Mutex
	rng  *rand.Rand
	next publishFunc

	lost, unheard, doubled int
}

// answer is what a publisher hears.
type answer struct {
	jetstream.PubAckFuture
	err chan error
}

func (a *answer) Ok() <-chan *jetstream.PubAck { return nil }
func (a *answer) Err() <-chan error            { return a.err }

func unanswered() *answer {
	a := &answer{err: make(chan error, 1)}
	a.err <- errors.New("no answer, by chance")
	return a
}

func (l *lossy) publish(m *nats.Msg) (jetstream.PubAckFuture, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n := l.rng.IntN(100); {
	case n < 2:
		l.lost++
		return unanswered(), nil
	case n < 3:
		l.lost++
		return nil, errors.New("cannot send, by chance")
	case n < 5:
		l.unheard++
		_, err := l.next(m)
		return unanswered(), err
	case n < 10:
		l.doubled++
		time.AfterFunc(time.Duration(l.rng.IntN(300))*time.Millisecond, func() { l.next(m) })
	}
	return l.next(m)
}

// The stream's messages are whatever comes of it; the order is right.
func TestFaultsOnTheWayToTheStream(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	n := startNode(t)
	brokers := make([]*Journal, 3)
	ways := make([]*lossy, len(brokers))
	for i := range brokers {
		cfg := n.config()
		cfg.History = 64 << 20
		cfg.group = 1 << 10 // so that there are many messages
		ways[i] = &lossy{rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		if i < 2 {
			cfg.wrap = func(next publishFunc) publishFunc {
				ways[i].next = next
				return ways[i].publish
			}
		}
		brokers[i] = connect(t, cfg)
	}
	l := publish(t, 2, 2000, brokers...)
	l.wait()
	l.check(brokers...)
	for _, w := range ways[:2] {
		require.Positive(t, w.lost)
		require.Positive(t, w.unheard)
		require.Positive(t, w.doubled)
	}
	sameState(t, append(brokers, connect(t, n.config()))...)
}

// One server is stopped and comes back with what it had stored.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	cfg := n.config()
	cfg.History = 64 << 20
	a, b := connect(t, cfg), connect(t, cfg)
	l := publish(t, 2, 10_000, a, b)
	for i := range uint64(3) {
		a.waitFor(t, 5000+25_000*i)
		n.stop()
		n.start()
	}
	l.wait()
	l.check(a, b)
	sameState(t, a, b, connect(t, cfg))
}

// Every server of a cluster is stopped in turn, and comes back.
func TestClusterRestarts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	nodes := startCluster(t, 3)
	cfg := nodes[0].config()
	cfg.Servers = nodes[0].url + "," + nodes[1].url + "," + nodes[2].url
	cfg.Replicas = 3
	cfg.History = 64 << 20
	a, b := connect(t, cfg), connect(t, cfg)
	l := publish(t, 2, 10_000, a, b)
	for i, n := range nodes {
		a.waitFor(t, 5000+25_000*uint64(i))
		n.stop()
		a.waitFor(t, 15_000+25_000*uint64(i)) // the two others go on
		n.start()
		wait.Until(t, func() bool { return caughtUp(n, cfg.Stream) }, "the node has caught up")
	}
	l.wait()
	l.check(a, b)
	sameState(t, a, b, connect(t, cfg))
}

// waitFor waits until so many lines are read.
func (j *Journal) waitFor(t *testing.T, lines uint64) {
	t.Helper()
	wait.Until(t, func() bool { return j.Next() > lines }, "%d lines are read", lines)
}
