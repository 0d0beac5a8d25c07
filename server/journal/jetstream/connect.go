package jetstream

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// Access is how a broker gets into NATS, besides what the addresses of the servers say. All fields
// are names of files, "" for none. The files are read again for each connection, so what is in them
// may be replaced.
type Access struct {
	// Creds is a credentials file: a user's JWT and the seed of its nkey.
	Creds string
	// NKey is the seed of a user's nkey, where servers know users by their public nkeys.
	NKey string
	// CA is the authorities of the servers' certificates (PEM), instead of the system's.
	CA string
	// Cert and Key are the broker's own certificate and private key (PEM).
	Cert, Key string
}

// options returns those for a connection, or what is wrong with a file.
func (a *Access) options() (options []nats.Option, err error) {
	if a.Creds != "" {
		data, err := os.ReadFile(a.Creds)
		if err == nil {
			_, err = nkeys.ParseDecoratedUserNKey(data)
		}
		if err != nil {
			return nil, unusable("no credentials of a NATS user in %s: %v", a.Creds, err)
		}
		options = append(options, nats.UserCredentials(a.Creds))
	}
	if a.NKey != "" {
		public, err := a.public()
		if err != nil {
			return nil, unusable("no nkey seed of a NATS user in %s: %v", a.NKey, err)
		}
		options = append(options, nats.Nkey(public, a.sign))
	}
	var authorities nats.RootCAsHandler
	if a.CA != "" {
		authorities = a.authorities
		if _, err := authorities(); err != nil {
			return nil, unusable("no certificates (PEM) of NATS's authorities in %s: %v", a.CA, err)
		}
	}
	var own nats.TLSCertHandler
	if a.Cert != "" || a.Key != "" {
		own = a.certificate
		if _, err := own(); err != nil {
			return nil, unusable("no certificate and key (PEM) for NATS in %s and %s: %v", a.Cert, a.Key, err)
		}
	}
	if authorities != nil || own != nil {
		options = append(options, nats.ClientTLSConfig(own, authorities))
	}
	return options, nil
}

// readText reads a file of text. What editors on Windows put before it and at the ends of its lines
// is not part of it, which NATS's own options do not know.
func readText(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	return bytes.ReplaceAll(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\r\n"), []byte("\n")), err
}

func (a *Access) seed() (nkeys.KeyPair, error) {
	text, err := readText(a.NKey)
	if err != nil {
		return nil, err
	}
	return nkeys.ParseDecoratedUserNKey(text)
}

func (a *Access) public() (string, error) {
	seed, err := a.seed()
	if err != nil {
		return "", err
	}
	defer seed.Wipe()
	return seed.PublicKey()
}

func (a *Access) sign(nonce []byte) ([]byte, error) {
	seed, err := a.seed()
	if err != nil {
		return nil, err
	}
	defer seed.Wipe()
	return seed.Sign(nonce)
}

func (a *Access) authorities() (*x509.CertPool, error) {
	text, err := readText(a.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("it holds none")
	}
	return pool, nil
}

func (a *Access) certificate() (tls.Certificate, error) {
	cert, err := readText(a.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readText(a.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// Hosts returns who is named in a list of servers, without users, passwords and tokens: that is all
// of it that anybody is shown. An error does not repeat anything either. It refuses what nats.go
// would understand in another way than whoever wrote it.
func Hosts(servers string) (string, error) {
	list := strings.Split(servers, ",")
	for i, server := range list {
		server = strings.TrimSpace(server)
		secret := strings.Contains(server, "@")
		if !strings.Contains(server, "://") {
			if secret { // the rest of a secret with a comma in it
				return "", badServer(i, len(list))
			}
			server = "nats://" + server
		}
		u, err := url.Parse(server)
		if err != nil || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) || u.Hostname() == "" ||
			strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || secret && u.User == nil {
			return "", badServer(i, len(list))
		}
		list[i] = u.Host
	}
	return strings.Join(list, ","), nil
}

func badServer(i, n int) error {
	return unusable("of the NATS servers, number %d of %d cannot be understood (it may hold a secret, so it is not shown here): "+
		"expected nats://HOST:PORT or tls://HOST:PORT, perhaps with USER:PASSWORD@ or TOKEN@ before HOST, "+
		"in which each of , / ? # %% @ : is written as %%2C %%2F %%3F %%23 %%25 %%40 %%3A", i+1, n)
}

// connectOptions make a connection that comes back by itself, for as long as it takes, and hides
// nothing meanwhile: what cannot be sent fails. denied is called with each right that is missing.
func connectOptions(log *slog.Logger, denied func(error)) []nats.Option {
	var told time.Time // of a refusal; owned by who calls the handler
	return []nats.Option{
		nats.Name("pubsublab"),
		nats.Timeout(2 * time.Second),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(),
		// A server that hangs is given up after 9 seconds.
		nats.PingInterval(3 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(5 * time.Second),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				log.Warn("lost the connection to NATS, publishers wait", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			var refused *unusableError
			switch {
			case errors.Is(err, nats.ErrPermissionViolation):
				denied(missingRight(err))
			case errors.As(refusal(err), &refused) && time.Since(told) > tellAgain:
				told = time.Now()
				log.Warn("cannot connect to NATS again", "error", refused)
			default:
				log.Debug("NATS reports an error", "error", err)
			}
		}),
	}
}

var violation = regexp.MustCompile(`for (Publish|Subscription) to "([^"]*)"`)

// missingRight says what a broker may not do, and would have to.
func missingRight(err error) error {
	match := violation.FindStringSubmatch(err.Error())
	if match == nil {
		return unusable("the NATS user lacks a right: %v", err)
	}
	what := map[string]string{"Publish": "publish", "Subscription": "subscribe"}[match[1]]
	return unusable("the NATS user may not %s to %q, expected a permission to %s to it (docs/operating.md lists all that a broker needs)",
		what, match[2], what)
}

// refusal returns err as one that trying again does not mend, where it says that the servers do not
// let this broker in, or are not those it trusts.
func refusal(err error) error {
	var distrusted *tls.CertificateVerificationError
	var remote *net.OpError
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired):
		return unusable("NATS does not let the broker in: %v", err)
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return unusable("NATS does not ask for nkeys or credentials: %v", err)
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted),
		errors.As(err, &distrusted), errors.As(err, &remote) && remote.Op == "remote error": // a TLS alert
		return unusable("no secure connection to NATS: %v", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return unusable("the NATS user's account has no JetStream: %v", err)
	}
	return err
}
