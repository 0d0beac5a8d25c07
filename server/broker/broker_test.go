package broker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestP17DeliversWhatWasAccepted(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.joinWith("SUBSCRIBER", 200) // takes a little at a time
		pub := b.join("PUBLISHER name=a ack=yes")
		silent := b.connect(roomy)
		pub.send(strings.Repeat("line\n", 100) + "half a l")
		pub.want("ack 100\n", "P14")

		stopped := make(chan error, 1)
		go func() { stopped <- b.broker.Shutdown(context.Background()) }()
		pub.want("error: the server is shutting down\n", "P17: publishers are told")
		silent.wantClosed("error: the server is shutting down\n", "P17: so is a connection without a role")
		_, err := b.listener.dial("10.9.9.9:1", roomy)
		require.Error(t, err, "P17: nobody comes in any more")
		var got strings.Builder
		for !sub.ended() || got.Len() == 0 {
			synctest.Wait()
			got.WriteString(sub.buffered())
		}
		got.WriteString(sub.buffered())
		require.Equal(t, strings.Repeat("[FROM a] : line\n", 100), got.String(), "P17: everything accepted, nothing else")
		sub.Close()
		pub.Close()
		silent.Close()
		require.NoError(t, <-stopped)
		require.NoError(t, b.broker.Shutdown(context.Background()), "a second Shutdown does no harm")
	})
}

func TestP17DrainTimeout(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.joinWith("SUBSCRIBER", 200)
		pub := b.join("PUBLISHER name=a")
		pub.send(strings.Repeat("line\n", 100))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, b.broker.Shutdown(ctx), context.DeadlineExceeded, "P17: at most the drain timeout")
		require.Equal(t, 10*time.Second, time.Since(start))
		require.True(t, sub.ended())
	})
}

func TestIdle(t *testing.T) {
	inBubble(t, Config{IdleAfter: 3 * time.Second}, func(b *rig) {
		idle := func() bool {
			synctest.Wait()
			select {
			case <-b.broker.Idle():
				return true
			default:
				return false
			}
		}
		time.Sleep(time.Hour)
		require.False(t, idle(), "there has been no client")
		b.connect(roomy).Close()
		time.Sleep(time.Hour)
		require.False(t, idle(), "a connection without a role is no client")
		first := b.join("SUBSCRIBER")
		time.Sleep(time.Hour)
		require.False(t, idle(), "a client is there")
		first.Close()
		time.Sleep(2 * time.Second)
		second := b.join("PUBLISHER")
		time.Sleep(time.Hour)
		require.False(t, idle(), "another came in time")
		second.Close()
		time.Sleep(2 * time.Second)
		require.False(t, idle(), "not yet")
		time.Sleep(2 * time.Second)
		require.True(t, idle())
	})
}

func TestEcho(t *testing.T) {
	inBubble(t, Config{Echo: true}, func(b *rig) {
		b.join("PUBLISHER name=ada topic=news").send("hello \x1b[2J\n")
		synctest.Wait()
		require.Contains(t, b.log.String(), `msg=published from=ada line="hello \x1b[2J" topic=news`)
	})
}

// brokenListener fails in a given way, and then hands out nothing.
type brokenListener struct {
	*memListener
	errs chan error
}

func (l *brokenListener) Accept() (net.Conn, error) {
	select {
	case err := <-l.errs:
		return nil, err
	default:
		return l.memListener.Accept()
	}
}

func TestServeOnABrokenListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{})
		l := &brokenListener{newMemListener(), make(chan error, 2)}
		broken := errors.New("the listener broke")
		l.errs <- &net.OpError{Op: "accept", Err: syscall.EMFILE}
		l.errs <- broken
		start := time.Now()
		require.ErrorIs(t, b.Serve(l), broken)
		require.Positive(t, time.Since(start), "running out of files is waited out, without spinning")
		require.NoError(t, b.Shutdown(context.Background()))
		require.ErrorIs(t, b.Serve(newMemListener()), ErrClosed)
	})
}

// Many real connections at once: one order for all (P9), all of it (P10).
func TestP9P10OneOrderForAll(t *testing.T) {
	const publishers, subscribers, lines = 8, 8, 2000
	b := New(Config{Journal: journal.NewMemory(journal.MinHistory)})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go b.Serve(listener)

	received := make([]string, subscribers)
	var subs, pubs sync.WaitGroup
	for i := range subscribers {
		conn := tcpJoin(t, listener, "SUBSCRIBER\n")
		subs.Go(func() {
			defer conn.Close()
			all, err := io.ReadAll(conn)
			assert.NoError(t, err)
			received[i] = string(all)
		})
	}
	for i := range publishers {
		conn := tcpJoin(t, listener, fmt.Sprintf("PUBLISHER name=p%d ack=yes\n", i))
		pubs.Go(func() {
			defer conn.Close()
			w := bufio.NewWriterSize(conn, 100+i*50)
			for n := range lines {
				fmt.Fprintf(w, "line %d\n", n)
			}
			fmt.Fprintln(w, protocol.Terminate)
			assert.NoError(t, w.Flush())
			all, err := io.ReadAll(conn)
			assert.NoError(t, err)
			assert.True(t, strings.HasSuffix(string(all), fmt.Sprintf("ack %d\n", lines)), "P14")
		})
	}
	pubs.Wait()
	require.NoError(t, b.Shutdown(context.Background()))
	subs.Wait()
	for _, got := range received[1:] {
		require.Equal(t, received[0], got, "P9: the same order for every subscriber")
	}
	next := make([]int, publishers)
	for line := range strings.Lines(received[0]) {
		var from, n int
		_, err := fmt.Sscanf(line, "[FROM p%d] : line %d\n", &from, &n)
		require.NoError(t, err)
		require.Equal(t, next[from], n, "P9: a publisher's messages keep their order")
		next[from]++
	}
	for _, n := range next {
		require.Equal(t, lines, n, "P10: every message, once")
	}
}

// tcpJoin connects and registers over TCP, and takes the welcome.
func tcpJoin(t testing.TB, listener net.Listener, role string) net.Conn {
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	return register(t, conn, role)
}

func register(t testing.TB, conn net.Conn, role string) net.Conn {
	_, err := io.ReadFull(conn, make([]byte, len(protocol.Prompt)))
	require.NoError(t, err)
	_, err = io.WriteString(conn, role)
	require.NoError(t, err)
	for one := []byte{0}; one[0] != '\n'; {
		_, err = conn.Read(one)
		require.NoError(t, err)
	}
	return conn
}
