package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"pubsublab/protocol"
)

func (h *healthcheck) Run() error {
	const timeout = 2 * time.Second
	conn, err := net.DialTimeout("tcp", h.Address, timeout)
	if err != nil {
		return fmt.Errorf("no server at %s: %w", h.Address, err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(timeout))
	begun := &beginning{Conn: conn}
	conn = begun
	if h.TLSCert != "" {
		// Any certificate will do: nothing secret is asked, and that in the file may be newer than
		// the server's for a moment.
		conn = tls.Client(begun, &tls.Config{InsecureSkipVerify: true})
	}
	r := bufio.NewReader(conn)
	prompt := make([]byte, len(protocol.Prompt))
	n, err := io.ReadFull(r, prompt)
	said := string(prompt[:n])
	if errors.As(err, new(tls.RecordHeaderError)) {
		said = string(begun.text) // a refusal comes in plain text
	}
	if strings.HasPrefix(said, protocol.ErrorPrefix) {
		return h.refused(said, r)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return nil // a TLS alert: it wants a client's certificate, but it is alive
	} else if err != nil {
		return fmt.Errorf("%s accepts connections but does not ask for a role: %w", h.Address, err)
	}
	if string(prompt) != protocol.Prompt {
		return fmt.Errorf("%s is something else: it says %q", h.Address, prompt)
	}
	if _, err := fmt.Fprintln(conn, protocol.HealthCheck); err != nil {
		return fmt.Errorf("%s does not hear what it is asked: %w", h.Address, err)
	}
	answer, err := r.ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s does not say how it is: %w", h.Address, err)
	}
	if answer = strings.TrimSpace(answer); !protocol.IsHealthy(answer) {
		return fmt.Errorf("%s says: %s", h.Address, strings.TrimPrefix(answer, protocol.ErrorPrefix))
	}
	fmt.Println(protocol.Visible(answer))
	return nil
}

// refused judges a server that refuses this connection at once. It may have as many clients as it
// may have, which is no reason to end it. But its refusal names anything else that is wrong.
func (h *healthcheck) refused(begin string, r *bufio.Reader) error {
	rest, _ := r.ReadString('\n')
	why := strings.TrimSpace(strings.TrimPrefix(begin+rest, protocol.ErrorPrefix))
	if strings.HasPrefix(why, "unhealthy") {
		return fmt.Errorf("%s says: %s", h.Address, why)
	}
	fmt.Fprintf(os.Stderr, "server: %s is alive, but says: %s\n", h.Address, protocol.Visible(why))
	return nil
}

// beginning is a connection that keeps the first bytes that were read from it.
type beginning struct {
	net.Conn
	text []byte
}

func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if len(b.text) < protocol.MaxRoleLine {
		b.text = append(b.text, p[:n]...)
	}
	return n, err
}
