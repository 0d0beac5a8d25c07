package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// BenchmarkAcknowledgedBesideIdle is 16 publishers over loopback, each of which waits for the ack
// of a line before it sends the next, beside subscribers that wait for other topics, each with a
// filter of its own. These have no connections, of which a process cannot have so many. An op is a
// line; the first of each topic, for which the feeds have to be found, is not counted.
func BenchmarkAcknowledgedBesideIdle(b *testing.B) {
	for _, c := range []struct {
		name   string
		idle   int
		filter func(n int) string
	}{
		{"alone", 0, nil},
		{"2000filters", 2_000, func(n int) string { return fmt.Sprint("device.", n) }},
		{"15000filters", 15_000, func(n int) string { return fmt.Sprint("device.", n, ".>") }},
		{"15000shapes", 15_000, longFilter},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkBesideIdle(b, c.idle, c.filter) })
	}
}

// longFilter matches each publisher's topic but for the last token, in one of 2^15 ways, each
// another shape.
func longFilter(n int) string {
	tokens := strings.Split(longTopic, ".")
	for i := range tokens {
		if n&(1<<i) != 0 {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, ".") + ".none"
}

var longTopic = strings.TrimSuffix(strings.Repeat("fourteen-bytes.", 15), ".")

func benchmarkBesideIdle(b *testing.B, idle int, filter func(n int) string) {
	const publishers = 16
	broker := New(Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go broker.Serve(listener)
	defer broker.Shutdown(context.Background())
	for n := range idle {
		f, err := protocol.ParseFilter(filter(n))
		require.NoError(b, err)
		cursor, err := broker.feeds.Open(context.Background(), f, protocol.Plain, protocol.From{}, func() {}, nil)
		require.NoError(b, err)
		data, err := cursor.Next(func() [][]byte { return make([][]byte, 0, 1) })
		require.NoError(b, err)
		require.Empty(b, data, "it is parked")
	}
	conns := make([]net.Conn, publishers)
	for i := range conns {
		conns[i] = tcpJoin(b, listener, fmt.Sprintf("PUBLISHER ack=yes topic=%s.p%d\n", longTopic, i))
	}
	acks := make([]*bufio.Reader, publishers)
	publish := func(i, n int) bool {
		io.WriteString(conns[i], "a line\n")
		ack, err := acks[i].ReadString('\n')
		if err != nil || ack != fmt.Sprintf("ack %d\n", n) {
			b.Error("no ack of line", n, ack, err)
			return false
		}
		return true
	}
	for i, conn := range conns {
		acks[i] = bufio.NewReader(conn)
		publish(i, 1)
	}
	each := (b.N + publishers - 1) / publishers
	b.ResetTimer()
	start := time.Now()
	var done sync.WaitGroup
	for i, conn := range conns {
		done.Go(func() {
			defer conn.Close()
			for n := range each {
				if !publish(i, n+2) {
					return
				}
			}
		})
	}
	done.Wait()
	b.ReportMetric(float64(each*publishers)/time.Since(start).Seconds(), "lines/s")
}
