package broker

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/server/journal"
)

// Subscribers that never read, each with a filter of its own, keep a little each: not the block
// that they are sent.
func TestStalledReadersHoldNoBlocks(t *testing.T) {
	certified := httptest.NewTLSServer(nil) // for its certificate
	defer certified.Close()
	for name, config := range map[string]*tls.Config{"plain": nil, "TLS": certified.TLS.Clone()} {
		t.Run(name, func(t *testing.T) {
			const (
				readers = 96
				each    = 64 << 10 // all that a connection may take, in both processes, which are one here
				cache   = 4 << 20  // and as much again for what is not collected, and the rest
			)
			order := journal.NewMemory(8 << 20)
			topic := strings.TrimSuffix(strings.Repeat("twenty-nine-bytes-for-a-token.", 7), ".")
			entry := journal.Entry{From: "ada", Topic: topic, Lines: bytes.Repeat([]byte{'\n'}, 4096), Count: 4096}
			for range 64 {
				require.NoError(t, order.Append(context.Background(), entry, func(error) {}))
			}
			broker, listener := onTCP(t, Config{Journal: order, Cache: cache, TLS: config})
			before := heap()
			for n := range readers {
				raw, err := net.Dial("tcp", listener.Addr().String())
				require.NoError(t, err)
				defer raw.Close()
				conn := net.Conn(raw)
				if config != nil {
					conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
				}
				tokens := strings.Split(topic, ".")
				for i := range tokens {
					if n&(1<<i) != 0 {
						tokens[i] = "*"
					}
				}
				register(t, conn, fmt.Sprintf("SUBSCRIBER format=json from=first topic=%s\n", strings.Join(tokens, ".")))
				_, err = conn.Read(make([]byte, 1))
				require.NoError(t, err)
			}
			// They are sent what sockets take: how much that is cannot be told from here, so it is
			// asked until it is enough. Blocks that were held would stay.
			require.Eventually(t, func() bool { return heap() < before+readers*each+2*cache }, time.Minute, 10*time.Millisecond,
				"96 blocks of 768 KiB would be 72 MiB")
			_, others := broker.Clients()
			require.Equal(t, readers, others, "and all are connected")
		})
	}
}

// heap returns how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What a client takes bit by bit, while other subscribers drive its block out of the cache, is what
// it would be otherwise.
func TestP10WhatIsMadeAgainIsTheSame(t *testing.T) {
	order := journal.NewMemory(64 << 20)
	for n := range 256 {
		line := fmt.Sprintf("%d %s\n", n, strings.Repeat("x", 10_000+n))
		entry := journal.Entry{From: "ada", Topic: "a.b", Lines: []byte(strings.Repeat(line, 6)), Count: 6}
		require.NoError(t, order.Append(context.Background(), entry, func(error) {}))
	}
	_, listener := onTCP(t, Config{Journal: order, Cache: 1})
	filters := []string{"a.b", "a.*", "*.b", "*.*", "a.>", ">"}
	conns := make([]net.Conn, len(filters))
	for i, filter := range filters {
		conns[i] = tcpJoin(t, listener, fmt.Sprintf("SUBSCRIBER from=first topic=%s\n", filter))
		defer conns[i].Close()
	}
	const piece = 200_000
	bufs := [2][]byte{make([]byte, piece), make([]byte, piece)}
	want := ""
	for n := range 256 {
		want += strings.Repeat(fmt.Sprintf("[FROM ada #a.b] : %d %s\n", n, strings.Repeat("x", 10_000+n)), 6)
	}
	for off := 0; off < len(want); off += piece {
		for i, conn := range conns { // each waits while the others take theirs
			buf := bufs[i%2][:min(piece, len(want)-off)]
			_, err := io.ReadFull(conn, buf)
			require.NoError(t, err)
			require.True(t, want[off:off+len(buf)] == string(buf), "P10: %s at byte %d", filters[i], off)
		}
	}
}
