package web

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/server/broker"
)

// Tokens are those of the lines (P18), in a header or, for EventSource, in the query.
func TestTokens(t *testing.T) {
	inBubble(t, broker.Config{Tokens: []string{"secret"}}, func(r *rig) {
		for _, target := range []string{"/connz", "/metrics", "/subscribe", "/connz?token=guess"} {
			response := r.do("GET", target, nil)
			status, text := read(t, response)
			require.Equal(r, 401, status, target)
			require.Equal(r, "Bearer", response.Header.Get("WWW-Authenticate"))
			require.Contains(r, text, "token", target)
			require.NotContains(r, text, "guess")
		}
		status, _ := r.get("/connz", "Authorization", "Bearer secret")
		require.Equal(r, 200, status)
		status, _ = r.get("/healthz")
		require.Equal(r, 200, status, "as over a line, it needs none")
		s := r.subscribe("/subscribe?token=secret&name=eve")
		require.Contains(r, s.take(), "event: registered")
		status, text := read(t, r.do("POST", "/publish?name=secret", nil, "Authorization", "Bearer secret"))
		require.Equal(r, 400, status)
		require.Contains(r, text, "stands where others can see it")
		require.NotContains(r, r.log.String(), "secret")

		r.broker.SetTokens([]string{"other"})
		s.wantEnd("event: end\ndata: {\"error\":\"your token is no longer one of this server's\",\"again\":false}\n\n", "P18")
	})
}

// Where there are tokens, nothing of what was refused is told or logged: a word of it may be one.
func TestRefusedRequestsAreNotRepeated(t *testing.T) {
	const bearer = "Bearer mellon"
	inBubble(t, broker.Config{Tokens: []string{"sesame", "mellon"}}, func(r *rig) {
		for target, told := range map[string]string{
			"GET /subscribe?sesame":                         `unknown parameter "…", expected topic, from, name, format or token`,
			"GET /subscribe?name=ada,token=sesame":          `bad name "…", expected 1 to 64 of A-Z a-z 0-9 . _ -`,
			"GET /subscribe?topic=news,sesame":              `bad topic "…", expected letters`,
			"GET /subscribe?from=sesame":                    `bad from "…", expected new, first`,
			"GET /subscribe?format=sesame":                  `unknown format "…", expected plain, stamped, tsv, json or sse`,
			"GET /subscribe?from=1&from=sesame":             `key "…" given twice`,
			"GET /connz?%sesame":                            `the query cannot be read: "…"`,
			"GET /connz?sesame=1":                           `unknown parameter "…", expected  or token`,
			"POST /publish?name=a&run=r&first=sesame":       `bad first "…", expected the number of a line`,
			"POST /publish?name=a&run=sesame!&first=1":      `bad run "…", expected 1 to 64`,
			"POST /publish?topic=news;sesame":               `the query cannot be read: "…"`,
			"POST /publish?topic=news;sesame&token=mellon ": `the query cannot be read: "…"`,
		} {
			method, target, _ := strings.Cut(target, " ")
			response := r.do(method, strings.TrimSpace(target), nil, "Authorization", bearer)
			status, text := read(r.T, response)
			require.Equal(r, 400, status, target)
			var answer struct{ Error string }
			require.NoError(r, json.Unmarshal([]byte(text), &answer))
			require.Contains(r, answer.Error, told, target)
			require.NotContains(r, text, "sesame", target)
		}
		for _, headers := range [][]string{
			{"Authorization", bearer, "Last-Event-ID", "sesame"}, {"Origin", "http://evil.example.com"}, {"Host", "evil.example.com"},
			{"Authorization", "sesame"}, {"Authorization", "Basic sesame"}, {"Authorization", "Bearer not-sesame"},
		} {
			for _, target := range []string{"/subscribe", "/sesame", "/subscribe/token=sesame", "//subscribe?token=sesame"} {
				response := r.do("GET", target, nil, headers...)
				status, text := read(r.T, response)
				require.GreaterOrEqual(r, status, 400, "%s %v", target, headers)
				require.NotContains(r, text, "sesame", "%s %v", target, headers)
			}
		}
		require.NotContains(r, r.log.String(), "sesame")
		require.NotContains(r, r.log.String(), "mellon")
	})
}

// Who guesses has to wait for each guess. A right token is let in, and waits once on a connection,
// whatever others at its address do; who shows none has not guessed.
func TestGuessingIsSlow(t *testing.T) {
	inBubble(t, broker.Config{Tokens: []string{"sesame"}}, func(r *rig) {
		took := func(status int, method, target, token string) time.Duration {
			r.Helper()
			begun := time.Now()
			response := r.do(method, target, strings.NewReader("line\n"), "Authorization", token)
			got, text := read(r.T, response)
			require.Equal(r, status, got, text)
			return time.Since(begun)
		}
		fresh := func() { r.client.CloseIdleConnections() }
		for range 20 {
			require.Zero(r, took(401, "GET", "/connz", ""), "no token, no guess")
		}
		for range 10 {
			require.Zero(r, took(401, "GET", "/connz", "Bearer guess"))
		}
		require.Equal(r, time.Second, took(401, "GET", "/connz", "Bearer guess"))
		require.Zero(r, took(401, "GET", "/connz", ""))
		require.Equal(r, time.Second, took(200, "POST", "/publish?name=ada", "Bearer sesame"), "one second for a request")
		for range 5 {
			require.Zero(r, took(200, "GET", "/connz", "Bearer sesame"), "and none for the next one")
		}
		require.Equal(r, time.Second, took(401, "GET", "/connz", "Bearer guess"), "a guess has to wait on this connection, too")
		require.Equal(r, time.Second, took(200, "GET", "/connz", "Bearer sesame"), "and so has the right one after it")
		fresh()
		require.Equal(r, time.Second, took(200, "GET", "/connz", "Bearer sesame"), "on a new connection")
	})
}
