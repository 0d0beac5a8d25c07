package harness

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/lab/grade/harness/recorder"
)

// told is what a client of the tests was told.
var told = []string{"publisher1", "news", "publisher"}

// A seam is where nothing of one write would be that close to something else.
func TestSeams(t *testing.T) {
	for _, want := range []string{
		"PUBLISHER|NEWS", "news|pub", "1|news", "publisher1|PUBLISHER|news", "PUBLISHER|TOPIC:news", "ROLE=PUBLISHER|TOPIC=news",
		"PUBLISHER\n|news\n", "PUBLISHER\r\n|news\r\n", "PUBLISHER\x00|news\x00", `{"role":"PUBLISHER"}|{"topic":"news"}`,
		"PUBLISHER news", "PUBLISHER:news", "/news/PUBLISHER", `{"role": "PUBLISHER", "topic": {"is": "news"}}`, "publisher1", "PUBLISHER",
		"\x00\x00\x00\tPUBLISHER\x00\x00\x00\x04news", "\x00\x00\x00\nSUBSCRIBER", "PUBLISHER\x00\x00\x00\x00", "",
	} {
		data, from, got := strings.ReplaceAll(want, "|", ""), 0, []string{}
		for _, at := range seams([]byte(data), told) {
			got, from = append(got, data[from:at]), at
		}
		assert.Equal(t, want, strings.Join(append(got, data[from:]), "|"))
	}
}

// tcpPair is the two ends of a connection.
func tcpPair(t *testing.T) (one, other *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// Writes that are read at once are told apart, and one that looks like two is not divided, whatever came
// before.
func TestWritesAreToldApart(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not count segments")
	}
	client, relay := tcpPair(t)
	w := writes{registering: registering{words: told}, conn: relay}
	for _, test := range []struct {
		written, parts []string
		apart          bool
	}{
		{[]string{"PUBLISHER", "news"}, []string{"PUBLISHER", "news"}, false},
		{[]string{" PUBLISHERnews"}, []string{" PUBLISHERnews"}, false},
		{[]string{"PUBLISHER\n", "news\n"}, []string{"PUBLISHER\n", "news\n"}, true},
		{[]string{"PUBLISHER\nnews\n"}, []string{"PUBLISHER\nnews\n"}, true},
		{[]string{" no", " seam"}, []string{" no seam"}, false},
		{[]string{"PUBLISHERnews"}, []string{"PUBLISHERnews"}, true},
		{[]string{" pub"}, []string{" pub"}, false},
		{[]string{"lisher"}, []string{"lisher"}, false},
		{[]string{"publisher1", "PUBLISHER", "news"}, []string{"publisher1", "PUBLISHER", "news"}, true},
	} {
		for _, text := range test.written {
			_, err := io.WriteString(client, text)
			require.NoError(t, err)
		}
		data := []byte(strings.Join(test.written, ""))
		_, err := io.ReadFull(relay, data)
		require.NoError(t, err)
		var got []string
		parts, apart := w.divide(data)
		for _, part := range parts {
			got = append(got, string(part))
		}
		assert.Equal(t, test.parts, got)
		assert.Equal(t, test.apart, apart, "%q", got)
	}
}

// What belongs together reaches the server together, though a busy machine lets the client say it later.
func TestPartsThatBelongTogether(t *testing.T) {
	client, relay := tcpPair(t)
	c := &Connection{Up: recorder.New(inputLimit), client: relay, over: make(chan struct{})}
	said := make(chan chunk, 4)
	go c.listen(said, &writes{registering: registering{words: told}, conn: relay})
	for _, part := range []string{"PUBLISHER", ",news"} {
		_, err := io.WriteString(client, part)
		require.NoError(t, err)
		time.Sleep(together / 10)
	}
	assert.Equal(t, "PUBLISHER,news", string(wait.For(t, said, "the client registers").data))
	require.NoError(t, client.CloseWrite())
	assert.ErrorIs(t, wait.For(t, said, "the client leaves").err, io.EOF)
}

// Another part of a registration goes on when the server has read what came before, however quickly
// it came.
func TestPartsGoOnWhenReadBefore(t *testing.T) {
	relay, server := tcpPair(t)
	var asked, read atomic.Int64
	c := &Connection{Up: recorder.New(inputLimit), server: relay, client: relay, over: make(chan struct{}), stalled: make(chan struct{})}
	c.reads = func(*net.TCPConn) (int64, error) {
		asked.Add(1)
		return read.Load(), nil
	}
	said := make(chan chunk, 2)
	now := time.Now()
	said <- chunk{at: now, data: []byte("PUBLISHER"), apart: true}
	said <- chunk{at: now, data: []byte("news"), apart: true}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.carryUp(said)
	}()
	wait.Until(t, func() bool { return asked.Load() > 1 }, "it does not ask what the server has read")
	data := make([]byte, 100)
	for _, part := range []string{"PUBLISHER", "news"} {
		n, err := server.Read(data)
		require.NoError(t, err)
		assert.Equal(t, part, string(data[:n]))
		read.Add(int64(n))
	}
	close(c.over)
	<-done
}
