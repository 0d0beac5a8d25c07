package brokers

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// Two people are called ada and publish at two brokers. Each is cut off again and again, while the
// other publishes, and goes on: every line of both arrives once, in its order (P15).
func TestP15Namesakes(t *testing.T) {
	const rounds, batch = 20, 200
	s := newSite(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), forEver)
	defer cancel()
	cfg := s.Config("reader")
	cfg.From = protocol.FromFirst()
	sub, err := pubsub.DialSubscriber(ctx, s.brokers[2].addr, cfg)
	require.NoError(t, err)
	defer sub.Close()
	var publishers [2]*pubsub.Publisher
	for i := range publishers {
		publishers[i], err = pubsub.DialPublisher(ctx, s.brokers[i].addr, s.Config("ada"))
		require.NoError(t, err)
	}
	var sent, got [2][]string
	publish := func(i, n int) {
		for range n {
			line := fmt.Sprintf("%d %d", i, len(sent[i]))
			require.NoError(t, publishers[i].Publish(ctx, line))
			sent[i] = append(sent[i], line)
		}
	}
	for round := range rounds {
		i := round % 2
		publish(i, batch)
		s.stop(i, 0) // some of it may be in the order, and not acknowledged
		publish(1-i, batch)
		require.NoError(t, publishers[1-i].Flush(ctx))
		s.start(i)
		require.NoError(t, publishers[i].Flush(ctx))
	}
	for _, p := range publishers {
		require.NoError(t, p.Close(ctx))
	}
	for last := false; !last; {
		item, err := sub.Next(ctx)
		require.NoError(t, err)
		if item.Event == nil {
			var i, n int
			_, err := fmt.Sscan(item.Line, &i, &n)
			require.NoError(t, err)
			got[i] = append(got[i], item.Line)
		}
		last = len(got[0])+len(got[1]) >= len(sent[0])+len(sent[1])
	}
	for i := range sent {
		for n, line := range sent[i] {
			require.Less(t, n, len(got[i]), "P15: nothing is lost")
			require.Equal(t, line, got[i][n], "P15: nothing is lost or doubled")
		}
	}
}
