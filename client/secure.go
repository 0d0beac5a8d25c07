package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// secure reads what --tls... and --token-file name. The configuration is nil
// for plain text.
func (o *options) secure() (config *tls.Config, token string, err error) {
	token = o.Token
	if o.TokenFile != "" {
		text, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return nil, "", fmt.Errorf("--token-file: %w", err)
		}
		if token = strings.TrimSpace(string(text)); token == "" || len(strings.Fields(token)) > 1 {
			return nil, "", fmt.Errorf("--token-file: %s: expected one token", o.TokenFile)
		}
	}
	if !o.TLS && o.TLSCA == "" {
		return nil, token, nil
	}
	config = &tls.Config{}
	if o.TLSCA != "" {
		authorities, err := os.ReadFile(o.TLSCA)
		if err != nil {
			return nil, "", fmt.Errorf("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, "", fmt.Errorf("--tls-ca: %s holds no certificate in PEM", o.TLSCA)
		}
	}
	if o.TLSCert != "" {
		certificate, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
		if err != nil {
			return nil, "", fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, token, nil
}
