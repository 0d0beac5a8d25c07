package schedule

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/proxy"
	"pubsublab/protocol"
)

// A connection that a client has given up reaches the broker after the next
// one, and takes the client's own name away from it. The client comes back.
func TestLateConnectionTakesOver(t *testing.T) {
	addr := serve(t, nil)
	p, err := proxy.New(addr, func(conn int) proxy.Plan {
		if conn > 0 {
			return proxy.Plan{}
		}
		return proxy.Plan{
			Up:   proxy.Way{Rate: 100},              // the role line takes its time
			Down: proxy.Way{Fault: proxy.HalfClose}, // the client does not wait for it
		}
	})
	require.NoError(t, err)
	defer p.Close()
	watch, err := pubsub.DialSubscriber(t.Context(), addr, pubsub.Config{})
	require.NoError(t, err)
	defer watch.Close()

	c, err := pubsub.DialPublisher(t.Context(), p.Addr(), pubsub.Config{Name: "p"})
	require.NoError(t, err)
	for joined := 0; joined < 2; {
		item, err := watch.Next(t.Context())
		require.NoError(t, err)
		if e := item.Event; e != nil && e.Kind == protocol.Joined && e.Name == "p" {
			joined++
		}
	}
	for _, line := range fewLines {
		require.NoError(t, c.Publish(t.Context(), line))
	}
	require.NoError(t, c.Close(t.Context()))
	var got []string
	for len(got) < len(fewLines) {
		item, err := watch.Next(t.Context())
		require.NoError(t, err)
		if item.Event == nil {
			got = append(got, item.Line)
		}
	}
	assert.Equal(t, fewLines, got)
}
