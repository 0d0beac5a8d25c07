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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/protocol"
)

// certificate makes a self-signed one, for servers and for clients, and writes it and its key to
// files.
func certificate(t *testing.T, name string) (certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	write := func(kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name+".pem")
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	return write("CERTIFICATE", cert), write("PRIVATE KEY", private)
}

func dialTLS(t *testing.T, addr, caFile string, certificates ...tls.Certificate) *tls.Conn {
	authorities, err := os.ReadFile(caFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authorities))
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, ServerName: "broker", Certificates: certificates})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(wait.Deadline(t)))
	return conn
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, "broker")
	s := start(t, "--tls-cert", cert, "--tls-key", key)
	join := func(role string) *bufio.Reader {
		conn := dialTLS(t, s.addr, cert)
		r := bufio.NewReader(conn)
		_, err := io.ReadFull(r, make([]byte, len(protocol.Prompt)))
		require.NoError(t, err)
		fmt.Fprint(conn, role)
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, "registered as ")
		return r
	}
	sub := join("SUBSCRIBER\n")
	join("PUBLISHER name=p\nhello\nterminate\n")
	line, err := sub.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "[FROM p] : hello\n", line)

	require.NoError(t, command(t, "healthcheck", "--tls-cert", cert, s.addr).Run())
	require.Error(t, command(t, "healthcheck", s.addr).Run(), "it does not speak plain text")
	plain, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer plain.Close()
	fmt.Fprintln(plain, "PUBLISHER")
	answer, err := io.ReadAll(plain)
	require.NoError(t, err)
	require.Contains(t, string(answer), "error: this server speaks TLS\n", "who speaks plain text is told")
	require.Zero(t, s.stop(os.Interrupt))
}

func TestTLSClientCertificates(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, "broker")
	ours, oursKey := certificate(t, "ours")
	s := start(t, "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", ours)
	pair, err := tls.LoadX509KeyPair(ours, oursKey)
	require.NoError(t, err)
	prompt := make([]byte, len(protocol.Prompt))
	_, err = io.ReadFull(dialTLS(t, s.addr, cert, pair), prompt)
	require.NoError(t, err)
	require.Equal(t, protocol.Prompt, string(prompt))
	_, err = io.ReadFull(dialTLS(t, s.addr, cert), prompt)
	require.Error(t, err, "a client without a certificate is not served")
	require.NoError(t, command(t, "healthcheck", "--tls-cert", cert, s.addr).Run(), "it is alive all the same")
}

func TestTokenFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(file, []byte("# who may come in\n\n sesame \nmellon\n"), 0o600))
	s := start(t, "--token-file", file)
	s.join("PUBLISHER token=sesame")
	s.join("SUBSCRIBER token=mellon")
	for text, want := range map[string]string{
		"":              "holds no token, expected one a line",
		"ok\ntwo words": ":2: expected one token of up to 256 bytes without white space",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		out, err := command(t, "--token-file", file).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), want)
	}
}
