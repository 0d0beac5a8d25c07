package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pubsublab/client/internal/fake"
	"pubsublab/e2e/wait"
)

// shell starts a shell that controls jobs, and waits for its prompt.
func (p *person) shell() {
	sh, err := exec.LookPath("bash")
	if err != nil {
		p.t.Skip("no bash here, whose jobs are tried: ", err)
	}
	p.start([]string{"PS1=$ ", "HISTFILE="}, sh, "--norc", "--noediting", "-i")
	p.screen.waitFor(p.t, "$ ")
}

// command has the shell run a command, and waits for what it shows.
func (p *person) command(line, want string) {
	p.t.Helper()
	p.screen.forget()
	p.press(line + "\n")
	p.screen.waitFor(p.t, want)
}

func (b *buffer) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

func waitForFile(t *testing.T, path, want string) {
	t.Helper()
	wait.Until(t, func() bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(text), want)
	}, "%q is in %s", want, path)
}

// A program that reads the terminal in the background is stopped by the system.
func TestASubscriberInTheBackgroundReceives(t *testing.T) {
	more := make(chan struct{})
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Send(message(1, "a", "", "one"))
		await(t, more)
		p.Send(message(2, "a", "", "two"))
		p.Want("terminate")
	})
	out, err := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "err")
	bob := newPerson(t)
	bob.shell()
	bob.press(os.Args[0] + " " + s.Addr + " SUBSCRIBER >" + out + " 2>" + err + " &\n")
	waitForFile(t, out, "[FROM a] : one\n")
	bob.command("jobs", "Running")
	close(more)
	waitForFile(t, out, "[FROM a] : two\n")

	bob.command("fg; echo code $?", "SUBSCRIBER") // it is bob who ends it now
	bob.press("terminate\r")
	bob.screen.waitFor(t, "code 0")
	waitForFile(t, err, "summary: 2 lines from 1 publisher")
}

func TestAPublisherIsTypedAtInTheForegroundOnly(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("half done")
		p.Send("ack 1\n")
		p.Want("more")
		p.Send("ack 2\n")
		p.Want("terminate")
	})
	ann := newPerson(t)
	ann.shell()
	ann.command(os.Args[0]+" --name ann "+s.Addr+" PUBLISHER &", "registered as PUBLISHER ann")
	ann.command("jobs", "Running")
	ann.command("fg", "> ")
	ann.press("half")
	ann.screen.waitFor(t, "> half")
	ann.screen.forget()
	ann.press(ctrlZ)
	ann.screen.waitFor(t, "Stopped")
	ann.command("stty -a", "time") // what the last line of it says
	ann.screen.waitFor(t, " icanon")
	for _, mode := range []string{" icanon", " echo ", " icrnl", " iexten", "quit = ^\\"} {
		assert.Contains(t, ann.screen.String(), mode)
	}
	ann.command("bg", "PUBLISHER")
	ann.command("jobs", "Running")
	ann.command("fg", "> half") // it is still there
	ann.press(" done\r")
	ann.screen.waitFor(t, "message sent")
	ann.press(ctrlZ)
	ann.screen.waitFor(t, "Stopped")
	ann.command("fg", "> ")
	ann.press("more\r")
	ann.screen.waitFor(t, "message sent")
	ann.press(ctrlD)
	ann.screen.waitFor(t, "summary: 2 lines sent, 2 acknowledged, 0 rejected\r\n")
	ann.command("stty -a", " icanon")
}
