package checks

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/runner"
)

// heldUp is a server of which one that says nothing holds up the others: it waits for the role before it
// accepts the next, of whom as many as it is told may wait, or fails at who has none ("listed").
const heldUp = `
import socket, sys, threading
listed, room = sys.argv[2] == "listed", 0 if sys.argv[2] == "0" else 20
clients = []
def serve(client):
    if not client[1]:
        client[1] = client[2].readline().strip()
    for line in client[2]:
        if client[1] == "PUBLISHER":
            for other in list(clients):
                if other[1].lower() == "subscriber":
                    other[0].sendall(line.encode())
def accepted(sock):
    client = [sock, None, sock.makefile("r")]
    if listed:
        print("somebody came", flush=True)
    else:
        client[1] = client[2].readline().strip()
    clients.append(client)
    threading.Thread(target=serve, args=(client,), daemon=True).start()
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(room)
while True:
    accepted(server.accept()[0])
`

// What is said of a server that one client holds up is what it does.
func TestSilentClient(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "held_up.py")
	require.NoError(t, os.WriteFile(file, []byte(heldUp), 0o600))
	role, err := dialect.Parse("{role}\n")
	require.NoError(t, err)
	text, err := dialect.Parse("{text}\n")
	require.NoError(t, err)
	told := &dialect.Dialect{
		Words:    map[string]string{runner.Publisher: "PUBLISHER", runner.Subscriber: "SUBSCRIBER"},
		Register: map[string]dialect.Template{runner.Publisher: role, runner.Subscriber: role}, Message: text,
	}
	for how, says := range map[string]struct{ what, cause string }{
		"20":     {"another one that came then received nothing", "before accept() is called again"},
		"0":      {"others could not connect", "before accept() is called again"},
		"listed": {"another one that came then received nothing", "in the list of all already"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			run, err := runner.NewProcesses(t.TempDir(), "python3 "+file+" {port} "+how, "")
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, run.Close()) })
			g := NewSuite(harness.Config{Runner: run, Seed: 1, Timeout: 3 * time.Second, Told: told})
			t.Cleanup(g.Close)
			works, excerpt, err := g.Detect(t.Context())
			require.NoError(t, err)
			require.True(t, works, "%v", excerpt)
			f, err := runSilentClient(t.Context(), g)
			require.NoError(t, err)
			require.NotNil(t, f)
			assert.Contains(t, f.What, says.what)
			assert.Contains(t, f.Cause, says.cause)
		})
	}
}
