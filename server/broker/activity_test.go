package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/server/journal"
)

// Clients that come together are counted one by one.
func TestClientsAreCountedInTheOrderOfTheLog(t *testing.T) {
	const clients = 50
	var log logBuffer
	b, listener := onTCP(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	var joined sync.WaitGroup
	conns := make([]net.Conn, clients)
	for i := range conns {
		joined.Go(func() { conns[i] = tcpJoin(t, listener, "SUBSCRIBER\n") })
	}
	joined.Wait()
	for _, conn := range conns {
		conn.Close()
	}
	require.NoError(t, b.Shutdown(context.Background()))
	count := func(pattern string) (counts []int) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(log.String(), -1) {
			n, err := strconv.Atoi(match[1])
			require.NoError(t, err)
			counts = append(counts, n)
		}
		return counts
	}
	var up, down []int
	for i := range clients {
		up, down = append(up, i+1), append(down, clients-1-i)
	}
	require.Equal(t, up, count(`client connected.* clients=(\d+)`))
	require.Equal(t, up, count(`subscriber added.* publishers=0 subscribers=(\d+)`))
	require.Equal(t, down, count(`subscriber left.* publishers=0 subscribers=(\d+)`))
}

// A publisher leaves the log behind the last line it published.
func TestPublisherLeavesTheLogLast(t *testing.T) {
	const publishers, lines = 20, 200
	var log logBuffer
	b, listener := onTCP(t, Config{Echo: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	var left sync.WaitGroup
	for i := range publishers {
		left.Go(func() {
			conn := tcpJoin(t, listener, fmt.Sprintf("PUBLISHER name=p%d\n", i))
			defer conn.Close()
			fmt.Fprint(conn, strings.Repeat("line\n", lines)+"terminate\n")
			conn.Read(make([]byte, 1))
		})
	}
	left.Wait()
	require.NoError(t, b.Shutdown(context.Background()))
	records, published := strings.Split(log.String(), "\n"), map[string]int{}
	for _, record := range records {
		if match := regexp.MustCompile(`msg=published from=(\S+)`).FindStringSubmatch(record); match != nil {
			published[match[1]]++
		}
		if match := regexp.MustCompile(`msg="publisher left" .*name=(\S+) lines=(\d+)`).FindStringSubmatch(record); match != nil {
			require.Equal(t, strconv.Itoa(published[match[1]]), match[2], "%s left before its last line", match[1])
			delete(published, match[1])
		}
	}
	require.Empty(t, published, "these never left")
	require.Contains(t, log.String(), "publishers=0 subscribers=0")
}

// A log that has no room for echoed lines holds nobody up, and says in their place how many are
// missing.
func TestEchoWithoutRoom(t *testing.T) {
	const lines = 3000
	for _, end := range []string{"the log is read again", "the broker is stopped"} {
		t.Run(end, func(t *testing.T) {
			var mu sync.Mutex
			var room chan struct{} // made in the bubble; closed while there is room
			cfg := Config{Echo: true, LogRoom: func(ctx context.Context) error {
				mu.Lock()
				open := room
				mu.Unlock()
				select {
				case <-open:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}}
			withHistory(t, journal.MinHistory, cfg, func(b *rig) {
				mu.Lock()
				room = make(chan struct{})
				mu.Unlock()
				t := b.t
				sub, pub := b.join("SUBSCRIBER"), b.join("PUBLISHER name=a ack=yes")
				line, received := strings.Repeat("x", 999)+"\n", 0
				for range lines {
					pub.send(line)
					synctest.Wait()
					received += strings.Count(sub.buffered(), "\n")
				}
				require.Equal(t, lines, received, "publishers never wait for the log")
				if end == "the broker is stopped" {
					start := time.Now()
					pub.Close()
					sub.Close()
					require.NoError(t, b.broker.Shutdown(context.Background()))
					require.LessOrEqual(t, time.Since(start), 3*lingerTimeout, "nor does the end")
					require.Contains(t, b.log.String(), `msg="the last published lines are missing here" reason="nobody reads the log"`)
					return
				}
				mu.Lock()
				close(room)
				mu.Unlock()
				synctest.Wait()
				pub.send("the last\nterminate\n")
				synctest.Wait()
				text := b.log.String()
				missing := 0
				for _, match := range regexp.MustCompile(`published lines are missing here" lines=(\d+)`).FindAllStringSubmatch(text, -1) {
					n, err := strconv.Atoi(match[1])
					require.NoError(t, err)
					missing += n
				}
				require.Positive(t, missing)
				require.Equal(t, lines+1, missing+strings.Count(text, "msg=published"), "every line is there or counted")
				require.Regexp(t, `(?s)line="the last".*publisher left`, text)
			})
		})
	}
}
