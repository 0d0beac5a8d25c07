package dialect

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const text = "@000000000000007abcdef"

// deliveries are what each broker sends to a subscriber for text under bench.t07, and something
// that is no delivery.
var deliveries = []struct {
	name     string
	dialect  Dialect
	message  string // what a publisher sends
	delivery string
	noise    string
}{
	{"lines", Lines{}, text + "\n", "[FROM p0 #bench.t07] : " + text + "\n", ""},
	{"nats", NATS{}, "PUB bench.t07 22\r\n" + text + "\r\n", "MSG bench.t07 1 22\r\n" + text + "\r\n", "PING\r\n"},
	{"redis", Redis{}, "*3\r\n$7\r\nPUBLISH\r\n$9\r\nbench.t07\r\n$22\r\n" + text + "\r\n",
		"*3\r\n$7\r\nmessage\r\n$9\r\nbench.t07\r\n$22\r\n" + text + "\r\n", ""},
	{"mqtt", MQTT{}, "\x30\x21\x00\x09bench/t07" + text, "\x30\x21\x00\x09bench/t07" + text, "\xd0\x00"},
	{"relay", Relay{}, text + "\n", text + "\n", ""},
	{"browser", Browser{}, text + "~\n", "id: 1\ndata: {\"pos\":1,\"line\":\"" + text + "~\"}\n\n", ":\n\n"},
	{"centrifugo", Centrifugo{}, "{\"publish\":{\"channel\":\"bench.t07\",\"data\":\"" + text + "~\"}},",
		"data: {\"channel\":\"bench.t07\",\"pub\":{\"data\":\"" + text + "~\"}}\n\n", "data: {}\n\n"},
	{"kernel", Kernel{}, "[FROM p0] : " + text + "\n", "[FROM p0] : " + text + "\n", ""},
}

func TestMessages(t *testing.T) {
	for _, d := range deliveries {
		got := d.dialect.AppendMessage([]byte("before"), "bench.t07", []byte(text))
		assert.Equal(t, "before"+d.message, string(got), d.name)
	}
	long := MQTT{}.AppendMessage(nil, "", make([]byte, 16384))
	assert.Equal(t, "\x30\x87\x80\x01\x00\x05bench", string(long[:11]), "a length of three bytes")
}

func TestRequests(t *testing.T) {
	for _, test := range []struct {
		dialect    Batcher
		path, body string
	}{
		{Browser{}, "/publish?name=p0&topic=t", "a~\nb~\n"},
		{Centrifugo{}, "/api/batch", `{"commands":[{"publish":{"channel":"t","data":"a~"}},{"publish":{"channel":"t","data":"b~"}}]}`},
	} {
		d := test.dialect.(Dialect)
		messages := d.AppendMessage(d.AppendMessage(nil, "t", []byte("a")), "t", []byte("b"))
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(test.dialect.Request("t", messages))))
		require.NoError(t, err)
		assert.Equal(t, "POST "+test.path, r.Method+" "+r.RequestURI)
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.Equal(t, test.body, string(body))
		assert.EqualValues(t, len(test.body), r.ContentLength)
	}
}

// However a stream is cut, the count is that of the deliveries that are complete.
func TestCounters(t *testing.T) {
	for _, d := range deliveries {
		stream := d.noise + strings.Repeat(d.delivery+d.noise, 3)
		for size := 1; size <= len(stream); size++ {
			counter, count := d.dialect.NewCounter(), 0
			for rest := []byte(stream); len(rest) > 0; {
				n := min(size, len(rest))
				count += counter.Count(rest[:n])
				rest = rest[n:]
			}
			require.Equal(t, 3, count, "%s in pieces of %d", d.name, size)
		}
		counter := d.dialect.NewCounter()
		last := 1 // byte, counted from the end
		if at := strings.IndexByte(d.delivery, mark); at >= 0 {
			last = len(d.delivery) - at
		}
		cut := len(d.noise) + 2*len(d.delivery) + len(d.noise) - last
		require.Equal(t, 1, counter.Count([]byte(stream[:cut])), "%s: the second is not complete", d.name)
	}
}

// Packets of more than 127 bytes have lengths of more than one byte.
func TestMQTTLongPackets(t *testing.T) {
	var stream []byte
	for _, size := range []int{1, 127, 128, 16383, 16384, 60_000} {
		stream = MQTT{}.AppendMessage(stream, "", make([]byte, size))
	}
	for _, size := range []int{1, 7, 1000, len(stream)} {
		counter, count := MQTT{}.NewCounter(), 0
		for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			count += counter.Count(rest[:min(size, len(rest))])
		}
		assert.Equal(t, 6, count)
	}
}

// play is a broker that says its part of a handshake, whatever the client says.
func play(t *testing.T, part string) *Conn {
	client, broker := net.Pipe()
	t.Cleanup(func() {
		client.Close()
		broker.Close()
	})
	go io.Copy(io.Discard, broker)
	go io.WriteString(broker, part)
	return NewConn(client)
}

// readRest returns the next four bytes.
func readRest(t *testing.T, c *Conn) string {
	rest := make([]byte, 4)
	_, err := io.ReadFull(c, rest)
	require.NoError(t, err)
	return string(rest)
}

func TestHandshakes(t *testing.T) {
	for name, test := range map[string]struct {
		dialect         Dialect
		publisher, sub  string // what the broker says
		refused, reason string
	}{
		"lines": {Lines{}, "Enter your role (PUBLISHER/SUBSCRIBER) : registered as PUBLISHER name=p0 publishers=1 subscribers=0\n",
			"Enter your role (PUBLISHER/SUBSCRIBER) : registered as SUBSCRIBER name=127.0.0.1:4 publishers=0 subscribers=1 next=1\n",
			"Enter your role (PUBLISHER/SUBSCRIBER) : error: too many clients\n", "too many clients"},
		"nats": {NATS{}, "INFO {\"server_id\":\"N\"} \r\nPONG\r\n", "INFO {\"server_id\":\"N\"} \r\nPONG\r\n",
			"INFO {}\r\n-ERR 'Authorization Violation'\r\n", "Authorization Violation"},
		"redis": {Redis{}, "+PONG\r\n", "*3\r\n$9\r\nsubscribe\r\n$5\r\nbench\r\n:1\r\n", "-NOAUTH Authentication required.\r\n", "NOAUTH"},
		"browser": {Browser{}, "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\nretry: 1000\nid: 0\nevent: registered\n",
			"HTTP/1.1 503 Service Unavailable\r\n", "503 Service"},
		"centrifugo": {Centrifugo{}, "HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\n\r\n\r\ndata: {\"connect\":{\"subs\":{\"bench\":{}}}}\n",
			"HTTP/1.1 401 Unauthorized\r\n", "401 Unauthorized"},
		"mqtt": {MQTT{}, "\x20\x02\x00\x00", "\x20\x02\x00\x00\x90\x03\x00\x01\x00", "\x20\x02\x00\x05", "20 02 00 05"},
	} {
		c := play(t, test.publisher+"rest")
		assert.NoError(t, test.dialect.Publisher(c, "p0", ""), name)
		assert.Equal(t, "rest", readRest(t, c), "%s: nothing behind the handshake is lost", name)

		c = play(t, test.sub+"rest")
		assert.NoError(t, test.dialect.Subscriber(c, ""), name)
		assert.Equal(t, "rest", readRest(t, c), name)

		assert.ErrorContains(t, test.dialect.Publisher(play(t, test.refused), "p0", ""), test.reason, name)
		assert.ErrorContains(t, test.dialect.Subscriber(play(t, test.refused), ""), test.reason, name)

		client, broker := net.Pipe()
		broker.Close()
		assert.Error(t, test.dialect.Subscriber(NewConn(client), ""), "%s: a broker that hangs up", name)
	}
}
