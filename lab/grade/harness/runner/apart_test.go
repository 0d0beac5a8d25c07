package runner

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever answers at an address that is not this machine's is not the submission's server.
func TestDialStaysHere(t *testing.T) {
	p, err := NewProcesses(t.TempDir(), "server {port}", "")
	require.NoError(t, err)
	const elsewhere = "198.51.100.1:29600" // nobody's, for documentation; some networks answer for everybody
	_, err = p.Dial(t.Context(), elsewhere)
	assert.Error(t, err)
	listener, err := p.Listen(0)
	require.NoError(t, err)
	defer listener.Close()
	conn, err := p.Dial(t.Context(), listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// Apart, a port that somebody else uses is free, and nobody else's connections get there.
func TestApart(t *testing.T) {
	p, err := NewProcesses(t.TempDir(), "server {port}", "")
	require.NoError(t, err)
	one, err := p.Apart()
	if err != nil {
		t.Skip("networks of their own cannot be made here: ", err)
	}
	two, err := p.Apart()
	require.NoError(t, err)
	here, err := p.Listen(0)
	require.NoError(t, err)
	defer here.Close()
	address := here.Addr().String()
	for _, apart := range []Runner{one, two} {
		_, err := apart.Dial(t.Context(), address)
		require.Error(t, err, "nobody listens there yet")
		there, err := apart.Listen(here.Addr().(*net.TCPAddr).Port)
		require.NoError(t, err)
		defer there.Close()
		conn, err := apart.Dial(t.Context(), address)
		require.NoError(t, err)
		defer conn.Close()
		accepted, err := there.Accept()
		require.NoError(t, err)
		assert.Equal(t, conn.LocalAddr().String(), accepted.RemoteAddr().String())
		require.NoError(t, accepted.Close())
	}
}

// What is done on a thread that was changed is not done on that of the others.
func TestApartFromTheOthers(t *testing.T) {
	p, err := NewProcesses(t.TempDir(), "server {port}", "")
	require.NoError(t, err)
	const ours = "/proc/thread-self/ns/net"
	before, _ := os.Readlink(ours) // not every system has it, nor networks of programs' own
	for range 50 {
		if _, err := p.Apart(); err != nil {
			t.Skip("networks of their own cannot be made here: ", err)
		}
		after, err := os.Readlink(ours)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
}

// What a program has open beside the port that it was told is seen, datagrams too.
func TestBesides(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil || runtime.GOOS != "linux" {
		t.Skip("this machine has no python3, or does not say what is open: ", err)
	}
	const listens = `import socket, sys, time
all = [socket.create_server(("127.0.0.1", int(sys.argv[1])))]
if len(sys.argv) > 2:
    all.append(socket.create_server(("127.0.0.1", 0)) if sys.argv[2] == "tcp" else socket.socket(type=socket.SOCK_DGRAM))
    if sys.argv[2] == "udp": all[1].bind(("127.0.0.1", 0))
print("there"); time.sleep(60)`
	for besides, want := range map[string]bool{"": false, "tcp": true, "udp": true} {
		p, err := NewProcesses(t.TempDir(), "python3 -c '"+listens+"' {port} "+besides, "")
		require.NoError(t, err)
		port, err := p.Port()
		require.NoError(t, err)
		program, err := p.Server(t.Context(), port)
		require.NoError(t, err)
		require.True(t, program.Output.Wait(t.Context(), func(data []byte) bool { return strings.Contains(string(data), "there") }))
		assert.Equal(t, want, program.Besides(port), besides)
		require.NoError(t, p.Close())
	}
}
