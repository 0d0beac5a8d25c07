package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/server/broker"
)

// onPipes runs a test whose connections have no buffers at all.
func onPipes(t *testing.T, test func(r *rig)) {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	against(t, broker.Config{}, p, p.dial, test)
}

// ask sends a request on a connection of its own, and returns it and what comes.
func (r *rig) ask(target string) (net.Conn, *bufio.Reader) {
	r.Helper()
	conn, err := r.dial(r.Context(), "", "")
	require.NoError(r, err)
	r.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target)
	require.NoError(r, err)
	return conn, bufio.NewReaderSize(conn, 16)
}

// join has so many subscribers come, with the longest names and topics there are.
func (r *rig) join(from, to int) {
	r.Helper()
	topic := strings.TrimSuffix(strings.Repeat("fourteen-bytes.", 15), ".")
	for n := from; n < to; n++ {
		name := fmt.Sprintf("%064d", n)
		_, in := r.ask("/subscribe?format=plain&name=" + name + "&topic=" + url.QueryEscape(topic))
		for line := ""; !strings.HasPrefix(line, "registered as"); {
			var err error
			line, err = in.ReadString('\n')
			require.NoError(r, err)
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Who asks who is online, and does not read the answer, keeps a little of it in memory, however
// many clients there are. And who reads it slowly is told of all that were there when he asked.
func TestConnzUnread(t *testing.T) {
	onPipes(t, func(r *rig) {
		const clients, readers, each = 500, 100, 64 << 10
		r.join(0, clients)
		before := heap()
		var slow *bufio.Reader
		for range readers {
			_, in := r.ask("/connz")
			_, err := in.Peek(1)
			require.NoError(r, err)
			slow = in
		}
		require.Eventually(r, func() bool { return heap() < before+readers*each }, time.Minute, 10*time.Millisecond,
			"100 answers of 300 KB would be 30 MB")
		r.join(clients, clients+3*connzPart)
		response, err := http.ReadResponse(slow, nil)
		require.NoError(r, err)
		defer response.Body.Close()
		var x connzAnswer
		require.NoError(r, json.NewDecoder(response.Body).Decode(&x))
		require.Len(r, x.Brokers, 1)
		require.Len(r, x.Connections, clients, "those who have come since are not waited for")
		for n, c := range x.Connections {
			require.Equal(r, fmt.Sprintf("%064d", n), c.Name, "each once, in order")
		}
	})
}
