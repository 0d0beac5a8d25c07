package broker

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// onTCP serves on loopback: what is under test is what sockets do.
func onTCP(t *testing.T, cfg Config) (*Broker, net.Listener) {
	b := New(cfg)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- b.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		b.Shutdown(ctx)
		assert.ErrorIs(t, <-served, ErrClosed)
	})
	return b, listener
}

// A socket is writable again only once much of its buffer is free. A subscriber that reads slowly
// but steadily is not stalled meanwhile (P16).
func TestP16SteadyReaderIsNotStalled(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		testSteadyReader(t, Config{}, func(raw net.Conn) net.Conn { return raw })
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		certified := httptest.NewTLSServer(nil) // for its certificate
		defer certified.Close()
		testSteadyReader(t, Config{TLS: certified.TLS.Clone()}, func(raw net.Conn) net.Conn {
			return tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		})
	})
}

func testSteadyReader(t *testing.T, cfg Config, client func(net.Conn) net.Conn) {
	const stall = 2 * time.Second // a machine that is busy does not hold this test up for as long
	cfg.Journal, cfg.StallTimeout = journal.NewMemory(journal.MinHistory), stall
	_, listener := onTCP(t, cfg)
	join := func(role string) net.Conn {
		raw, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		return register(t, client(raw), role)
	}
	sub := join("SUBSCRIBER\n")
	defer sub.Close()
	pub := join("PUBLISHER\n")
	defer pub.Close()
	go func() {
		for line := []byte(strings.Repeat("x", 999) + "\n"); ; {
			if _, err := pub.Write(line); err != nil {
				return
			}
		}
	}()
	// 40 KB of a socket's megabytes each time, for five times the stall timeout.
	part := make([]byte, 40<<10)
	for range 20 {
		time.Sleep(stall / 4)
		_, err := io.ReadFull(sub, part)
		require.NoError(t, err, "P16: it takes something all the time")
	}
}

// A client whose handshake breaks off is not told that it should have spoken TLS: it would give up
// (P18).
func TestP18BrokenTLSHandshake(t *testing.T) {
	certified := httptest.NewTLSServer(nil) // for its certificate
	defer certified.Close()
	_, listener := onTCP(t, Config{TLS: certified.TLS.Clone()})
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("\x16\x03\x01\x02\x00\x01")) // how a ClientHello begins
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	told, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Empty(t, string(told))
}

// A subscriber that pauses while the server stops still gets all (P17).
func TestP17WaitsForWhatIsUnderWay(t *testing.T) {
	b, listener := onTCP(t, Config{})
	sub := tcpJoin(t, listener, "SUBSCRIBER\n")
	defer sub.Close()
	pub := tcpJoin(t, listener, "PUBLISHER ack=yes\n")
	defer pub.Close()
	const lines = 20_000
	go fmt.Fprint(pub, strings.Repeat(strings.Repeat("x", 99)+"\n", lines))
	for acks := bufio.NewReader(pub); ; {
		line, err := acks.ReadString('\n')
		require.NoError(t, err)
		if line == fmt.Sprintf("ack %d\n", lines) {
			break
		}
	}
	stopped := make(chan error, 1)
	go func() { stopped <- b.Shutdown(context.Background()) }()
	select {
	case <-stopped:
		require.Fail(t, "P17: nothing is delivered yet")
	case <-time.After(3 * lingerTimeout):
	}
	all, err := io.ReadAll(sub)
	require.NoError(t, err)
	require.Equal(t, lines, strings.Count(string(all), "\n"), "P17: everything accepted")
	sub.Close()
	require.NoError(t, <-stopped)
}

// The older of two is told, however much is under way (P5).
func TestP5TakeoverIsToldInTraffic(t *testing.T) {
	_, listener := onTCP(t, Config{})
	pub := tcpJoin(t, listener, "PUBLISHER\n")
	defer pub.Close()
	go func() {
		for line := []byte(strings.Repeat("x", 50_000) + "\n"); ; {
			if _, err := pub.Write(line); err != nil {
				return
			}
		}
	}()
	join := func() (net.Conn, chan bool) {
		conn := tcpJoin(t, listener, "SUBSCRIBER name=s format=tsv\n")
		told := make(chan bool, 1)
		go func() {
			defer conn.Close()
			lines, last := bufio.NewScanner(conn), ""
			for lines.Buffer(nil, 1<<20); lines.Scan(); {
				last = lines.Text()
				assert.True(t, strings.Count(last, "\t") >= 4 || strings.HasPrefix(last, "error: "), "whole lines only: %.40q", last)
			}
			told <- last == "error: "+protocol.TakenOver
		}()
		return conn, told
	}
	conn, told := join()
	for range 20 {
		var next chan bool
		conn, next = join()
		require.True(t, <-told, "P5")
		told = next
	}
	conn.Close()
	<-told
}

// A run that can be resumed must not have half a line in it (P7, P15).
func TestP15HalfALineIsNotPartOfARun(t *testing.T) {
	inBubble(t, Config{}, func(b *rig) {
		sub := b.join("SUBSCRIBER")
		pub := b.join("PUBLISHER name=a run=r")
		pub.send("one\ntwo is cu")
		pub.Close()
		sub.want("[FROM a] : one\n", "P7: no unterminated rest")
		pub = b.join("PUBLISHER name=a run=r")
		pub.send("two is cut off\n")
		sub.want("[FROM a] : two is cut off\n", "P15: it is sent again from its 2nd line")
	})
}

// slowLog takes a second over each record.
type slowLog struct{}

func (slowLog) Enabled(context.Context, slog.Level) bool { return true }
func (l slowLog) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l slowLog) WithGroup(string) slog.Handler          { return l }

func (slowLog) Handle(context.Context, slog.Record) error {
	time.Sleep(time.Second)
	return nil
}

func TestP17EchoDoesNotOutlastTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := newMemListener()
		b := New(Config{Echo: true, Log: slog.New(slowLog{})})
		go b.Serve(listener)
		conn, err := listener.dial("10.0.0.1:1", roomy)
		require.NoError(t, err)
		pub := &testClient{conn, t, ""}
		pub.send("PUBLISHER\n" + strings.Repeat("x\n", 1000))
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		start := time.Now()
		b.Shutdown(ctx)
		require.Less(t, time.Since(start), 20*time.Second, "P17: at most the drain timeout, and what is being logged")
	})
}
