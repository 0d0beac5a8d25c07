package harness

import (
	"bufio"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness/runner"
)

// Clients that are started together come in their order, whoever takes longer to start. What one says
// in two parts, while it waits for those before it, stays two parts.
func TestClientsComeInOrder(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	client := `python3 -c 'import socket, sys, time
time.sleep(float(sys.argv[3]))
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(sys.argv[4].encode())
time.sleep(0.3)
s.sendall(b"\n")
time.sleep(60)' {host} {port} `
	run, err := runner.Commands{Dir: t.TempDir(), Server: "server {port}", Subscriber: client + "0.9 {role}", Publisher: client + "0 {role}"}.Runner()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, run.Close()) })
	program := &runner.Program{Addresses: []string{listener.Addr().String()}}
	h := New(Config{Runner: run, Timeout: 20 * time.Second})
	r := &ServerRun{Config: h.Config, Dialect: &h.Dialect, Program: program, Began: time.Now(), random: h.random("order"), starts: &h.starts}
	wanted := []string{runner.Subscriber, runner.Publisher}
	all, err := r.startTerminals(t.Context(), firstTopic, wanted...)
	require.NoError(t, err)
	for _, p := range all {
		t.Cleanup(p.HangUp)
	}
	for _, role := range wanted {
		conn, err := listener.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, role+"\n", line)
	}
	for _, p := range all {
		var parts []string
		for _, data := range p.Terminal().relay.connections()[0].Up.Chunks() {
			parts = append(parts, string(data))
		}
		assert.Equal(t, []string{p.Terminal().Role, "\n"}, parts)
	}
}
