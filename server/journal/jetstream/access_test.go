package jetstream

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/server/journal/journaltest"
)

// works checks that a broker with this configuration is let in, and publishes.
func works(t *testing.T, cfg Config) {
	t.Helper()
	journaltest.NewRig(t, connect(t, cfg)).Add(journaltest.Lines("ada: one"))
}

// refused returns why a broker with this configuration gives up, which it does without waiting.
func refused(t *testing.T, cfg Config) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	_, err := Connect(ctx, cfg)
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it does not wait for what waiting does not mend: %v", err)
	return err.Error()
}

// write writes a file for one test.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// ofWindows copies a file as an editor on Windows saves it.
func ofWindows(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return write(t, filepath.Base(file), []byte("\ufeff"+strings.ReplaceAll(string(text), "\n", "\r\n")+"\r\n"))
}

// user is a new nkey.
func user(t *testing.T) (seed []byte, public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	seed, err = pair.Seed()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	return seed, public
}

func TestNKey(t *testing.T) {
	t.Parallel()
	seed, public := user(t)
	n := newNode(t)
	n.opts.Nkeys = []*server.NkeyUser{{Nkey: public}}
	n.start()
	cfg := n.config()
	cfg.Access.NKey = write(t, "user.nk", seed)
	works(t, cfg)
	cfg.Access.NKey = ofWindows(t, cfg.Access.NKey)
	works(t, cfg)
	stranger, _ := user(t)
	cfg.Access.NKey = write(t, "user.nk", stranger)
	assert.Contains(t, strings.ToLower(refused(t, cfg)), "nats does not let the broker in: nats: authorization violation")
	cfg.Access.NKey = write(t, "user.nk", []byte("SUSECRET"))
	assert.Contains(t, refused(t, cfg), "no nkey seed of a NATS user in "+cfg.Access.NKey)
	assert.NotContains(t, refused(t, cfg), "SUSECRET")
	cfg.Access = Access{}
	assert.Contains(t, strings.ToLower(refused(t, cfg)), "nats does not let the broker in: nats: authorization violation")
}

// Credentials as nsc makes them: an operator's account, and a user of it.
func TestCredentials(t *testing.T) {
	t.Parallel()
	keys := map[string]nkeys.KeyPair{}
	public := map[string]string{}
	for name, create := range map[string]func() (nkeys.KeyPair, error){
		"operator": nkeys.CreateOperator, "system": nkeys.CreateAccount, "account": nkeys.CreateAccount, "bare": nkeys.CreateAccount,
	} {
		var err error
		keys[name], err = create()
		require.NoError(t, err)
		public[name], err = keys[name].PublicKey()
		require.NoError(t, err)
	}
	resolver := &server.MemAccResolver{}
	for _, name := range []string{"system", "account", "bare"} {
		claims := jwt.NewAccountClaims(public[name])
		if name == "account" {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1, MaxBytesRequired: true}
		}
		text, err := claims.Encode(keys["operator"])
		require.NoError(t, err)
		require.NoError(t, resolver.Store(public[name], text))
	}
	creds := func(account string, change func(*jwt.UserClaims)) string {
		seed, name := user(t)
		claims := jwt.NewUserClaims(name)
		change(claims)
		text, err := claims.Encode(keys[account])
		require.NoError(t, err)
		data, err := jwt.FormatUserConfig(text, seed)
		require.NoError(t, err)
		return write(t, "user.creds", data)
	}
	n := newNode(t)
	operator := jwt.NewOperatorClaims(public["operator"])
	operator.SystemAccount = public["system"]
	n.opts.TrustedOperators = []*jwt.OperatorClaims{operator}
	n.opts.SystemAccount = public["system"]
	n.opts.AccountResolver = resolver
	n.start()

	cfg := n.config()
	cfg.Access.Creds = creds("account", func(*jwt.UserClaims) {})
	works(t, cfg)
	cfg.Access.Creds = ofWindows(t, cfg.Access.Creds)
	works(t, cfg)
	cfg.Access.Creds = creds("account", func(c *jwt.UserClaims) { c.Pub.Deny.Add("$O.>") })
	assert.Contains(t, refused(t, cfg), `the NATS user may not publish to "$O.test-checkpoints.`)
	cfg.Access.Creds = creds("account", func(c *jwt.UserClaims) { c.Expires = time.Now().Add(-time.Hour).Unix() })
	assert.Contains(t, refused(t, cfg), "NATS does not let the broker in")
	cfg.Access.Creds = creds("bare", func(*jwt.UserClaims) {})
	assert.Contains(t, refused(t, cfg), "the NATS user's account has no JetStream")
	cfg.Access.Creds = filepath.Join(t.TempDir(), "nowhere.creds")
	assert.Contains(t, refused(t, cfg), "nowhere.creds: no such file or directory")
	cfg.Access.Creds = write(t, "empty.creds", nil)
	assert.Contains(t, refused(t, cfg), "no credentials of a NATS user in "+cfg.Access.Creds)
}

// authority makes certificates for this machine, for servers and clients alike.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key, a.file, _ = a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) sign(template *x509.Certificate) (cert *x509.Certificate, key *ecdsa.PrivateKey, certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: "test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err = x509.ParseCertificate(der)
	require.NoError(a.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	return cert, key, write(a.t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		write(a.t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// secure has the server speak TLS, with clients that have certificates.
func (n *node) secure(a *authority) {
	_, _, cert, key := a.sign(&x509.Certificate{})
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(n.t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	n.opts.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	n.opts.TLSTimeout = testTimeout.Seconds()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	n := newNode(t)
	n.secure(ours)
	n.start()
	cfg := n.config()
	cfg.Access.CA = ours.file
	_, _, cfg.Access.Cert, cfg.Access.Key = ours.sign(&x509.Certificate{})
	works(t, cfg)
	windows := cfg
	for _, file := range []*string{&windows.Access.CA, &windows.Access.Cert, &windows.Access.Key} {
		*file = ofWindows(t, *file)
	}
	works(t, windows)

	for _, c := range []struct {
		name   string
		change func(*Access)
		want   string
	}{
		{"another authority", func(a *Access) { a.CA = others.file }, "no secure connection to NATS: nats: tls error: tls: failed to verify certificate"},
		{"the system's authorities", func(a *Access) { a.CA = "" }, "no secure connection to NATS: nats: tls error: tls: failed to verify certificate"},
		{"no certificate", func(a *Access) { a.Cert, a.Key = "", "" }, "no secure connection to NATS"},
		{"a certificate of others", func(a *Access) { _, _, a.Cert, a.Key = others.sign(&x509.Certificate{}) }, "no secure connection to NATS"},
		{"no authorities", func(a *Access) { a.CA = a.Key }, "no certificates (PEM) of NATS's authorities in "},
		{"another key", func(a *Access) { _, _, _, a.Key = ours.sign(&x509.Certificate{}) }, "no certificate and key (PEM) for NATS in "},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong := cfg
			c.change(&wrong.Access)
			assert.Contains(t, refused(t, wrong), c.want)
		})
	}
	plain := startNode(t).config()
	plain.Access.CA = ours.file
	assert.Contains(t, refused(t, plain), "no secure connection to NATS: nats: secure connection not available")
}

// A broker that NATS does not let in any more says so while it goes on trying, and is not healthy.
func TestRefusedLater(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.opts.Authorization = "sesame"
	n.start()
	log := &lockedBuffer{}
	cfg := n.as("sesame", n.config())
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	j, err := Connect(ctx, cfg)
	require.NoError(t, err)
	defer j.Close(ctx)
	n.stop()
	n.opts.Authorization = "other"
	n.start()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "cannot connect to NATS again") }, testTimeout, time.Millisecond)
	assert.Contains(t, strings.ToLower(log.String()), "nats does not let the broker in: nats: authorization violation")
	assert.ErrorContains(t, j.Health(), "no connection to NATS")
	n.stop()
	n.opts.Authorization = "sesame"
	n.start()
	require.Eventually(t, func() bool { return j.Health() == nil }, testTimeout, time.Millisecond)
	assert.NotContains(t, log.String(), "sesame")
}

// lockedBuffer is a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// What is secret in the addresses is not told to anybody, whatever happens to them, and whether
// they can be understood or not.
func TestAddressesKeepTheirSecrets(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.opts.Authorization = "sesame"
	n.start()
	host := strings.TrimPrefix(n.url, "nats://")
	for servers, want := range map[string]string{
		"nats://sesame@" + host:                      "",
		"nats://sesame@" + host + ", " + host:        "",
		"nats://wrong-sesame@" + host:                "NATS does not let the broker in",
		"nats://me:wrong-sesame@" + host:             "NATS does not let the broker in",
		"nats://sesame@127.0.0.1:1":                  "cannot use the stream test at 127.0.0.1:1: ",
		"nats://me:sesame@127.0.0.1:1,127.0.0.1:1":   "cannot use the stream test at 127.0.0.1:1,127.0.0.1:1: ",
		"nats://me:sesame@127.0.0.1:x":               "number 1 of 1 cannot be understood",
		"nats://me:ses ame@127.0.0.1:1":              "number 1 of 1",
		"nats://me:ses%ame@127.0.0.1:1":              "number 1 of 1",
		"nats://ses/ame@127.0.0.1:1":                 "number 1 of 1",
		"nats://me:12/sesame@127.0.0.1:1":            "number 1 of 1",
		"nats://me:12?sesame@127.0.0.1:1":            "number 1 of 1",
		"nats://me:12#sesame@127.0.0.1:1":            "number 1 of 1",
		"nats://sesame,same@127.0.0.1:1":             "number 2 of 2",
		"nats://me:sesame,1@127.0.0.1:1":             "number 1 of 2",
		"nats://127.0.0.1:1,nats:sesame@127.0.0.1:1": "number 2 of 2",
		"http://sesame@127.0.0.1:1":                  "number 1 of 1",
		"nats://":                                    "number 1 of 1",
		"nats://me:sesame@127.0.0.1:1,,127.0.0.1:1":  "number 2 of 3",
		"nats://me:sesame@[::1:1":                    "number 1 of 1",
		"nats://sesame\x7f@127.0.0.1:1":              "number 1 of 1",
	} {
		log := &lockedBuffer{}
		cfg := n.config()
		cfg.Servers = servers
		cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		if strings.HasPrefix(want, "cannot use") {
			cancel()
		}
		j, err := Connect(ctx, cfg)
		cancel()
		text := ""
		if err != nil {
			text = err.Error()
		}
		assert.Contains(t, text, want, servers)
		assert.Equal(t, want == "", err == nil, "%s: %v", servers, err)
		if j != nil {
			n.stop() // it says that, too
			require.Eventually(t, func() bool { return strings.Contains(log.String(), "lost the connection") }, testTimeout, time.Millisecond)
			n.start()
			j.Close(t.Context())
		}
		for _, secret := range []string{"sesame", "ses", "me:", "12"} {
			shown := strings.ReplaceAll(log.String()+text, "127.0.0.1", "HOST")
			shown = strings.ReplaceAll(shown, strings.TrimPrefix(host, "127.0.0.1"), ":PORT")
			if secret == "12" && !strings.Contains(servers, ":12") || secret == "me:" {
				continue
			}
			assert.NotContains(t, shown, secret, servers)
		}
	}
}
