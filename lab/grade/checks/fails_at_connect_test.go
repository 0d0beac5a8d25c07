package checks

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// A thread that dies at each client is a fault whatever clients say, and one that waits for a word is none.
func TestFailsAtConnect(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	for serves, want := range map[string]string{
		"role = recv(10)":         "",
		"subscribers.append(c)":   `The server met an error at each client that connected, before the client had said a word: NameError: name 'subscribers' is not defined.`,
		"raise SystemExit(0)":     "",
		"print(\"an Exception\")": "",
	} {
		run, err := runner.NewProcesses(t.TempDir(), `python3 -c 'import socket, sys, threading
s = socket.create_server(("", int(sys.argv[1])))
def serve(c):
    recv = c.recv
    `+serves+`
while True: threading.Thread(target=serve, args=(s.accept()[0],)).start()' {port}`, "")
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, run.Close()) })
		g := NewSuite(harness.Config{Runner: run, Seed: 1, Timeout: time.Second})
		t.Cleanup(g.Close)
		f, err := g.failsAtConnect(t.Context())
		require.NoError(t, err)
		if want == "" {
			assert.Nil(t, f, serves)
		} else if assert.NotNil(t, f, serves) {
			assert.Equal(t, want, f.What)
			assert.True(t, f.Certain)
		}
	}
	assert.Equal(t, `java.lang.NullPointerException: "subs" is null`, errorIn("Exception in thread \"Thread-1\" java.lang.NullPointerException: \"subs\" is null\n\tat Server.main(Server.java:9)\n"))
}
