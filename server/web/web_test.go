package web

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"pubsublab/server/broker"
)

// A foreign page does not reach a broker on its reader's machine, whether by the broker's address or
// by a name of its own that leads there (DNS rebinding).
func TestGuard(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		for _, c := range []struct {
			what    string
			headers []string
			status  int
		}{
			{"curl", nil, 200},
			{"an address", []string{"Host", "127.0.0.1:8080"}, 200},
			{"an IPv6 address", []string{"Host", "[::1]:8080"}, 200},
			{"a service's name", []string{"Host", "server:8080"}, 200},
			{"the name of --http-url", []string{"Host", "broker.example.org"}, 200},
			{"its own page", []string{"Origin", "http://localhost", "Sec-Fetch-Site", "same-origin"}, 200},
			{"its own page behind a proxy", []string{"Host", "broker.example.org", "Origin", "https://broker.example.org"}, 200},
			{"typed into a browser", []string{"Sec-Fetch-Site", "none"}, 200},

			{"a name that leads here", []string{"Host", "evil.example.com:8080"}, 403},
			{"such a name, and its page", []string{"Host", "evil.example.com", "Origin", "http://evil.example.com"}, 403},
			{"a name that ends in a good one", []string{"Host", "localhost.evil.example.com"}, 403},
			{"a foreign page", []string{"Origin", "https://evil.example.com"}, 403},
			{"a foreign page in a frame", []string{"Origin", "null"}, 403},
			{"another port of this machine", []string{"Origin", "http://localhost:9999"}, 403},
			{"a foreign page's image or script", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
			{"a link on a foreign page to data", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		} {
			status, text := r.get("/connz", c.headers...)
			require.Equal(r, c.status, status, "%s: %s", c.what, text)
		}
		status, _ := read(t, r.do("POST", "/publish?name=eve", strings.NewReader("spam\n"), "Origin", "https://evil.example.com"))
		require.Equal(r, 403, status, "a foreign page's form")
		require.Zero(r, r.connz().Brokers[0].Journal.Position, "nothing of it was published")
		status, page := r.get("/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
		require.Equal(r, 200, status, "a link to the page")
		require.Contains(r, page, "<!doctype html>")
		response := r.do("GET", "/connz", nil, "Origin", "http://localhost")
		read(t, response)
		require.Empty(r, response.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(r, "same-origin", response.Header.Get("Cross-Origin-Resource-Policy"))
		require.Equal(r, "nosniff", response.Header.Get("X-Content-Type-Options"))
	})
}

// What is wrong with a request is named, with what was expected.
func TestWrongRequests(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		for target, words := range map[string][]string{
			"/subscribe?topics=a":               {`\"topics\"`, "topic, from, name, format"},
			"/subscribe?topic=a..b":             {`\"a..b\"`, "expected"},
			"/subscribe?from=yesterday":         {`\"yesterday\"`, "new, first, -N"},
			"/subscribe?format=xml":             {`\"xml\"`, "plain, stamped, tsv, json or sse"},
			"/subscribe?from=1&from=2":          {`\"from\"`, "twice"},
			"/subscribe?name=a%20b":             {`\"a b\"`, "1 to 64"},
			"/subscribe?from=%zz":               {"query"},
			"/connz?verbose=1":                  {`\"verbose\"`},
			"/publish?ack=yes":                  {`\"ack\"`, "topic, name, run, first"},
			"/publish?name=a&run=r":             {"first="},
			"/publish?name=a&run=r&first=0":     {`\"0\"`, "from 1 up"},
			"/publish?run=r&first=1":            {"name="},
			"/publish?name=a&topic=news.*":      {`\"news.*\"`},
			"/publish?name=a&run=r%20s&first=1": {`\"r s\"`},
		} {
			method := "GET"
			if strings.HasPrefix(target, "/publish") {
				method = "POST"
			}
			status, text := read(t, r.do(method, target, nil))
			require.Equal(r, 400, status, "%s: %s", target, text)
			for _, word := range words {
				require.Contains(r, text, word, target)
			}
		}
		status, text := r.get("/subscribe", "Last-Event-ID", "x")
		require.Equal(r, 400, status)
		require.Contains(r, text, "Last-Event-ID")
		require.Empty(r, r.connz().Connections)
	})
}

func TestMethods(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		for target, allow := range map[string]string{"/subscribe": "GET, HEAD", "/connz": "GET, HEAD", "/metrics": "GET, HEAD", "/publish": "POST"} {
			response := r.do("DELETE", target, nil)
			require.Equal(r, http.StatusMethodNotAllowed, response.StatusCode, target)
			require.Equal(r, allow, response.Header.Get("Allow"), target)
			read(t, response)
		}
		response := r.do("HEAD", "/subscribe", nil)
		read(t, response)
		require.Equal(r, 200, response.StatusCode)
		require.Equal(r, "text/event-stream", response.Header.Get("Content-Type"))
		require.Empty(r, r.connz().Connections, "it has not subscribed")
		status, _ := r.get("/healthz?live")
		require.Equal(r, 200, status)
		status, text := r.get("/healthz")
		require.Equal(r, 200, status)
		require.JSONEq(r, `{"status":"healthy"}`, text)
	})
}

// Who is online, and how far behind a browser is that takes nothing.
func TestConnz(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		stuck := r.do("GET", "/subscribe?name=stuck", nil) // nobody reads the body
		defer stuck.Body.Close()
		s := r.subscribe("/subscribe?name=eve&topic=news.*")
		r.post("/publish?name=ada&topic=news.sea", strings.Repeat(strings.Repeat("x", 999)+"\n", 100))
		s.take()
		x := r.connz()
		require.Len(r, x.Connections, 2)
		first, second := x.Connections[0], x.Connections[1]
		require.Equal(r, "stuck", first.Name)
		require.Equal(r, "SUBSCRIBER", first.Role)
		require.Equal(r, "http", first.Via)
		require.Equal(r, "sse", first.Format)
		require.True(r, first.Waiting)
		require.Greater(r, first.Lag.Messages, uint64(50))
		require.Equal(r, 1000*int(first.Lag.Messages), first.Lag.Bytes)
		require.EqualValues(r, 100, first.Position+first.Lag.Messages)
		require.Equal(r, connzLag{}, second.Lag)
		require.Equal(r, "news.*", second.Topic)
		require.EqualValues(r, 100, second.Lines)
		require.EqualValues(r, 100, second.Position)
		b := x.Brokers[0]
		require.Equal(r, broker.Traffic{Messages: 100, Bytes: 100_000}, b.Received)
		require.GreaterOrEqual(r, b.Sent.Messages, uint64(100))
		require.True(r, b.Ready)
		require.EqualValues(r, 2, b.Subscribers)
	})
}

// The metrics have the names of the contract, no client's word in them, and nothing that Prometheus's
// own linter has to say about.
func TestMetrics(t *testing.T) {
	inBubble(t, broker.Config{}, func(r *rig) {
		s := r.subscribe("/subscribe?name=eve")
		r.post("/publish?name=ada&topic=news.sea", "a\nb\n")
		s.take()
		_, text := r.get("/metrics")
		var ours strings.Builder
		for line := range strings.Lines(text) {
			if strings.Contains(line, "pubsublab_") {
				ours.WriteString(line)
			}
		}
		problems, err := promlint.New(strings.NewReader(ours.String())).Lint()
		require.NoError(r, err)
		require.Empty(r, problems)
		_, err = promlint.New(strings.NewReader(text + "\n")).Lint()
		require.NoError(r, err, "all of it can be read")
		for _, line := range []string{
			`pubsublab_connections{role="subscriber"} 1`, `pubsublab_connections{role="publisher"} 0`,
			`pubsublab_connections_total{role="publisher"} 1`, `pubsublab_messages_received_total 2`, `pubsublab_messages_sent_total 2`,
			`pubsublab_received_bytes_total 4`, `pubsublab_sent_bytes_total `, `pubsublab_disconnects_total{reason="eof"} 1`,
			`pubsublab_subscriber_lag_messages_max 0`, `pubsublab_publishers_waiting 0`, `pubsublab_history_bytes `,
			`pubsublab_position 2`, `pubsublab_gaps_total 0`, `pubsublab_build_info{version="v1"} 1`,
		} {
			require.Contains(r, ours.String(), "\n"+line)
		}
		for _, word := range []string{"eve", "ada", "news"} {
			require.NotContains(r, text, word)
		}
	})
}

// A browser that takes nothing is a slow subscriber like any other (P16): it is disconnected, and
// named, and everyone else goes on.
func TestStalledBrowser(t *testing.T) {
	inBubble(t, broker.Config{StallTimeout: 30 * time.Second}, func(r *rig) {
		stuck := r.do("GET", "/subscribe?name=stuck", nil) // nobody reads the body
		defer stuck.Body.Close()
		s := r.subscribe("/subscribe?name=eve&format=plain")
		for range 3 { // more than the history holds
			status, _ := r.post("/publish?name=ada", strings.Repeat(strings.Repeat("x", 60000)+"\n", 10))
			require.Equal(r, 200, status)
		}
		require.Equal(r, 30, strings.Count(s.take(), "[FROM ada]"))
		time.Sleep(time.Minute)
		require.Contains(r, r.log.String(), `msg="subscriber left" addr=pipe name=stuck lines=`)
		require.Contains(r, r.log.String(), "reason=stalled")
		require.Len(r, r.connz().Connections, 1)
	})
}

// A page that is left open keeps nobody running, and a publisher does while it publishes.
func TestPagesDoNotKeepABrokerBusy(t *testing.T) {
	inBubble(t, broker.Config{IdleAfter: 3 * time.Second}, func(r *rig) {
		s := r.subscribe("/subscribe")
		s.take()
		time.Sleep(time.Minute)
		select {
		case <-r.broker.Idle():
			r.Fatal("nobody has been there yet")
		default:
		}
		r.post("/publish?name=ada", "hello")
		published := time.Now()
		<-r.broker.Idle()
		require.Equal(r, 3*time.Second, time.Since(published))
		require.NotEmpty(r, s.take())
	})
}

// TLS and clients' certificates are those of the lines (P18).
func TestTLS(t *testing.T) {
	known := httptest.NewTLSServer(nil) // for its certificate
	known.Close()
	config := &tls.Config{Certificates: known.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert}
	client := known.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	client.ServerName = "example.com"
	client.Certificates = known.TLS.Certificates
	onLoopback(t, broker.Config{TLS: config}, client, func(r *rig) {
		status, _ := r.get("/connz", "Host", "any.name.example.net", "Origin", "https://any.name.example.net")
		require.Equal(t, 200, status, "its certificate has proven the name")
		status, _ = r.get("/connz", "Origin", "http://localhost")
		require.Equal(t, 403, status, "a page that came without TLS")
		response := r.do("GET", "/subscribe?format=plain&name=eve", nil)
		defer response.Body.Close()
		lines := bufio.NewReader(response.Body)
		lines.ReadString('\n') // P4
		r.post("/publish?name=ada", strings.Repeat("x", 60000)+"\n")
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "[FROM ada] : "+strings.Repeat("x", 60000)+"\n", line)
		require.NoError(t, r.broker.Shutdown(t.Context()))
		_, err = lines.ReadByte()
		require.ErrorIs(t, err, io.EOF)
	})
	nobody := client.Clone()
	nobody.Certificates = nil
	onLoopback(t, broker.Config{TLS: config}, nobody, func(r *rig) {
		request, err := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/connz", nil)
		require.NoError(t, err)
		_, err = r.client.Do(request)
		require.ErrorContains(t, err, "certificate required")
	})
}
