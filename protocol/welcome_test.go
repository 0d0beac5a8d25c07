package protocol

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestP4Welcome(t *testing.T) {
	for line, want := range map[string]Welcome{
		"registered as PUBLISHER name=ada publishers=1 subscribers=0":                                         {Role: Publisher, Name: "ada", Publishers: 1},
		"registered as SUBSCRIBER name=10.0.0.1:5000 publishers=2 subscribers=30 next=7 journal=k3v7":         {Role: Subscriber, Name: "10.0.0.1:5000", Publishers: 2, Subscribers: 30, Next: 7, Journal: "k3v7"},
		"registered as PUBLISHER name=ada publishers=1 subscribers=1 next=1 journal=k3v7 sync=always":         {Role: Publisher, Name: "ada", Publishers: 1, Subscribers: 1, Next: 1, Journal: "k3v7", Sync: "always"},
		"registered as PUBLISHER name=[::1]:5000 publishers=1 subscribers=1 next=18446744073709551615":        {Role: Publisher, Name: "[::1]:5000", Publishers: 1, Subscribers: 1, Next: math.MaxUint64},
		"registered as SUBSCRIBER name=[fe80::1%eth0]:5000 publishers=0 subscribers=1 journal=Some.other_one": {Role: Subscriber, Name: "[fe80::1%eth0]:5000", Subscribers: 1, Journal: "Some.other_one"},
	} {
		got, err := ParseWelcome(line)
		require.NoError(t, err, line)
		assert.Equal(t, want, got)
		assert.Equal(t, line, want.String(), "P4")
	}
}

func TestP4NewerServersCanSayMore(t *testing.T) {
	w, err := ParseWelcome("registered as PUBLISHER color=red name=ada loud publishers=1 =x subscribers=2 next=3 name2=z")
	require.NoError(t, err)
	assert.Equal(t, Welcome{Role: Publisher, Name: "ada", Publishers: 1, Subscribers: 2, Next: 3}, w, "P4: unknown keys are passed over")
	w, err = ParseWelcome("registered as SUBSCRIBER")
	require.NoError(t, err, "P4: a server may tell less")
	assert.Equal(t, Welcome{Role: Subscriber}, w)
}

func TestP4Refusals(t *testing.T) {
	_, err := ParseWelcome("error: the server is full: try later")
	var refusal *Refusal
	require.True(t, errors.As(err, &refusal))
	assert.Equal(t, "the server is full: try later", refusal.Text)
	assert.EqualError(t, err, "the server refused: the server is full: try later")

	for line, text := range map[string]string{
		"":                         `unexpected answer "", expected "registered as " and a role`,
		"hello":                    `unexpected answer "hello", expected "registered as " and a role`,
		"registered as ":           `unexpected answer "registered as ", expected "registered as " and a role`,
		"error:":                   `unexpected answer "error:", expected "registered as " and a role`,
		" registered as PUBLISHER": `unexpected answer " registered as PUBLISHER", expected "registered as " and a role`,
		"registered as READER":     `unknown role "READER", expected PUBLISHER or SUBSCRIBER`,

		"registered as PUBLISHER publishers=":     `bad "publishers=" in "registered as PUBLISHER publishers=", expected a number`,
		"registered as PUBLISHER subscribers=two": `bad "subscribers=two" in "registered as PUBLISHER subscribers=two", expected a number`,
		"registered as PUBLISHER next=-1":         `bad "next=-1" in "registered as PUBLISHER next=-1", expected a number`,
		"registered as PUBLISHER next":            `bad "next" in "registered as PUBLISHER next", expected a number`,
	} {
		_, err := ParseWelcome(line)
		assert.EqualError(t, err, text, "P4: %q", line)
		assert.False(t, errors.As(err, &refusal) && refusal.Text == "", "no refusal: %q", line)
	}
}

func TestP14AckLines(t *testing.T) {
	for _, n := range []uint64{0, 1, 17, math.MaxUint64} {
		line := AppendAck([]byte("x"), n)
		assert.Equal(t, byte('\n'), line[len(line)-1])
		got, ok := ParseAck(string(TrimLine(line[1:])))
		assert.True(t, ok)
		assert.Equal(t, n, got)
	}
	assert.Equal(t, "ack 17\n", string(AppendAck(nil, 17)), "P14")
	for _, line := range []string{"", "ack", "ack ", "ack x", "ack 1 ", "ack -1", "ack +1", "ACK 1", " ack 1", "ack 18446744073709551616", "error: ack 1"} {
		n, ok := ParseAck(line)
		assert.False(t, ok, "P14: %q", line)
		if line != "ack 18446744073709551616" {
			assert.Zero(t, n)
		}
	}
}
