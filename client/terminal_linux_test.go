package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"pubsublab/client/internal/fake"
	"pubsublab/protocol"
)

// terminal is a person's terminal: screen is all that was ever shown on it.
type terminal struct {
	t      *testing.T
	keys   *os.File
	tty    *os.File
	screen buffer
}

func newTerminal(t *testing.T) *terminal {
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	var n int
	control, err := keys.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, control.Control(func(fd uintptr) {
		n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		assert.NoError(t, err)
		assert.NoError(t, unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0))
		assert.NoError(t, unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	}))
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	term := &terminal{t: t, keys: keys, tty: tty}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(&term.screen, keys)
	}()
	t.Cleanup(func() {
		keys.Close() // ends all that reads from the terminal, too
		<-copied
		tty.Close()
	})
	return term
}

func (term *terminal) press(keys string) {
	_, err := term.keys.WriteString(keys)
	require.NoError(term.t, err)
}

// client starts the command on the terminal.
func (term *terminal) client(s *fake.Server, args ...string) (ended chan int, interrupt func()) {
	ended = make(chan int, 1)
	ctx, interrupt := context.WithCancel(term.t.Context())
	term.t.Cleanup(interrupt)
	go func() { ended <- run(ctx, at(s, args), term.tty, term.tty, term.tty) }()
	return ended, interrupt
}

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	up    = "\x1b[A"
)

func TestTypedPublisher(t *testing.T) {
	for name, end := range map[string]string{"terminate": " terminate \r", "Ctrl+D": ctrlD, "Ctrl+C": ctrlC} {
		t.Run(name, func(t *testing.T) {
			acked := make(chan struct{})
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Want("hello")
				<-acked
				p.Send("ack 1\n")
				p.Want("hello wörld")
				p.Send("ack 2\n")
				p.Want("terminate")
			})
			term := newTerminal(t)
			ended, _ := term.client(s, "HOST PORT", "publisher", "--name=ann")
			term.screen.waitFor(t, "registered as PUBLISHER ann: 1 publisher and 1 subscriber online\r\n")
			term.screen.waitFor(t, "> ")
			term.press("hello\r")
			term.screen.waitFor(t, "hello\r\n")
			assert.NotContains(t, term.screen.String(), "message sent", "before it is acknowledged")
			close(acked)
			term.screen.waitFor(t, "message sent\r\n")
			term.press(up + " wörld\r") // from the history, and edited
			term.screen.waitFor(t, "wörld\r\n")
			require.Eventually(t, func() bool { return countOf(term, "message sent") == 2 }, 10*time.Second, time.Millisecond)
			term.press(end)
			assert.Zero(t, <-ended)
			term.screen.waitFor(t, "\r\nsummary: 2 lines sent, 2 acknowledged, 0 rejected\r\n")
		})
	}
}

func countOf(term *terminal, text string) (n int) {
	s := term.screen.String()
	for i := range s {
		if len(s)-i >= len(text) && s[i:i+len(text)] == text {
			n++
		}
	}
	return n
}

func TestTypedPublisherIsInterruptedOrCutOff(t *testing.T) {
	for name, exit := range map[string]int{"by a signal": 0, "by another client": 1} {
		t.Run(name, func(t *testing.T) {
			taken := make(chan struct{})
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				if exit == 0 {
					p.Want("terminate")
					return
				}
				<-taken
				p.Send("error: " + protocol.TakenOver + "\n")
			})
			term := newTerminal(t)
			ended, interrupt := term.client(s, "HOST PORT", "publisher", "--name=ann")
			term.screen.waitFor(t, "> ")
			term.press("half")
			term.screen.waitFor(t, "half")
			if exit == 0 {
				interrupt()
			} else {
				close(taken)
			}
			assert.Equal(t, exit, <-ended)
			term.screen.waitFor(t, "\r\nsummary: 0 lines sent")
		})
	}
}

func TestTypedSubscriber(t *testing.T) {
	for name, end := range map[string]string{"terminate": "terminate\n", "Ctrl+D": ctrlD} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TERM", "xterm")
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Send("#joined\t" + stamp + "\tPUBLISHER\ta\tsea\n" + message(1, "a", "sea", "\x1b[31mred \u202e") +
					"#left\t" + stamp + "\tPUBLISHER\ta\tsea\t1\tterminate\n#joined\t" + stamp + "\tSUBSCRIBER\tme\t\n")
				p.Want("terminate")
			})
			term := newTerminal(t)
			ended, _ := term.client(s, "HOST PORT", "subscriber", "--name=me")
			term.screen.waitFor(t, "\x1b[2ma joined as publisher #sea\x1b[0m\r\n")
			term.screen.waitFor(t, "\x1b[2ma left as publisher #sea after 1 line (terminate)\x1b[0m\r\n")
			term.screen.waitFor(t, `[FROM a #sea] : \x1b[31mred \u202e`+"\r\n")
			term.press("hello?\n")
			term.screen.waitFor(t, "type terminate, or press Ctrl+D, to leave")
			term.press(end)
			assert.Zero(t, <-ended)
			term.screen.waitFor(t, "summary: 1 line from 1 publisher")
			assert.NotContains(t, term.screen.String(), "me joined")
		})
	}
}

func TestRoleIsAskedFor(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		assert.Equal(t, protocol.Subscriber, p.Accept(" next=1").Role)
		p.Want("terminate")
	})
	term := newTerminal(t)
	ended, _ := term.client(s, "HOST PORT")
	term.screen.waitFor(t, protocol.Prompt)
	term.press("reader\n")
	term.screen.waitFor(t, "error: unknown role \"reader\", expected PUBLISHER or SUBSCRIBER\r\n"+protocol.Prompt)
	term.press(" subscriber \n")
	term.screen.waitFor(t, "registered as SUBSCRIBER")
	term.press(ctrlD)
	assert.Zero(t, <-ended)
}

func TestRoleIsNotGiven(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		keys string
		exit int
		want string
	}{
		"Ctrl+D":             {nil, ctrlD, 1, "\r\nclient: no role chosen\r\n"},
		"not for such flags": {[]string{"--rate=3"}, "subscriber\n", 2, "client: error: --rate: not for a subscriber\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			term := newTerminal(t)
			ended, _ := term.client(nil, append([]string{"localhost", "1"}, c.args...)...)
			term.screen.waitFor(t, protocol.Prompt)
			term.press(c.keys)
			assert.Equal(t, c.exit, <-ended)
			term.screen.waitFor(t, c.want)
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		term := newTerminal(t)
		ended, interrupt := term.client(nil, "localhost", "1")
		term.screen.waitFor(t, protocol.Prompt)
		interrupt()
		assert.Equal(t, 1, <-ended)
	})
}
