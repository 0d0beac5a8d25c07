//go:build unix

package runner

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var anAddress = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5001}

// run starts commands, and returns what they print.
func run(t *testing.T, c Commands) (server, publisher, subscriber string, p *Processes) {
	t.Helper()
	c.Dir = t.TempDir()
	p, err := c.Runner()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	port, err := p.Port()
	require.NoError(t, err)
	said := func(program *Program, err error) string {
		require.NoError(t, err)
		<-program.Done()
		return string(program.Output.Bytes())
	}
	server = said(p.Server(t.Context(), port))
	publisher = said(p.Client(t.Context(), anAddress, Publisher, "news"))
	subscriber = said(p.Client(t.Context(), anAddress, Subscriber, "a b"))
	return server, publisher, subscriber, p
}

func TestCommandsAreFilled(t *testing.T) {
	client := "echo '{role} of {topic}' {host} {port}"
	_, publisher, subscriber, p := run(t, Commands{Server: "echo {port}", Publisher: client, Subscriber: client})
	assert.Equal(t, "PUBLISHER of news 127.0.0.1 5001\n", publisher)
	assert.Equal(t, "SUBSCRIBER of a b 127.0.0.1 5001\n", subscriber)
	assert.Empty(t, p.Types(Publisher, "news"))
}

func TestCommandsOfTwoPrograms(t *testing.T) {
	server, publisher, subscriber, p := run(t, Commands{
		Server: "echo server", Publisher: "echo pub", Subscriber: "echo sub {port}", Port: 4242, Types: []string{"2", "{topic}/{role}"},
	})
	assert.Equal(t, []string{"server\n", "pub\n", "sub 5001\n"}, []string{server, publisher, subscriber})
	assert.Equal(t, []string{"2", "news/SUBSCRIBER"}, p.Types(Subscriber, "news"))
	port, err := p.Port()
	require.NoError(t, err)
	assert.Equal(t, 4242, port, "what the source fixes")
}

func TestCommandsThatAreTyped(t *testing.T) {
	_, _, _, p := run(t, Commands{
		Server: "echo {port}", Publisher: "echo {port}", Subscriber: "echo {port}", Types: []string{"{role}"},
		SubscribeLine: "/sub {topic}", PublishLine: "/pub {topic} {text}",
	})
	assert.Equal(t, []string{"SUBSCRIBER", "/sub news"}, p.Types(Subscriber, "news"))
	assert.Equal(t, []string{"PUBLISHER"}, p.Types(Publisher, "news"))
	assert.Equal(t, "/pub news m1 of {topic}", p.Line("news", "m1 of {topic}"))
}

func TestTwoPorts(t *testing.T) {
	_, publisher, subscriber, p := run(t, Commands{Server: "echo {port}", Publisher: "echo {port}", Subscriber: "echo {port+1}"})
	assert.Equal(t, []string{"5001\n", "5002\n"}, []string{publisher, subscriber})
	assert.True(t, p.TwoPorts())
	port, err := p.Port()
	require.NoError(t, err)
	for range 3 {
		other, err := p.Port()
		require.NoError(t, err)
		assert.NotEqual(t, port+1, other, "the server may take it, too")
		port = other
	}
}

func TestOneRoleAlone(t *testing.T) {
	_, err := Commands{Dir: ".", Server: "server {port}", Publisher: "pub {port}"}.Runner()
	assert.EqualError(t, err, "there is one of publisher and subscriber; expected both or none")
}
