package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// browser is a client of a server's HTTP side.
type browser struct {
	*server
	page string
}

func startHTTP(t *testing.T, args ...string) *browser {
	s := start(t, append([]string{"--http=127.0.0.1:0"}, args...)...)
	if !strings.Contains(strings.Join(s.seen, "\n"), "page=http") {
		s.logged("page=http")
	}
	return &browser{s, regexpFind(t, `page=(http://[0-9.:]+)/`, s.seen)}
}

func (b *browser) do(method, target, body string, headers ...string) *http.Response {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.page+target, strings.NewReader(body))
	require.NoError(b.t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { response.Body.Close() })
	return response
}

// answer returns the status and text of what a request is answered.
func (b *browser) answer(method, target, body string) string {
	b.t.Helper()
	response := b.do(method, target, body)
	text, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	return fmt.Sprint(response.StatusCode, " ", strings.TrimSpace(string(text)))
}

// events returns what a stream brings after the message with the position last, and up to another.
func (b *browser) events(last, to int) (got []string) {
	b.t.Helper()
	events := bufio.NewReader(b.do("GET", "/subscribe?format=sse", "", "Last-Event-ID", fmt.Sprint(last)).Body)
	for last < to {
		text, err := events.ReadString('\n')
		require.NoError(b.t, err)
		if _, line, ok := strings.Cut(text, `"line":"`); ok {
			last++
			require.Contains(b.t, text, fmt.Sprintf(`"pos":%d,`, last))
			got = append(got, strings.TrimSuffix(line, "\"}\n"))
		}
	}
	return got
}

// HTTP is the same over every journal; where that outlives the server, publishers and browsers go on
// exactly where they were when it is killed.
func TestHTTPOnEveryJournal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, health string
		args         func(t *testing.T) []string
	}{
		{"memory", `{"status":"healthy"}`, func(*testing.T) []string { return nil }},
		{"disk", `{"status":"healthy","sync":"always"}`, func(t *testing.T) []string {
			return []string{"--journal", filepath.Join(t.TempDir(), "journal"), small}
		}},
		{"jetstream", `{"status":"healthy"}`, func(t *testing.T) []string {
			return []string{"--journal", startNATS(t, natsserver.RANDOM_PORT, t.TempDir()).ClientURL()}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := c.args(t)
			b := startHTTP(t, args...)
			publish := func(first int, body, answer string) {
				t.Helper()
				require.Equal(t, answer, b.answer("POST", fmt.Sprint("/publish?name=ada&run=r&first=", first), body), "P15")
			}
			publish(1, "a\nb\n", `200 {"taken":2,"rejected":0,"errors":[],"position":2,"next":3}`)
			publish(1, "a\nb\nc\n", `200 {"taken":3,"rejected":0,"errors":[],"position":3,"next":4}`)
			publish(9, "i\n", `409 {"error":"first= is ahead of the run, expected no more than next","taken":0,"rejected":0,"errors":[],"position":3,"next":4}`)
			require.Equal(t, []string{"a", "b", "c"}, b.events(0, 3), "P12")
			require.Equal(t, []string{"c"}, b.events(2, 3), "P12")
			state := func(position int) {
				t.Helper()
				wait.Until(t, func() bool { return b.answer("GET", "/healthz", "") == "200 "+c.health }, "%s", c.health)
				require.Contains(t, b.answer("GET", "/metrics", ""), fmt.Sprintf("\npubsublab_position %d\n", position))
			}
			state(3)
			if args == nil {
				require.Zero(t, b.stop(os.Interrupt))
				return
			}
			require.NotZero(t, b.stop(syscall.SIGKILL))
			b = startHTTP(t, args...)
			state(3)
			publish(2, "b\nc\nd\n", `200 {"taken":3,"rejected":0,"errors":[],"position":4,"next":5}`)
			require.Equal(t, []string{"c", "d"}, b.events(2, 4), "P12: nothing is missing or doubled")
			state(4)
			require.Zero(t, b.stop(os.Interrupt))
		})
	}
}
