package main

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
)

// A named pipe is opened at once, whether somebody reads it yet or not.
func TestOutputToANamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send(message(1, "a", "", "x"))
		p.Want("terminate")
	})
	got := client(t, s, nil, "HOST PORT", "subscriber", "--output="+pipe, "--count=1")
	assert.Zero(t, got.exit, got.stderr)
}
