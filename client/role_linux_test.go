package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

// looked is the connection by which the client finds out that there is a server.
func looked(p *fake.Peer) {
	p.Send(protocol.Prompt)
	p.Want(protocol.HealthCheck)
	p.Send(protocol.Healthy + "\n")
}

func TestRoleIsAskedFor(t *testing.T) {
	s := fake.New(t, looked, func(p *fake.Peer) {
		h := p.Accept(" next=1")
		assert.Equal(t, protocol.Subscriber, h.Role)
		assert.Equal(t, "ada", h.Name)
		assert.Equal(t, "sea.>", h.Filter.String())
		assert.Equal(t, protocol.FromLast(3), h.From)
		assert.Equal(t, "sesame", h.Token)
		p.Send(message(1, "a", "sea.x", "hello"))
		p.Want("terminate")
	})
	ada := newPerson(t)
	ended, _ := ada.client(s, "HOST PORT")
	ada.screen.waitFor(t, protocol.Prompt)
	ada.press("reader\r")
	ada.screen.waitFor(t, "error: unknown role \"reader\", expected PUBLISHER or SUBSCRIBER\r\n")
	ada.press("subscriber colour=red\r")
	ada.screen.waitFor(t, "error: unknown key \"colour\" of a SUBSCRIBER, expected one of name, topic, from, format, token\r\n")
	ada.press("publisher ack=yes\r")
	ada.screen.waitFor(t, "error: ack and run are this client's own matter, expected name, topic, token, from or format\r\n")
	ada.press(" subscriber name=ada topic=sea.> from=-3 format=stamped token=sesame \r")
	ada.screen.waitFor(t, "registered as SUBSCRIBER")
	ada.screen.waitFor(t, "["+stamp+" FROM a #sea.x] : hello")
	ada.press(ctrlD)
	assert.Zero(t, <-ended)
}

func TestPublisherIsTypedAsWithNetcat(t *testing.T) {
	s := fake.New(t, looked, func(p *fake.Peer) {
		h := p.Accept(" next=1")
		assert.Equal(t, protocol.Publisher, h.Role)
		assert.Equal(t, "ada", h.Name)
		assert.Equal(t, "sea", h.Topic)
		p.Want("terminate")
	})
	ada := newPerson(t)
	ended, _ := ada.client(s, "HOST PORT", "--name=bob")
	ada.screen.waitFor(t, protocol.Prompt)
	ada.press("PUBLISHER name=ada topic=sea\r")
	ada.screen.waitFor(t, "registered as PUBLISHER ada")
	ada.screen.waitFor(t, "> ")
	ada.press(up + ctrlD) // the role is not in the history
	assert.Zero(t, <-ended)
}

func TestRoleIsNotGiven(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		keys string
		exit int
		want string
	}{
		"Ctrl+D":             {nil, ctrlD, 1, "client: no role chosen\r\n"},
		"not for such flags": {[]string{"--rate=3"}, "subscriber\r", 2, "client: error: --rate: not for a subscriber\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t, looked)
			ada := newPerson(t)
			ended, _ := ada.client(s, append([]string{"HOST PORT"}, c.args...)...)
			ada.screen.waitFor(t, protocol.Prompt)
			ada.press(c.keys)
			assert.Equal(t, c.exit, <-ended)
			ada.screen.waitFor(t, c.want)
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		s := fake.New(t, looked)
		ada := newPerson(t)
		ended, interrupt := ada.client(s, "HOST PORT")
		ada.screen.waitFor(t, protocol.Prompt)
		interrupt()
		assert.Equal(t, 1, <-ended)
	})
}

func TestAWrongAddressIsToldBeforeTheRoleIsAsked(t *testing.T) {
	ssh := func(p *fake.Peer) {
		p.Send("SSH-2.0-OpenSSH_9.6\r\n")
		p.Line()
	}
	for want, s := range map[string]*fake.Server{
		"client: no server at ": fake.New(t),
		" is not a Pub/Sub Lab server: unexpected answer \"SSH-2.0-OpenSSH_9.6\"": fake.New(t, ssh),
	} {
		ada := newPerson(t)
		ended, _ := ada.client(s, "HOST PORT", "--retry=0")
		assert.Equal(t, 1, <-ended)
		ada.screen.waitFor(t, want)
		assert.NotContains(t, ada.screen.String(), protocol.Prompt)
	}
}
