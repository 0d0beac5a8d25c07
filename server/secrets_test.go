package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// keyPair makes a self-signed certificate for that time, and returns it and its key in PEM.
func keyPair(t *testing.T, serial int64, from, to time.Time) (cert, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "broker"}, DNSNames: []string{"broker"},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// mounted is a folder of secrets as Kubernetes mounts it: the files are links into a folder that is
// a link, which is replaced.
type mounted struct {
	t    *testing.T
	dir  string
	last int
}

func (m *mounted) path(name string) string { return filepath.Join(m.dir, name) }

func (m *mounted) replace(files map[string][]byte) {
	m.t.Helper()
	m.last++
	data := fmt.Sprintf("..%d", m.last)
	require.NoError(m.t, os.Mkdir(m.path(data), 0o700))
	for name, text := range files {
		require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, data, name), text, 0o600))
		if m.last == 1 {
			require.NoError(m.t, os.Symlink(filepath.Join("..data", name), m.path(name)))
		}
	}
	require.NoError(m.t, os.Symlink(data, m.path("..new")))
	require.NoError(m.t, os.Rename(m.path("..new"), m.path("..data")))
}

func serial(t *testing.T, addr string) int64 {
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// Certificates that are renewed are taken without a word from anybody; a new file that is no good
// changes nothing; and a health check works all the time.
func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	now, year := time.Now(), 365*24*time.Hour
	m := &mounted{t: t, dir: t.TempDir()}
	renew := func(serial int64) {
		cert, key := keyPair(t, serial, now.Add(-time.Hour), now.Add(year))
		m.replace(map[string][]byte{"cert.pem": cert, "key.pem": key})
	}
	renew(1)
	s := start(t, "--http=127.0.0.1:0", "--tls-cert", m.path("cert.pem"), "--tls-key", m.path("key.pem"))
	if !strings.Contains(strings.Join(s.seen, "\n"), "page=https") {
		s.logged("page=https")
	}
	page := regexpFind(t, `page=https://([0-9.:]+)/`, s.seen)
	stays, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer stays.Close()
	healthy := func() {
		t.Helper()
		out, err := command(t, "healthcheck", "--tls-cert", m.path("cert.pem"), s.addr).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.EqualValues(t, 1, serial(t, s.addr))
	require.EqualValues(t, 1, serial(t, page))
	renew(2)
	require.EqualValues(t, 2, serial(t, s.addr), "the first connection after it gets the new one")
	require.EqualValues(t, 2, serial(t, page), "over HTTP, too")
	healthy()
	s.logged(`msg="certificates read again" expires=`)
	require.EqualValues(t, 2, serial(t, s.addr), "new connections get the new one")
	healthy()
	m.replace(map[string][]byte{"cert.pem": []byte("half a"), "key.pem": nil})
	s.logged(`level=ERROR msg="cannot use what has changed, going on with the old one" error="--tls-cert `)
	require.EqualValues(t, 2, serial(t, s.addr), "a broken file changes nothing")
	healthy()
	cert, key := keyPair(t, 3, now.Add(-time.Hour), now.Add(year))
	m.replace(map[string][]byte{"cert.pem": cert, "key.pem": key})
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	s.logged(`msg="certificates read again" expires=`)
	require.EqualValues(t, 3, serial(t, s.addr), "SIGHUP reads at once")
	require.EqualValues(t, 3, serial(t, page), "over HTTP, too")
	_, err = io.ReadFull(stays, make([]byte, len(protocol.Prompt)))
	require.NoError(t, err, "connections stay as they are")
	require.Zero(t, s.stop(syscall.SIGTERM))
}

// Tokens too: who came in with one that is gone goes, whoever has the new one comes in.
func TestTokensAreRenewed(t *testing.T) {
	t.Parallel()
	const old, both, fresh = "an-old-token-of-ours", "a-token-that-remains", "a-fresh-token-of-ours"
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(tokens ...string) {
		next := file + ".new"
		require.NoError(t, os.WriteFile(next, []byte(strings.Join(tokens, "\n")), 0o600))
		require.NoError(t, os.Rename(next, file))
	}
	write(old, both)
	s := start(t, "--token-file", file)
	gone, stays := s.join("PUBLISHER token="+old), s.join("SUBSCRIBER token="+both)
	write(both, fresh)
	s.logged(`msg="tokens read again" tokens=2`)
	told, err := io.ReadAll(gone)
	require.NoError(t, err)
	require.Equal(t, "error: "+protocol.TokenGone+"\n", string(told))
	fmt.Fprintln(s.join("PUBLISHER name=p token="+fresh), "hello")
	line, err := bufio.NewReader(stays).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "[FROM p] : hello\n", line)
	write()
	s.logged(`level=ERROR msg="cannot use what has changed, going on with the old one" error="--token-file: .* holds no token`)
	s.join("SUBSCRIBER token=" + fresh)
	require.Zero(t, s.stop(syscall.SIGTERM))
	for _, token := range []string{old, both, fresh} {
		require.NotContains(t, strings.Join(s.seen, "\n"), token)
	}
}

// SIGHUP never ends a server, one that has nothing to read again neither.
func TestSIGHUP(t *testing.T) {
	t.Parallel()
	s := start(t)
	sub := s.join("SUBSCRIBER")
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
	s.logged(`msg="SIGHUP: there are no certificates or tokens to read again"`)
	fmt.Fprintln(s.join("PUBLISHER name=p"), "hello")
	line, err := bufio.NewReader(sub).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "[FROM p] : hello\n", line)
	require.Zero(t, s.stop(syscall.SIGTERM))
}

func TestCertificateTrouble(t *testing.T) {
	now, day := time.Now(), 24*time.Hour
	for name, c := range map[string]struct {
		from, to time.Duration
		want     string
	}{
		"expired":                 {-90 * day, -time.Minute, `level=ERROR msg="a certificate has expired: clients refuse it" file=\S+ subject="?CN=broker"? from=\S+ to=`},
		"not valid yet":           {time.Hour, day, `level=ERROR msg="a certificate is not valid yet: clients refuse it"`},
		"soon":                    {-80 * day, 10 * day, `level=WARN msg="a certificate expires soon"`},
		"soon, of a short life":   {-5 * day, 12 * time.Hour, `level=WARN msg="a certificate expires soon"`},
		"not soon":                {-75 * day, 15 * day, ""},
		"not soon, of short life": {-2 * day, 3 * day, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cert, key := keyPair(t, 1, now.Add(c.from), now.Add(c.to))
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "cert"), cert, 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), key, 0o600))
			s := start(t, "--tls-cert", filepath.Join(dir, "cert"), "--tls-key", filepath.Join(dir, "key"))
			text := strings.Join(s.seen, "\n")
			if c.want == "" {
				require.NotContains(t, text, "a certificate ")
				return
			}
			require.Regexp(t, c.want, text, "told at the start")
		})
	}
}

// And later: when it expires while the server runs.
func TestCertificateExpiresMeanwhile(t *testing.T) {
	t.Parallel()
	cert, key := keyPair(t, 1, time.Now().Add(-time.Hour), time.Now().Add(5*time.Second))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cert"), cert, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), key, 0o600))
	s := start(t, "--tls-cert", filepath.Join(dir, "cert"), "--tls-key", filepath.Join(dir, "key"))
	s.logged(`level=ERROR msg="a certificate has expired`)
}

// What editors on Windows make of a text is read as the text that it is, or refused in words.
func TestFilesFromWindows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
		return filepath.Join(dir, name)
	}
	windows := func(text []byte) []byte {
		return []byte("\ufeff" + strings.ReplaceAll(string(text), "\n", "\r\n"))
	}
	cert, key := keyPair(t, 1, time.Now().Add(-time.Hour), time.Now().Add(365*24*time.Hour))
	args := []string{
		"--tls-cert", write("cert", windows(cert)), "--tls-key", write("key", windows(key)), "--tls-client-ca", write("ca", windows(cert)),
	}
	require.Zero(t, start(t, args...).stop(syscall.SIGTERM))
	s := start(t, "--token-file", write("tokens", windows([]byte("sesame-opens-the-door\nmellon-opens-the-door\n"))))
	s.join("PUBLISHER token=sesame-opens-the-door")
	s.join("PUBLISHER token=mellon-opens-the-door")
	require.NotContains(t, strings.Join(s.seen, "\n"), "can be guessed")

	for mark, order := range map[string]int{"\xff\xfe": 0, "\xfe\xff": 1, "": 0} {
		utf16 := []byte(mark)
		for _, c := range []byte("sesame\n") {
			pair := [2]byte{}
			pair[order] = c
			utf16 = append(utf16, pair[:]...)
		}
		out, err := command(t, "--token-file", write("utf16", utf16)).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "utf16 is UTF-16 or no text at all, expected UTF-8: save it as such")
	}
	require.Contains(t, strings.Join(start(t, "--token-file", write("short", []byte("sesame"))).seen, "\n"),
		`level=WARN msg="tokens of fewer than 16 characters can be guessed" tokens=1`)
}

// A server that is full is alive, with and without TLS: a health check never depends on a limit. It
// does on what a server says in its place.
func TestHealthcheckOfAServerThatRefuses(t *testing.T) {
	cert, key := certificate(t, "broker")
	s := start(t, "--max-clients=1", "--tls-cert", cert, "--tls-key", key)
	dialTLS(t, s.addr, cert)
	s.logged("client connected")
	out, err := command(t, "healthcheck", "--tls-cert", cert, s.addr).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "is alive, but says: the server is full, try again later")

	for answer, healthy := range map[string]bool{
		"error: unhealthy: no connection to NATS\n": false, "error: " + protocol.ShuttingDown + "\n": true, "SSH-2.0-OpenSSH_9.2\r\n": false,
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		go func() {
			conn, err := listener.Accept()
			if err == nil {
				io.WriteString(conn, answer)
				conn.Close()
			}
		}()
		out, err := command(t, "healthcheck", listener.Addr().String()).CombinedOutput()
		require.Equal(t, healthy, err == nil, "%q: %s", answer, out)
		listener.Close()
	}
}
