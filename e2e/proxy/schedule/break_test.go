package schedule

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/proxy"
	"pubsublab/e2e/wait"
	"pubsublab/lab/history"
	"pubsublab/protocol"
)

// breaking is a way to break a connection at a byte of one direction.
type breaking struct {
	name string
	plan func(at int64) proxy.Plan
}

var breakings = []breaking{
	{"reset up", func(at int64) proxy.Plan { return proxy.Plan{Up: proxy.Way{Fault: proxy.Reset, At: at}} }},
	{"reset down", func(at int64) proxy.Plan { return proxy.Plan{Down: proxy.Way{Fault: proxy.Reset, At: at}} }},
	{"reset up, the client hears of it later", func(at int64) proxy.Plan {
		return proxy.Plan{Up: proxy.Way{Fault: proxy.Reset, At: at, Lag: 5 * time.Millisecond}}
	}},
	{"reset down, the broker hears of it later", func(at int64) proxy.Plan {
		return proxy.Plan{Down: proxy.Way{Fault: proxy.Reset, At: at, Lag: 5 * time.Millisecond}}
	}},
	{"half-close up", func(at int64) proxy.Plan { return proxy.Plan{Up: proxy.Way{Fault: proxy.HalfClose, At: at}} }},
	{"half-close down", func(at int64) proxy.Plan { return proxy.Plan{Down: proxy.Way{Fault: proxy.HalfClose, At: at}} }},
}

// each does a session once for each of the first bytes of one direction, with a
// first connection that breaks there. It returns how many did break.
func (b breaking) each(t *testing.T, addr string, bytes int64, session func(name, addr string) error) (broken int64) {
	var next, breaks atomic.Int64
	var workers sync.WaitGroup
	for range 32 { // they mostly wait
		workers.Go(func() {
			for at := next.Add(1) - 1; at < bytes; at = next.Add(1) - 1 {
				p, err := proxy.New(addr, func(conn int) proxy.Plan {
					if conn == 0 {
						return b.plan(at)
					}
					return proxy.Plan{}
				})
				if !assert.NoError(t, err) {
					return
				}
				assert.NoError(t, session(fmt.Sprintf("c%d", at), p.Addr()), "broken at byte %d", at)
				breaks.Add(int64(p.Faults(proxy.Reset) + p.Faults(proxy.HalfClose)))
				p.Close()
			}
		})
	}
	workers.Wait()
	return breaks.Load()
}

var fewLines = []string{"one", "", "x\r", "two", "h\u00e9"}

// A publisher whose connection breaks at any byte, in any way, resumes, and
// every line arrives exactly once (P15).
func TestEveryBreakOfAPublisher(t *testing.T) {
	ctx := wait.Context(t)
	for _, b := range breakings {
		t.Run(b.name, func(t *testing.T) {
			addr := serve(t, nil)
			var mu sync.Mutex
			var h history.History
			const bytes = 180 // more than there are, so that it breaks at the last one, too
			broken := b.each(t, addr, bytes, func(name, addr string) error {
				mu.Lock()
				h.Publishers = append(h.Publishers, history.Publisher{Name: name, Sent: fewLines, Acked: len(fewLines)})
				mu.Unlock()
				return publishFew(ctx, addr, name)
			})
			assert.Less(t, broken, int64(bytes))
			assert.Greater(t, broken, int64(80))
			received, err := receive(ctx, addr, len(h.Publishers)*len(fewLines))
			assert.NoError(t, err)
			h.Subscribers = []history.Subscriber{{Name: "s", FromFirst: true, ToEnd: true, Received: received}}
			report := history.Check(h)
			require.True(t, report.OK(), "%s", report)
		})
	}
}

// publishFew publishes the few lines, some of them after the others were
// acknowledged.
func publishFew(ctx context.Context, addr, name string) error {
	p, err := pubsub.DialPublisher(ctx, addr, pubsub.Config{Name: name, GiveUp: never})
	if err != nil {
		return err
	}
	for i, line := range fewLines {
		if i == 3 {
			err = errors.Join(err, p.Flush(ctx))
		}
		err = errors.Join(err, p.Publish(ctx, line))
	}
	return errors.Join(err, p.Close(ctx))
}

// A subscriber whose connection breaks at any byte, in any way, goes on where
// it was (P12).
func TestEveryBreakOfASubscriber(t *testing.T) {
	ctx := wait.Context(t)
	sent := history.Publisher{Name: "p", Sent: fewLines, Acked: len(fewLines)}
	for _, b := range breakings {
		t.Run(b.name, func(t *testing.T) {
			addr := serve(t, nil)
			require.NoError(t, publishFew(ctx, addr, sent.Name))
			// By then the few lines have come, and who came and left fills the rest.
			const bytes = 400
			broken := b.each(t, addr, bytes, func(name, addr string) error {
				received, err := receive(ctx, addr, len(fewLines))
				if err != nil {
					return err
				}
				report := history.Check(history.History{
					Publishers:  []history.Publisher{sent},
					Subscribers: []history.Subscriber{{Name: name, FromFirst: true, ToEnd: true, Received: received}},
				})
				if !report.OK() {
					return errors.New(report.String())
				}
				return nil
			})
			assert.Greater(t, broken, int64(40))
		})
	}
}

// receive takes the first n messages there are.
func receive(ctx context.Context, addr string, n int) (received []history.Message, err error) {
	s, err := pubsub.DialSubscriber(ctx, addr, pubsub.Config{From: protocol.FromFirst(), GiveUp: never})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for len(received) < n {
		item, err := s.Next(ctx)
		switch {
		case err != nil:
			return received, err
		case item.Event == nil:
			received = append(received, history.Message{Pos: item.Pos, From: item.From, Topic: item.Topic, Line: item.Line})
		case item.Event.Kind == protocol.Gap:
			received = append(received, history.Message{Gap: max(1, int(item.Event.Missing))})
		}
	}
	return received, nil
}
