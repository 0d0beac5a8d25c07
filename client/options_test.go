package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  [2]string
		want string
	}{
		{args: nil, want: "expected HOST PORT or HOST:PORT"},
		{args: []string{"localhost"}, want: "localhost has no port, expected HOST PORT or HOST:PORT"},
		{args: []string{"localhost", "http"}, want: `bad address "localhost:http": port "http" is not a number from 1 to 65535`},
		{args: []string{"localhost", "70000"}, want: `port "70000" is not a number`},
		{args: []string{"localhost", "publisher"}, want: `port "publisher" is not a number`},
		{args: []string{"::1"}, want: "::1 has no port"},
		{args: []string{"a,b", "1"}, want: `bad address "a" in "a,b": missing port`},
		{args: []string{"a:1,b", "1"}, want: `bad address "b" in "a:1,b": missing port`},
		{args: []string{"a:1,"}, want: `bad address "" in "a:1,": it is empty`},
		{args: []string{"a:1,a:1"}, want: "it is there twice"},
		{args: []string{"a:70000"}, want: `port "70000" is not a number`},
		{args: []string{"a:1", "1"}, want: `unknown role "1", expected PUBLISHER or SUBSCRIBER`},
		{args: []string{"a:1", "publisher", "a", "b"}, want: "unexpected argument b"},
		{args: []string{"a:1", "publisher", "a.*"}, want: "wildcard"},
		{args: []string{"localhost", "1", "reader"}, want: `unknown role "reader", expected PUBLISHER or SUBSCRIBER`},
		{args: []string{"localhost", "1", "publisher", "a", "b"}, want: "unexpected argument b"},
		{args: []string{"localhost", "1", "publisher", "a", "--topic=b"}, want: "two topics given, a and b"},
		{args: []string{"localhost", "1", "publisher", "a.*"}, want: "wildcard"},
		{args: []string{"localhost", "1", "subscriber", ">.a"}, want: "> at the end only"},
		{args: []string{"localhost", "1", "publisher", "--name=a b"}, want: "bad name"},
		{args: []string{"localhost", "1", "publisher", "--rate=-1"}, want: "--rate"},
		{args: []string{"localhost", "1", "publisher", "--rate=fast"}, want: "--rate"},
		{args: []string{"localhost", "1", "publisher", "--retry=-1s"}, want: "--retry"},
		{args: []string{"localhost", "1", "publisher", "--from=first", "--format=tsv", "--count=1", "--output=x"},
			want: "--from, --format, --count, --output: not for a publisher"},
		{args: []string{"localhost", "1", "publisher", "--publishers=2"}, want: "--publishers: not for a publisher"},
		{args: []string{"localhost", "1", "publisher", "--publisher-timeout=2s"}, want: "--publisher-timeout: not for a publisher"},
		{args: []string{"localhost", "1", "subscriber", "--publisher-timeout=-2s"}, want: "--publisher-timeout: expected 0 or more"},
		{args: []string{"localhost", "1", "subscriber", "--script=x", "--rate=3", "--undelivered=x"},
			want: "--script, --rate, --undelivered: not for a subscriber"},
		{args: []string{"localhost", "1", "subscriber", "--from=now"}, want: `bad from "now"`},
		{args: []string{"localhost", "1", "subscriber", "--format=xml"}, want: `unknown format "xml"`},
		{args: []string{"localhost", "1", "subscriber", "--count=1", "--publishers=1"}, want: "can't be used together"},
		{args: []string{"localhost", "1", "subscriber", "--publishers=-1"}, want: "--publishers"},
		{args: []string{"localhost", "1", "subscriber"}, env: [2]string{"PUBSUB_FORMAT", "xml"}, want: `unknown format "xml"`},
		{args: []string{"localhost", "1", "publisher"}, env: [2]string{"PUBSUB_RATE", "-1"}, want: "--rate: expected 0 or more"},
		{args: []string{"localhost", "1"}, want: "no role given: add PUBLISHER or SUBSCRIBER"},
	} {
		t.Run(strings.Join(append(c.args, c.env[1]), " "), func(t *testing.T) {
			if c.env[0] != "" {
				t.Setenv(c.env[0], c.env[1])
			}
			got := client(t, nil, strings.NewReader(""), c.args...)
			assert.Equal(t, 2, got.exit)
			assert.Empty(t, got.stdout)
			assert.Contains(t, got.stderr, "client: error: ")
			assert.Contains(t, got.stderr, c.want)
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	got := client(t, nil, nil, "--help")
	assert.Zero(t, got.exit)
	assert.Empty(t, got.stderr)
	for _, want := range []string{"Usage: client HOST PORT [ROLE [TOPIC]] [flags]\n       client HOST:PORT[,HOST:PORT...] [ROLE [TOPIC]] [flags]\n", "Exit codes: 0 ", "$PUBSUB_NAME", "$PUBSUB_TOPIC", "$PUBSUB_RETRY", "$PUBSUB_SCRIPT", "$PUBSUB_RATE", "$PUBSUB_UNDELIVERED",
		"$PUBSUB_FROM", "$PUBSUB_FORMAT", "$PUBSUB_COUNT", "$PUBSUB_PUBLISHERS", "$PUBSUB_OUTPUT"} {
		assert.Contains(t, got.stdout, want)
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	r.Close()
	var stderr buffer
	assert.Zero(t, run(t.Context(), []string{"--help"}, nil, w, &stderr), "whoever reads it has seen enough")
	assert.Empty(t, stderr.String())
	got = client(t, nil, nil, "--version")
	assert.Zero(t, got.exit)
	assert.Regexp(t, `^client \S+ go1\.\d+`, got.stdout)
}

func TestVariablesOfTheOtherRoleAreIgnored(t *testing.T) {
	for name, value := range map[string]string{
		"PUBSUB_SCRIPT": "/no/such", "PUBSUB_RATE": "fast", "PUBSUB_UNDELIVERED": "/no/such/file",
		"PUBSUB_FROM": "now", "PUBSUB_FORMAT": "xml", "PUBSUB_COUNT": "-1", "PUBSUB_PUBLISHERS": "all", "PUBSUB_OUTPUT": "/no/such/file",
	} {
		for _, args := range [][]string{{"HOST PORT"}, {"HOST:PORT"}} {
			t.Run(name+" "+args[0], func(t *testing.T) {
				t.Setenv(name, value)
				role := "publisher"
				if strings.Contains("PUBSUB_SCRIPT PUBSUB_RATE PUBSUB_UNDELIVERED", name) {
					role = "subscriber"
				}
				s := fake.New(t, func(p *fake.Peer) {
					p.Accept(" next=1")
					p.Send("error: wrong token\n")
					io.Copy(io.Discard, p.R)
				})
				got := client(t, s, strings.NewReader(""), append(args, role)...)
				assert.NotEqual(t, 2, got.exit)
				assert.Contains(t, got.stderr, "registered as "+strings.ToUpper(role))
			})
		}
	}
	t.Run("where the role is asked for", func(t *testing.T) {
		t.Setenv("PUBSUB_FORMAT", "tsv")
		s := fake.New(t, func(p *fake.Peer) {
			p.Accept("")
			p.Discard()
		})
		got := client(t, s, strings.NewReader("publisher\n"), "HOST PORT")
		assert.Zero(t, got.exit, got.stderr)
	})
}

func TestEmptyVariablesAreNone(t *testing.T) {
	for _, name := range []string{"NAME", "TOPIC", "RETRY", "TLS", "FROM", "FORMAT", "COUNT", "PUBLISHERS", "OUTPUT"} {
		t.Setenv("PUBSUB_"+name, "")
	}
	o, _, ok := parse([]string{"h", "1", "subscriber"}, io.Discard, io.Discard)
	require.True(t, ok)
	assert.EqualValues(t, 30e9, o.Retry)
}

func TestWhereTheServerIs(t *testing.T) {
	for args, want := range map[string]string{
		"localhost 5000":                   "localhost:5000",
		"localhost:5000":                   "localhost:5000",
		"::1 5000":                         "[::1]:5000",
		"[::1] 5000":                       "[::1]:5000",
		"[::1]:5000":                       "[::1]:5000",
		"fe80::1%eth0 5000":                "[fe80::1%eth0]:5000",
		"[fe80::1%eth0] 5000":              "[fe80::1%eth0]:5000",
		"[fe80::1%eth0]:5000":              "[fe80::1%eth0]:5000",
		"[::1]:5000,[::2]:5000 subscriber": "[::1]:5000,[::2]:5000",
		"[::1] 5000 subscriber sea.>":      "[::1]:5000",
	} {
		o, _, ok := parse(strings.Fields(args), io.Discard, io.Discard)
		if assert.True(t, ok, args) {
			assert.Equal(t, want, o.addr, args)
		}
	}
	for args, want := range map[string]string{
		"[::1]":        "[::1] has no port, expected HOST PORT or HOST:PORT",
		"::1":          "::1 has no port, expected HOST PORT or HOST:PORT",
		"[::1]:":       `port "" is not a number from 1 to 65535`,
		"[::1]:x 1":    `port "x" is not a number from 1 to 65535`,
		"[::1 5000":    `bad address "[[::1]:5000"`,
		"[::1],b 5000": `bad address "[::1]" in "[::1],b": missing port`,
	} {
		var stderr strings.Builder
		_, exit, ok := parse(strings.Fields(args), io.Discard, &stderr)
		assert.False(t, ok, args)
		assert.Equal(t, 2, exit, args)
		assert.Contains(t, stderr.String(), want, args)
	}
}

func TestTheLastMessagesAreAskedForEitherWay(t *testing.T) {
	for _, args := range []string{"--from=-10", "--from -10", "h:1 --from -10 subscriber"} {
		o, _, ok := parse(append([]string{"h:1"}, strings.Fields(strings.TrimPrefix(args, "h:1"))...), io.Discard, io.Discard)
		require.True(t, ok, args)
		assert.Equal(t, protocol.FromLast(10), o.From, args)
	}
	for args, want := range map[string]string{
		"h:1 publisher --rate nan":   "--rate: expected 0 or more lines per second",
		"h:1 publisher --rate -1":    "--rate: expected 0 or more lines per second",
		"h:1 subscriber --from":      "--from: expected a value\n",
		"h:1 subscriber --from -x":   "--from: expected a value but got \"-x\" (short flag); perhaps try --from=\"-x\"?\n",
		"h:1 subscriber --count -1":  `--count: got "-1", expected a whole number, 0 or more`,
		"h:1 publisher --rate fast":  `--rate: got "fast", expected a number`,
		"h:1 publisher --retry 10":   `--retry: got "10", expected a duration such as 500ms, 30s or 1m30s`,
		"h:1 subscriber --from=-x":   `bad from "-x", expected new, first, -N (the last N) or a position from 1 up`,
		"h:1 subscriber --tls -10":   "--tls",
		"h:1 subscriber --retry -1s": "--retry: expected 0 or more, such as 10s",
	} {
		var stderr strings.Builder
		_, exit, ok := parse(strings.Fields(args), io.Discard, &stderr)
		assert.False(t, ok, args)
		assert.Equal(t, 2, exit, args)
		assert.Contains(t, stderr.String(), want, args)
	}
}
