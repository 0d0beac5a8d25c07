package harness

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/lab/grade/harness/runner"
)

// relayed is a client behind a relay, and its server's side.
func relayed(t *testing.T) (l *relay, client, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	run, err := runner.NewProcesses(t.TempDir(), "server {port}", "")
	require.NoError(t, err)
	program := &runner.Program{Addresses: []string{listener.Addr().String()}}
	r := &ServerRun{Config: Config{Runner: run, Timeout: 20 * time.Second}, Program: program, Began: time.Now()}
	l, err = r.startRelay(nil, registering{})
	require.NoError(t, err)
	t.Cleanup(l.close)
	conn, err := net.Dial("tcp", l.address().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { accepted.Close() })
	return l, conn.(*net.TCPConn), accepted.(*net.TCPConn)
}

func says(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(from, text)
	require.NoError(t, err)
	data := make([]byte, len(text))
	_, err = io.ReadFull(to, data)
	require.NoError(t, err)
	assert.Equal(t, text, string(data))
}

// What goes through a relay is on its record, with its times, and it ends on one side as it does on
// the other.
func TestRelayRecords(t *testing.T) {
	l, client, server := relayed(t)
	says(t, client, server, "PUBLISHER\n")
	says(t, server, client, "registered\n")
	says(t, client, server, "hello\n")
	chunks := l.connections()[0].chunks(l.server.Began)
	require.Len(t, chunks, 3)
	for i, want := range []string{"PUBLISHER\n", "registered\n", "hello\n"} {
		assert.Equal(t, want, string(chunks[i].Data))
		assert.Equal(t, i != 1, chunks[i].Up)
		assert.Positive(t, chunks[i].At)
	}
	require.NoError(t, client.CloseWrite())
	_, err := server.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err, "the end of one side is in good order")
	says(t, server, client, "bye\n")
	require.NoError(t, server.SetLinger(0))
	require.NoError(t, server.Close())
	_, err = client.Read(make([]byte, 1))
	assert.ErrorContains(t, err, "reset")
}

func TestRelayCuts(t *testing.T) {
	for _, atOnce := range []bool{true, false} {
		l, client, server := relayed(t)
		says(t, client, server, "hello")
		l.cut(atOnce)
		for _, side := range []net.Conn{client, server} {
			_, err := side.Read(make([]byte, 1))
			if atOnce {
				assert.ErrorContains(t, err, "reset")
			} else {
				assert.Equal(t, io.EOF, err)
			}
		}
	}
}

// A stalled relay takes what the client says, and nothing of the server, who notices when all that
// the system keeps for a connection is full.
func TestRelayStalls(t *testing.T) {
	l, client, server := relayed(t)
	says(t, server, client, "hello")
	l.stall()
	full := make(chan error, 1)
	go func() {
		block := make([]byte, 1<<16)
		for {
			if err := server.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
				full <- err
				return
			}
			if _, err := server.Write(block); err != nil {
				full <- err
				return
			}
		}
	}()
	var timeout net.Error
	require.ErrorAs(t, <-full, &timeout)
	assert.True(t, timeout.Timeout())
	says(t, client, server, "still here")
	require.NoError(t, client.Close())
	wait.Until(t, l.connections()[0].Down.Ended, "the relay should go with its client")
}

// Where a server has ended, nobody is served at its relay either.
func TestRelayRefusesWithItsServer(t *testing.T) {
	run, err := runner.NewProcesses(t.TempDir(), "true {port}", "")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, run.Close()) })
	r, err := New(Config{Runner: run, Seed: 1, Timeout: 20 * time.Second}).Start(t.Context(), "ended")
	require.NoError(t, err)
	t.Cleanup(r.Close)
	<-r.Program.Done()
	l, err := r.startRelay(nil, registering{})
	require.NoError(t, err)
	t.Cleanup(l.close)
	wait.Until(t, func() bool {
		conn, err := net.Dial("tcp", l.address().String())
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, "it still accepts connections")
}
