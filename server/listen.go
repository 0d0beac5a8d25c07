package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pubsublab/protocol"
)

// listen opens the port. A peer that
// vanishes without a word is noticed: after 30 s or --stall-timeout, whichever
// is longer.
func (s *serve) listen() (net.Listener, error) {
	config := net.ListenConfig{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         func(_, _ string, conn syscall.RawConn) error { return setUserTimeout(conn, s.StallTimeout) },
	}
	address := net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port)))
	listener, err := config.Listen(context.Background(), "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is in use: stop the program that listens there, or choose another port, as in: server %d", s.Port, s.Port+1)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return listener, nil
}

// tlsConfig returns nil where no certificate is given.
func (s *serve) tlsConfig() (*tls.Config, error) {
	if s.TLSCert == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if s.TLSClientCA != "" {
		authorities, err := os.ReadFile(s.TLSClientCA)
		if err != nil {
			return nil, fmt.Errorf("--tls-client-ca: %w", err)
		}
		config.ClientCAs = x509.NewCertPool()
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if !config.ClientCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("--tls-client-ca: %s holds no certificate in PEM", s.TLSClientCA)
		}
	}
	return config, nil
}

// secure speaks TLS with a server that has just this certificate, whatever name
// it is for.
func secure(conn net.Conn, certFile string) (net.Conn, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("--tls-cert: %s holds no certificate in PEM", certFile)
	}
	return tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection asks for more
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
				return fmt.Errorf("the server has another certificate than that in %s", certFile)
			}
			return nil
		},
	}), nil
}

// readTokens reads a token file; "" is no tokens.
func readTokens(file string) (tokens []string, err error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
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
