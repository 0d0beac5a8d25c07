package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"pubsublab/client/pubsub"
	"pubsublab/protocol"
)

// explain returns one clear sentence for an error of the connection to addr, and what to do about
// it. Where there are several brokers, the error names the one.
func explain(err error, addr string) string {
	var all pubsub.BrokersError
	var one *pubsub.BrokerError
	var dns *net.DNSError
	var refusal *protocol.Refusal
	var undelivered *pubsub.UndeliveredError
	var timeout net.Error
	var op *net.OpError
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	_, port, _ := net.SplitHostPort(addr)
	switch {
	case errors.As(err, &undelivered):
		return fmt.Sprintf("%s not acknowledged by the server: %s", count(len(undelivered.Lines), "line"), explain(undelivered.Err, addr))
	case errors.As(err, &all):
		var texts []string
		for _, err := range all {
			texts = append(texts, explain(err, addr))
		}
		return strings.Join(texts, "; ")
	case errors.As(err, &one):
		text := explain(one.Err, one.Addr)
		if !strings.Contains(text, one.Addr) {
			text = one.Addr + ": " + text
		}
		return text
	case errors.As(err, &refusal) && refusal.Text == protocol.TakenOver:
		return "another client has connected with this name and taken it over: choose another --name"
	case errors.As(err, &refusal) && refusal.Text == protocol.SpeaksTLS:
		return "the server speaks TLS: add --tls, or --tls-ca with the file of its authority"
	case errors.As(err, &refusal):
		return "the server says: " + refusal.Text
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("no server at %s (connection refused): start one with \"server %s\", or check the address", addr, port)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("unknown host %q: check the name", dns.Name)
	case errors.As(err, &dns):
		return fmt.Sprintf("cannot look up host %q (%s): check the network and the name", dns.Name, dns.Err)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Sprintf("no way to %s: check the network and the address", addr)
	case errors.As(err, &untrusted):
		return fmt.Sprintf("the certificate of %s cannot be trusted (%v): check --tls-ca and the host name", addr, untrusted.Err)
	case errors.As(err, &plain):
		return addr + " does not speak TLS: leave --tls and --tls-ca out, or check the address"
	case errors.As(err, &op) && op.Op == "remote error":
		return fmt.Sprintf("%s refuses this TLS connection (%v): check --tls-cert and --tls-key", addr, op.Err)
	case errors.Is(err, pubsub.ErrNotAServer):
		return fmt.Sprintf("%s is %v: check the address", addr, err)
	case errors.Is(err, io.EOF):
		return addr + " closed the connection"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection to " + addr + " broke"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer from " + addr + ": check the address, and firewalls on the way"
	}
	return err.Error()
}

func count[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
