package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pubsublab/client/internal/fake"
	"pubsublab/e2e/wait"
)

// clientVariable makes the test's program the client, for tests that need one of its own.
const clientVariable = "PUBSUBLAB_TEST_IS_CLIENT"

func TestMain(m *testing.M) {
	if os.Getenv(clientVariable) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// buffer is what a command writes to while the test reads it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) waitFor(t *testing.T, text string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("waited for %q in %q", text, b.String())
		}
	})
	wait.Until(t, func() bool { return strings.Contains(b.String(), text) }, "%q is written", text)
}

// result is how a command ended.
type result struct {
	exit           int
	stdout, stderr string
}

// client runs the command. "HOST PORT" and "HOST:PORT" stand for the server's address.
func client(t *testing.T, s *fake.Server, stdin io.Reader, args ...string) result {
	t.Helper()
	var stdout, stderr buffer
	exit := run(t.Context(), at(s, args), stdin, &stdout, &stderr)
	return result{exit, stdout.String(), stderr.String()}
}

func at(s *fake.Server, args []string) (full []string) {
	for _, arg := range args {
		if arg == "HOST PORT" {
			host, port, _ := net.SplitHostPort(s.Addr)
			full = append(full, host, port)
		} else if arg == "HOST:PORT" {
			full = append(full, s.Addr)
		} else {
			full = append(full, arg)
		}
	}
	return full
}

func digest(lines ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	return hex.EncodeToString(sum[:])
}

const stamp = "2026-11-22T10:15:04.123456Z"

func message(pos int, from, topic, line string) string {
	return fmt.Sprintf("%d\t%s\t%s\t%s\t%s\n", pos, stamp, from, topic, line)
}

// await waits until c is closed, or the test is over.
func await(t *testing.T, c <-chan struct{}) {
	select {
	case <-c:
	case <-t.Context().Done():
	}
}
