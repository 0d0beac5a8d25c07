package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/ports"
	"pubsublab/protocol"
)

func TestExplain(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), `no server at h:5000 (connection refused): start one with "server 5000", or check the address`},
		{fmt.Errorf("gave up after 30s: %w", dial(syscall.ECONNREFUSED)), `no server at h:5000 (connection refused): start one with "server 5000", or check the address`},
		{dial(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}), `unknown host "h": check the name`},
		{dial(&net.DNSError{Err: "server misbehaving", Name: "h"}), `cannot look up host "h" (server misbehaving): check the network and the name`},
		{dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), `no way to h:5000: check the network and the address`},
		{dial(os.ErrDeadlineExceeded), "no answer from h:5000: check the address, and firewalls on the way"},
		{dial(&net.DNSError{Err: "timeout", Name: "h", IsTimeout: true}), `cannot look up host "h" (timeout): check the network and the name`},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, "h:5000 refuses this TLS connection (tls: certificate required): check --tls-cert and --tls-key"},
		{context.DeadlineExceeded, "no answer from h:5000: check the address, and firewalls on the way"},
		{fmt.Errorf("%w: odd", pubsub.ErrNotAServer), "h:5000 is not a Pub/Sub Lab server: odd: check the address"},
		{&protocol.Refusal{Text: "bad name"}, "the server says: bad name"},
		{&protocol.Refusal{Text: protocol.TakenOver}, "another client has connected with this name and taken it over: choose another --name"},
		{fmt.Errorf("registering: %w", io.EOF), "h:5000 closed the connection"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "the connection to h:5000 broke"},
		{&pubsub.UndeliveredError{Lines: []string{"a", "b"}, Err: io.EOF}, "2 lines not acknowledged by the server: h:5000 closed the connection"},
		{context.Canceled, "interrupted"},
		{&pubsub.BrokerError{Addr: "b:1", Err: io.EOF}, "b:1 closed the connection"},
		{fmt.Errorf("gave up after 30s: %w", pubsub.BrokersError{
			&pubsub.BrokerError{Addr: "a:1", Err: &protocol.Refusal{Text: "bad name"}}, &pubsub.BrokerError{Addr: "b:1", Err: dial(syscall.ECONNREFUSED)},
		}), `a:1: the server says: bad name; no server at b:1 (connection refused): start one with "server 1", or check the address`},
		{&pubsub.UndeliveredError{Lines: []string{"a"}, Err: &pubsub.BrokerError{Addr: "b:1", Err: io.EOF}}, "1 line not acknowledged by the server: b:1 closed the connection"},
		{errors.New("else"), "else"},
	} {
		assert.Equal(t, c.want, explain(c.err, "h:5000"), "%v", c.err)
	}
}

func TestNoServer(t *testing.T) {
	host, port, _ := net.SplitHostPort(ports.Addr(t))
	sentence := fmt.Sprintf("no server at %[1]s:%[2]s (connection refused): start one with \"server %[2]s\", or check the address\n", host, port)
	assert.Equal(t, result{1, "", "client: " + sentence}, client(t, nil, nil, host, port, "subscriber", "--retry=0"))
	assert.Equal(t, result{1, "", "no connection yet, trying again (for 300ms): " + sentence + "client: " + sentence},
		client(t, nil, nil, host, port, "publisher", "--retry=300ms"))
}

func TestNoticesOfTheLibrary(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(noticeHandler{newConsole(nil, nil, &out), "h:5000"})
	log.Debug("not of interest")
	log.Warn("connection lost, trying again", "for", 30*time.Second, "err", io.EOF)
	log.Info("read anew", "had_read_up_to", 7, "to", "h:1")
	assert.Equal(t, "connection lost, trying again (for 30s): h:5000 closed the connection\nread anew (had read up to 7, to h:1)\n", out.String())
}
