package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"pubsublab/protocol"
)

// pemCertificate is one of a file.
type pemCertificate struct {
	file string
	*x509.Certificate
}

// loadTLS reads the certificates and the key, and returns them for use, and all certificates on
// which clients depend.
func (s *serve) loadTLS() (*tls.Config, []pemCertificate, error) {
	chain, err := readText(s.TLSCert)
	if err != nil {
		return nil, nil, fmt.Errorf("--tls-cert: %w", err)
	}
	key, err := readText(s.TLSKey)
	if err != nil {
		return nil, nil, fmt.Errorf("--tls-key: %w", err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, nil, fmt.Errorf("--tls-cert %s and --tls-key %s: %w", s.TLSCert, s.TLSKey, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	all := certificatesOf(s.TLSCert, chain)
	if s.TLSClientCA != "" {
		authorities, err := readText(s.TLSClientCA)
		if err != nil {
			return nil, nil, fmt.Errorf("--tls-client-ca: %w", err)
		}
		config.ClientCAs = x509.NewCertPool()
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.SessionTicketsDisabled = true // a session must not outlive its authority
		if !config.ClientCAs.AppendCertsFromPEM(authorities) {
			return nil, nil, fmt.Errorf("--tls-client-ca: %s holds no certificate in PEM", s.TLSClientCA)
		}
		all = append(all, certificatesOf(s.TLSClientCA, authorities)...)
	}
	return config, all, nil
}

// certificatesOf returns the certificates of a text in PEM that can be read.
func certificatesOf(file string, text []byte) (all []pemCertificate) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, pemCertificate{file, c})
		}
	}
	return all
}

// soon is how long before its end a certificate is reported, but not more than a sixth of the time
// for which it is valid.
const soon = 14 * 24 * time.Hour

// trouble returns what is wrong with a certificate's time; "" is nothing.
func (c *pemCertificate) trouble(now time.Time) string {
	switch left := c.NotAfter.Sub(now); {
	case now.Before(c.NotBefore):
		return "a certificate is not valid yet: clients refuse it"
	case left <= 0:
		return "a certificate has expired: clients refuse it"
	case left < min(soon, c.NotAfter.Sub(c.NotBefore)/6):
		return "a certificate expires soon"
	}
	return ""
}

// readText reads a file of text. What editors on Windows put before it is not part of it.
func readText(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%s is UTF-16 or no text at all, expected UTF-8: save it as such", file)
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// readTokens reads a token file.
func readTokens(file string) (tokens []string, err error) {
	text, err := readText(file)
	if err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		token := strings.TrimSpace(line)
		if token == "" || strings.HasPrefix(token, "#") {
			continue
		}
		if _, err := protocol.ParseHello("PUBLISHER token=" + token); err != nil {
			return nil, fmt.Errorf("--token-file: %s:%d: expected one token of up to %d bytes without white space", file, n, protocol.MaxToken)
		}
		tokens = append(tokens, token)
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("--token-file: %s holds no token, expected one a line", file)
	}
	return tokens, nil
}
