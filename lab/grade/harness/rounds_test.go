package harness

import (
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/grade/harness/runner"
)

// One asks by a menu what to do, before each message, and one for a topic: what is typed too early answers
// another question.
const (
	menuClient = `
while True:
    print("\n1. Publish\n2. Subscribe\n3. Quit")
    match input("Your choice: "):
        case "1": say(input("Enter message: "))
        case "3": break
        case _: print("Invalid choice")
`
	topicClient = `
while True:
    topic = input("Topic: ")
    say(topic + "/" + input("Message: "))
`
)

// Messages are typed behind what a client asks before each, without a pause from the first one on.
func TestRounds(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip(err)
	}
	for name, test := range map[string]struct{ client, before string }{"menu": {menuClient, ""}, "topic": {topicClient, "news/"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			t.Cleanup(func() { listener.Close() })
			client := "python3 -c '" + `import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def say(text): s.sendall((text + "\n").encode())
` + test.client + "' {host} {port}"
			run, err := runner.Commands{Dir: t.TempDir(), Server: "server {port}", Publisher: client, Subscriber: client}.Runner()
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, run.Close()) })
			program := &runner.Program{Addresses: []string{listener.Addr().String()}}
			h := New(Config{Runner: run, Timeout: 20 * time.Second})
			r := &ServerRun{Config: h.Config, Dialect: &h.Dialect, Program: program, Began: time.Now(), random: h.random(name), starts: &h.starts}
			all, err := r.JoinTerminals(t.Context(), runner.Publisher)
			require.NoError(t, err)
			publisher := all[0]
			t.Cleanup(publisher.HangUp)
			want := ""
			for range 3 {
				m := publisher.Next("")
				want += test.before + m.Text + "\n"
				require.NoError(t, publisher.Publish(m))
			}
			two := []Message{publisher.Next(""), publisher.Next("")}
			require.NoError(t, publisher.PublishTogether(two...))
			want += test.before + two[0].Text + "\n" + test.before + two[1].Text + "\n"
			server, err := listener.Accept()
			require.NoError(t, err)
			t.Cleanup(func() { server.Close() })
			require.NoError(t, server.SetReadDeadline(time.Now().Add(20*time.Second)))
			got := make([]byte, len(want))
			n, _ := io.ReadFull(server, got)
			assert.Equal(t, strings.Split(want, "\n"), strings.Split(string(got[:n]), "\n"))
		})
	}
}
