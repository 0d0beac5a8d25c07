package broker

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// polled returns how many sessions the poller waits for.
func (b *Broker) polledNow() int {
	b.poller.mu.Lock()
	defer b.poller.mu.Unlock()
	return len(b.poller.waiting)
}

func wantPolled(t *testing.T, b *Broker, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return b.polledNow() == n }, 10*time.Second, time.Millisecond, "%d of %d wait", b.polledNow(), n)
}

// Subscribers that say nothing have no goroutine, and are heard all the same.
func TestPollerHearsWhoeverIsIdle(t *testing.T) {
	const subscribers = 200
	broker, listener := onTCP(t, Config{})
	before := runtime.NumGoroutine()
	conns := make([]net.Conn, subscribers)
	for i := range conns {
		conns[i] = tcpJoin(t, listener, "SUBSCRIBER\n")
		defer conns[i].Close()
	}
	wantPolled(t, broker, subscribers)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+20 }, 10*time.Second, time.Millisecond, "goroutines of the idle")

	io.WriteString(conns[0], "something that nobody wants to know\nterm")
	wantPolled(t, broker, subscribers-1) // the line may go on
	io.WriteString(conns[0], "inate\n")
	conns[1].(*net.TCPConn).CloseWrite()
	conns[2].(*net.TCPConn).SetLinger(0)
	conns[2].Close()
	for _, conn := range conns[:2] {
		_, err := io.Copy(io.Discard, conn)
		require.NoError(t, err)
	}
	wantPolled(t, broker, subscribers-3)
	io.WriteString(conns[3], "only this\n")
	wantPolled(t, broker, subscribers-3)
	io.WriteString(conns[3], "terminate\n")
	_, err := io.Copy(io.Discard, conns[3])
	require.NoError(t, err)
	wantPolled(t, broker, subscribers-4)

	require.NoError(t, broker.Shutdown(context.Background()))
	require.Empty(t, broker.poller.waiting)
}

// A session that is kicked does not wait for its client, whether it waited before or begins to.
func TestPollerAndKickAtTheSameTime(t *testing.T) {
	broker, listener := onTCP(t, Config{})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for range 5 { // each takes the name over, from the one that was before
				conn, err := net.Dial("tcp", listener.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				fmt.Fprintf(conn, "SUBSCRIBER name=n%d\nsomething\n", i%10)
			}
		})
	}
	all.Wait()
	require.NoError(t, broker.Shutdown(context.Background()))
	require.Empty(t, broker.poller.waiting)
	require.Positive(t, broker.past.left[protocol.ReasonTakeover], "subscribers that lost their name")
}

// One that is kicked just before it would begin to wait reads, and so finds that.
func TestPollerAfterAKick(t *testing.T) {
	broker, listener := onTCP(t, Config{})
	conn := tcpJoin(t, listener, "SUBSCRIBER\n")
	defer conn.Close()
	wantPolled(t, broker, 1)
	broker.mu.Lock()
	kicked := slices.Collect(maps.Keys(broker.sessions))
	broker.mu.Unlock()
	for _, s := range kicked {
		s.kick(errShutdown)
		require.False(t, broker.poller.await(s))
	}
}
