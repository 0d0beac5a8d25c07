package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// subscription is one that a test feeds.
type subscription struct {
	items   chan pubsub.Item
	offline bool
}

func (s *subscription) Connected() bool { return !s.offline }

func (s *subscription) Next(ctx context.Context) (pubsub.Item, error) {
	select {
	case item := <-s.items:
		return item, nil
	case <-ctx.Done():
		return pubsub.Item{}, context.Cause(ctx)
	}
}

func joined(name string) pubsub.Item {
	return pubsub.Item{Event: &protocol.Event{Kind: protocol.Joined, Role: protocol.Publisher, Name: name}}
}

func left(name string) pubsub.Item {
	return pubsub.Item{Event: &protocol.Event{Kind: protocol.Left, Role: protocol.Publisher, Name: name, Reason: protocol.ReasonReset}}
}

var (
	subscriberLeft = pubsub.Item{Event: &protocol.Event{Kind: protocol.Left, Role: protocol.Subscriber, Name: "s", Reason: protocol.ReasonReset}}
	orderEnded     = pubsub.Item{Event: &protocol.Event{Kind: protocol.Gap}}
)

// TestPublisherTimeout: a subscriber gives up 20 s after nobody was there any more, and not before.
func TestPublisherTimeout(t *testing.T) {
	type feed struct {
		after time.Duration
		item  pubsub.Item
	}
	for name, test := range map[string]struct {
		feeds []feed
		after time.Duration // it fails so long after its start
	}{
		"nobody comes":            {nil, 20 * time.Second},
		"the first comes late":    {[]feed{{19 * time.Second, joined("a")}, {time.Minute, left("a")}}, 99 * time.Second},
		"one fails, one goes on":  {[]feed{{0, joined("a")}, {0, joined("b")}, {time.Second, left("a")}, {time.Hour, left("b")}}, time.Hour + 21*time.Second},
		"subscribers come and go": {[]feed{{15 * time.Second, subscriberLeft}, {4 * time.Second, subscriberLeft}}, 20 * time.Second},
		"an order ends":           {[]feed{{0, joined("a")}, {time.Minute, orderEnded}}, 80 * time.Second},
		"it comes back":           {[]feed{{0, joined("a")}, {0, left("a")}, {19 * time.Second, joined("a")}, {0, left("a")}}, 39 * time.Second},
		"lines of one who came before": {[]feed{{15 * time.Second, pubsub.Item{Message: protocol.Message{Pos: 1, From: "a"}}}},
			40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &subscription{items: make(chan pubsub.Item)}
				go func() {
					for _, f := range test.feeds {
						time.Sleep(f.after)
						s.items <- f.item
					}
				}()
				a := &absence{items: s, verifier: pubsub.NewVerifier(protocol.Filter{}), timeout: 20 * time.Second}
				defer a.stop()
				began := time.Now()
				for {
					item, err := a.next(t.Context())
					if err != nil {
						assert.EqualError(t, err, "no publisher has been online for 20s")
						assert.Equal(t, test.after, time.Since(began))
						return
					}
					a.verifier.Add(&item)
				}
			})
		})
	}
}

// TestPublisherTimeoutOffline: while there is no connection, nobody knows who is online, and it is
// for --retry to end that.
func TestPublisherTimeoutOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &subscription{offline: true}
		a := &absence{items: s, verifier: pubsub.NewVerifier(protocol.Filter{}), timeout: 20 * time.Second}
		defer a.stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := a.next(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// TestSubscribeToNobody is the same through the command.
func TestSubscribeToNobody(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("terminate")
	})
	r := client(t, s, nil, "HOST PORT", "SUBSCRIBER", "--from=first", "--publishers=2", "--publisher-timeout=50ms")
	require.Equal(t, 1, r.exit)
	require.Contains(t, r.stderr, "wrong: no publisher has been online for 50ms; 0 of 2 publishers finished")
}
