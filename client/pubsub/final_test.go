package pubsub

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

func TestWhichErrorsMayPass(t *testing.T) {
	alert := func(n tls.AlertError) error {
		return &net.OpError{Op: "remote error", Err: errors.New(n.Error())}
	}
	refusal := func(text string) error { return &protocol.Refusal{Text: text} }
	for _, c := range []struct {
		err  error
		pass bool
	}{
		{syscall.ECONNREFUSED, true},
		{io.EOF, true},
		{os.ErrDeadlineExceeded, true},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, true}, // a container that is not up yet
		{refusal(protocol.Full), true},
		{refusal(protocol.ManyFromAddress), true},
		{refusal(protocol.ManyWrongTokens), true},
		{refusal(protocol.ShuttingDown), true},
		{refusal(protocol.NoRole), true},
		{refusal(protocol.TornRoleLine), true},
		{refusal("the moon is wrong, try again later"), true},
		{alert(20), true}, // bad record MAC: damage on the way
		{alert(80), true}, // internal error
		{refusal(protocol.TakenOver), false},
		{refusal(protocol.WrongToken), false},
		{refusal(protocol.NoToken), false},
		{refusal(protocol.SpeaksTLS), false},
		{refusal(`bad name "a b", expected 1 to 64 of A-Z a-z 0-9 . _ -`), false},
		{ErrNotAServer, false},
		{&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}}, false},
		{tls.RecordHeaderError{}, false},
		{alert(42), false},  // bad certificate
		{alert(116), false}, // certificate required
	} {
		assert.Equal(t, c.pass, mayPass(fmt.Errorf("registering: %w", &BrokerError{"a:1", c.err})), "%v", c.err)
	}
}

// What the TLS of this Go says of a client without a certificate is what refusedByTLS knows.
func TestAServerThatWantsACertificateIsNotAskedAgain(t *testing.T) {
	web := httptest.NewTLSServer(nil) // has a certificate for 127.0.0.1
	web.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(web.Certificate())
	f := fake.New(t, func(p *fake.Peer) {
		tls.Server(p.Conn, &tls.Config{Certificates: web.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert}).Handshake()
		io.Copy(io.Discard, p.Conn) // to close before the role line is read would be a reset
	}, func(*fake.Peer) { t.Error("asked again") })
	_, err := DialSubscriber(t.Context(), f.Addr, Config{TLS: &tls.Config{RootCAs: trusted}})
	assert.ErrorContains(t, err, "certificate required")
}

// The token was taken away while the client was connected: another try would only spend what its
// address may get wrong.
func TestAFinalRefusalEndsAReconnection(t *testing.T) {
	accepts := func(p *fake.Peer) { p.Accept(" next=1") }
	refuses := func(p *fake.Peer) {
		p.Line()
		p.Send(protocol.Prompt + "error: " + protocol.WrongToken + "\n")
		p.Line()
	}
	again := func(*fake.Peer) { t.Error("asked again") }
	t.Run("subscriber", func(t *testing.T) {
		s := dialSubscriber(t, fake.New(t, accepts, refuses, again), Config{})
		_, err := s.Next(t.Context())
		assert.EqualError(t, err, "the server refused: wrong token")
	})
	t.Run("publisher", func(t *testing.T) {
		p := dialPublisher(t, fake.New(t, accepts, refuses, again), Config{Name: "a"})
		<-p.Done()
		assert.EqualError(t, p.Publish(t.Context(), "x"), "the publisher ended: the server refused: wrong token")
	})
}

func TestATemporaryRefusalIsAskedAgain(t *testing.T) {
	f := fake.New(t, func(p *fake.Peer) {
		p.Send("error: " + protocol.Full + "\n")
	}, func(p *fake.Peer) {
		p.Line()
		p.Send(protocol.Prompt + "error: " + protocol.ManyWrongTokens + "\n")
	}, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("terminate")
	})
	s, err := DialSubscriber(t.Context(), f.Addr, Config{GiveUp: time.Minute})
	require.NoError(t, err)
	s.Close()
}
