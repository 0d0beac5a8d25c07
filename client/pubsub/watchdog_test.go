package pubsub

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

func TestWatchdog(t *testing.T) {
	const step = 3 * time.Second
	for _, c := range []struct {
		name string
		look func(i int) traffic
		gone int // at which look; 0 for never
	}{
		{"nothing under way for long", func(int) traffic { return traffic{silence: time.Hour} }, 0},
		{"after long silence something is sent", func(i int) traffic { return traffic{underWay: true, silence: time.Hour} }, 10},
		{"a little is confirmed each time", func(int) traffic { return traffic{underWay: true, silence: step - 1} }, 0},
		{"confirmed late", func(i int) traffic { return traffic{underWay: true, silence: time.Duration(i%9) * step} }, 0},
		{"confirmed for the last time", func(i int) traffic { return traffic{underWay: i > 5, silence: time.Duration(max(0, i-5)) * step} }, 15},
		{"asked whether there is room, and answered", func(i int) traffic { return traffic{underWay: i%2 == 0, silence: time.Minute} }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := watchdog{after: vanishTimeout(1)}
			now, gone := time.Now(), 0
			for i := 0; i < 100 && gone == 0; i++ {
				if w.gone(now.Add(time.Duration(i)*step), c.look(i)) {
					gone = i
				}
			}
			assert.Equal(t, c.gone, gone)
		})
	}
}

func TestTraffic(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	peer, err := listener.Accept()
	require.NoError(t, err)
	defer peer.Close()
	_, err = io.WriteString(conn, "hello")
	require.NoError(t, err)
	wait.Until(t, func() bool {
		now, err := trafficOf(conn)
		require.NoError(t, err)
		return !now.underWay && now.silence < time.Minute
	}, "what was sent is confirmed")

	// A peer that takes nothing is there all the same.
	require.NoError(t, conn.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
	_, err = conn.Write(make([]byte, 64<<20))
	require.Error(t, err)
	w := watchdog{after: vanishTimeout(1)}
	for range 20 {
		now, err := trafficOf(conn)
		require.NoError(t, err)
		require.False(t, w.gone(time.Now(), now))
		time.Sleep(10 * time.Millisecond)
	}
	stop := watch(conn, vanishTimeout(1))
	assert.False(t, stop())
}
