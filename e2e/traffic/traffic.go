// Package traffic is publishers and subscribers that go on while a test does something to brokers,
// and what they sent and received, for lab/history to judge.
package traffic

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/failed"
	"pubsublab/lab/history"
	"pubsublab/lab/report"
)

// Last is the name of the publisher that comes when all others have finished, so that subscribers
// know that they have.
const Last = "last"

// Traffic is the clients of one test. Its methods are for the test's own goroutine.
type Traffic struct {
	// Static.
	t      *testing.T
	ctx    context.Context
	addrs  func() string
	giveUp time.Duration
	pace   rate.Limit

	record *report.Recorder

	publishers, subscribers sync.WaitGroup
	over                    chan struct{} // closed when publishers are to finish

	mu      sync.Mutex
	history history.History
}

// New returns a traffic of nobody yet. Clients give up when ctx ends, or when they were away from all
// brokers for giveUp; addrs are those of the brokers, for a client to begin with any. Each publisher
// publishes at most pace lines a second: without a limit, a test on a slow machine has more lines to
// judge the longer it takes.
func New(t *testing.T, ctx context.Context, addrs func() string, giveUp time.Duration, pace rate.Limit) *Traffic {
	r := &Traffic{t: t, ctx: ctx, addrs: addrs, giveUp: giveUp, pace: pace, over: make(chan struct{}), record: report.NewRecorder()}
	t.Cleanup(r.keep)
	return r
}

// Config is that of a client with a name, or with none.
func (r *Traffic) Config(name string) pubsub.Config {
	return pubsub.Config{Name: name, GiveUp: r.giveUp}
}

// Publish publishes numbered lines, so many at a time, until there is nothing more to publish.
func (r *Traffic) Publish(name string, batch int) {
	r.t.Helper()
	p, err := pubsub.DialPublisher(r.t.Context(), r.addrs(), r.Config(name))
	require.NoError(r.t, err)
	r.publishers.Go(func() {
		sent := history.Publisher{Name: name}
		pace := rate.NewLimiter(r.pace, batch)
		for over := false; !over && err == nil; {
			if err = pace.WaitN(r.ctx, batch); err != nil {
				break
			}
			for range batch {
				line := fmt.Sprintf("%s %d %0*d", name, len(sent.Sent), len(sent.Sent)%200, 0)
				if err = p.Publish(r.ctx, line); err != nil {
					break
				}
				sent.Sent = append(sent.Sent, line)
			}
			select {
			case <-r.over:
				over = true
			default:
				err = errors.Join(err, p.Flush(r.ctx))
			}
		}
		if err = errors.Join(err, p.Close(r.ctx)); err != nil {
			r.t.Errorf("%s: %v", name, err)
		}
		sent.Acked = len(sent.Sent)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.history.Publishers = append(r.history.Publishers, sent)
	})
}

// Subscribe connects a subscriber, which receives in a goroutine of its own and returns what it got.
func (r *Traffic) Subscribe(cfg pubsub.Config, receive func(*pubsub.Subscriber) history.Subscriber) {
	r.t.Helper()
	sub, err := pubsub.DialSubscriber(r.t.Context(), r.addrs(), cfg)
	require.NoError(r.t, err)
	r.subscribers.Go(func() {
		defer sub.Close()
		got := receive(sub)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.history.Subscribers = append(r.history.Subscribers, got)
	})
}

// Finish has publishers come to an end. It may be called again.
func (r *Traffic) Finish() {
	select {
	case <-r.over:
	default:
		close(r.over)
	}
}

// Judge ends the publishing, waits for all clients, and asks for the verdict on what they sent and
// got.
func (r *Traffic) Judge() {
	r.t.Helper()
	r.Finish()
	r.publishers.Wait()
	r.Publish(Last, 1)
	r.publishers.Wait()
	r.subscribers.Wait()
	report := history.Check(r.history)
	require.True(r.t, report.OK(), report.String())
	r.t.Log(report)
}

// keep keeps the run where the test has failed.
func (r *Traffic) keep() {
	r.mu.Lock() // of a test that has failed, clients may still run
	defer r.mu.Unlock()
	run := r.record.Run(r.history)
	run.Nodes = append(run.Nodes, report.Node{Name: "broker", Role: "broker"})
	for _, p := range r.history.Publishers {
		run.Nodes = append(run.Nodes, report.Node{Name: p.Name, Role: "publisher", As: p.Name})
	}
	for _, s := range r.history.Subscribers {
		run.Nodes = append(run.Nodes, report.Node{Name: s.Name, Role: "subscriber"})
	}
	failed.Keep(r.t, run)
}

// Message is one that a subscriber has received now, for its history.
func Message(m *pubsub.Item) history.Message {
	return history.Message{Pos: m.Pos, From: m.From, Line: m.Line, Time: m.Time.UnixMicro(), Arrived: time.Now().UnixMicro()}
}
