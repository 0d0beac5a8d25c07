package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	"pubsublab/protocol"
)

// secure reads what --tls... and --token-file name. The configuration is nil for plain text.
func (o *options) secure() (config *tls.Config, token string, err error) {
	if token, err = o.token(); err != nil {
		return nil, "", err
	}
	if !o.TLS && o.TLSCA == "" {
		return nil, token, nil
	}
	config = &tls.Config{}
	if o.TLSCA != "" {
		authorities, err := readText(o.TLSCA)
		if err != nil {
			return nil, "", fmt.Errorf("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, "", fmt.Errorf("--tls-ca: %s holds no certificate in PEM", o.TLSCA)
		}
	}
	if o.TLSCert != "" {
		certificate, err := readText(o.TLSCert)
		if err != nil {
			return nil, "", fmt.Errorf("--tls-cert: %w", err)
		}
		key, err := readText(o.TLSKey)
		if err != nil {
			return nil, "", fmt.Errorf("--tls-key: %w", err)
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, "", fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, token, nil
}

// token returns the token of --token or --token-file, "" for none.
func (o *options) token() (string, error) {
	from, text := "--token", strings.TrimPrefix(o.Token, byteOrderMark)
	if o.TokenFile != "" {
		file, err := readText(o.TokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		from, text = "--token-file: "+o.TokenFile, string(file)
	} else if text == "" {
		return "", nil
	}
	words := strings.Fields(text)
	if len(words) != 1 || len(words[0]) > protocol.MaxToken {
		return "", fmt.Errorf("%s: expected one token of 1 to %d bytes, without white space in it", from, protocol.MaxToken)
	}
	return words[0], nil
}
