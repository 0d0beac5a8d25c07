package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/wait"
	"pubsublab/protocol"
	server "pubsublab/server/broker"
)

// TLS and a token, from the Go client to the broker and back.
func TestTLSAndToken(t *testing.T) {
	t.Parallel()
	vouched := httptest.NewTLSServer(nil) // for its certificate, which is for 127.0.0.1
	defer vouched.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := server.New(server.Config{Tokens: []string{"sesame"}, TLS: &tls.Config{Certificates: vouched.TLS.Certificates}})
	go b.Serve(listener)
	defer b.Shutdown(context.Background())
	addr := listener.Addr().String()
	ctx := wait.Context(t)

	roots := x509.NewCertPool()
	roots.AddCert(vouched.Certificate())
	cfg := pubsub.Config{Name: "ada", Token: "sesame", TLS: &tls.Config{RootCAs: roots}}
	sub, err := pubsub.DialSubscriber(ctx, addr, cfg)
	require.NoError(t, err)
	defer sub.Close()
	pub, err := pubsub.DialPublisher(ctx, addr, cfg)
	require.NoError(t, err)
	require.NoError(t, pub.Publish(ctx, "hello"))
	require.NoError(t, pub.Close(ctx))
	for {
		item, err := sub.Next(ctx)
		require.NoError(t, err)
		if item.Event == nil {
			require.Equal(t, "hello", item.Line)
			break
		}
	}

	fails := func(change func(*pubsub.Config)) error {
		cfg := pubsub.Config{Token: "sesame", TLS: &tls.Config{RootCAs: roots}}
		change(&cfg)
		start := time.Now()
		_, err := pubsub.DialSubscriber(ctx, addr, cfg)
		require.Error(t, err)
		require.Less(t, time.Since(start), pubsub.DefaultGiveUp, "there is no sense in trying again")
		return err
	}
	var refusal *protocol.Refusal
	require.ErrorAs(t, fails(func(c *pubsub.Config) { c.Token = "" }), &refusal)
	require.Equal(t, "this server wants a token, expected token=... in the role line", refusal.Text)
	require.ErrorAs(t, fails(func(c *pubsub.Config) { c.Token = "guess" }), &refusal)
	require.Equal(t, "wrong token", refusal.Text)
	require.ErrorAs(t, fails(func(c *pubsub.Config) { c.TLS = nil }), &refusal)
	require.Equal(t, protocol.SpeaksTLS, refusal.Text)
	var untrusted *tls.CertificateVerificationError
	require.ErrorAs(t, fails(func(c *pubsub.Config) { c.TLS = &tls.Config{} }), &untrusted)

	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	unprotected := server.New(server.Config{})
	go unprotected.Serve(plain)
	defer unprotected.Shutdown(context.Background())
	addr = plain.Addr().String()
	var record tls.RecordHeaderError
	require.ErrorAs(t, fails(func(*pubsub.Config) {}), &record)
}
