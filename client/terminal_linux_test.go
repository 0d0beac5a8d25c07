package main

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"pubsublab/client/internal/fake"
	"pubsublab/e2e/wait"
	"pubsublab/protocol"
)

// person is at a terminal: screen is all that was ever shown on it.
type person struct {
	t      *testing.T
	keys   *os.File
	tty    *os.File
	screen buffer
}

func newPerson(t *testing.T) *person {
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
	p := &person{t: t, keys: keys, tty: tty}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(&p.screen, keys)
	}()
	t.Cleanup(func() {
		keys.Close() // hangs up on all that have the terminal
		<-copied
		tty.Close()
	})
	return p
}

func (p *person) press(keys string) {
	_, err := p.keys.WriteString(keys)
	require.NoError(p.t, err)
}

// start starts a program whose terminal this is, and all that the kernel does for one.
func (p *person) start(env []string, program string, args ...string) (ended chan int, process *os.Process) {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", clientVariable + "=1", "GORACE=atexit_sleep_ms=0"}, env...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.tty, p.tty, p.tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(p.t, cmd.Start())
	ended = make(chan int, 1)
	go func() {
		cmd.Wait()
		ended <- cmd.ProcessState.ExitCode()
	}()
	p.t.Cleanup(func() { cmd.Process.Kill() })
	return ended, cmd.Process
}

// client starts the client.
func (p *person) client(s *fake.Server, args ...string) (ended chan int, interrupt func()) {
	ended, process := p.start(nil, os.Args[0], at(s, args)...)
	return ended, func() { process.Signal(syscall.SIGTERM) }
}

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	ctrlZ = "\x1a"
	up    = "\x1b[A"
	home  = "\x1b[1~" // as tmux has it
	end   = "\x1b[4~"
)

func TestTypedPublisher(t *testing.T) {
	for name, end := range map[string]string{"terminate": " terminate \r", "Ctrl+D": ctrlD, "Ctrl+C": ctrlC} {
		t.Run(name, func(t *testing.T) {
			acked := make(chan struct{})
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Want("hello")
				await(t, acked)
				p.Send("ack 1\n")
				p.Want("hello wörld")
				p.Send("ack 2\n")
				p.Want("terminate")
			})
			ann := newPerson(t)
			ended, _ := ann.client(s, "HOST PORT", "publisher", "--name=ann")
			ann.screen.waitFor(t, "registered as PUBLISHER ann: 1 publisher and 1 subscriber online\r\n")
			ann.screen.waitFor(t, "type lines; terminate, Ctrl+D or Ctrl+C ends")
			ann.screen.waitFor(t, "> ")
			ann.press("hello\r")
			ann.screen.waitFor(t, "> hello\r\n")
			assert.NotContains(t, ann.screen.String(), "message sent", "before it is acknowledged")
			close(acked)
			ann.screen.waitFor(t, "message sent\r\n")
			ann.press(up + " wörld\r") // from the history, and edited
			ann.screen.waitFor(t, "> hello wörld\r\n")
			wait.Until(t, func() bool { return countOf(ann, "message sent") == 2 }, "the second message is sent")
			ann.press(end)
			assert.Zero(t, <-ended)
			ann.screen.waitFor(t, pasteOff+"summary: 2 lines sent, 2 acknowledged, 0 rejected\r\n")
		})
	}
}

const pasteOn, pasteOff = "\x1b[?2004h", "\x1b[?2004l"

func countOf(p *person, text string) int { return strings.Count(p.screen.String(), text) }

// What is typed is what is sent, whatever it is.
func TestTypedLines(t *testing.T) {
	long := strings.Repeat("0123456789", 5000)
	lines := []string{
		"Xa\tbY", "世界 🧅 e\u0301", "one", "two\t2", "", " three ", "sixfour", long, "after", "exit", "quit", "TERMINATE",
	}
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want(lines...)
		p.Send("ack " + strconv.Itoa(len(lines)) + "\n")
		p.Want("terminate")
	})
	ann := newPerson(t)
	ended, _ := ann.client(s, "HOST PORT", "publisher", "--name=ann", "--undelivered="+inFile(t, ""))
	ann.screen.waitFor(t, "> ")
	ann.press("a\tb" + home + "X" + end + "Y\r")
	ann.press("世界 👩\u200d🍳" + "\x7f" + "🧅 e\u0301\u0302o" + "\x7f\x7fe\u0301\r")
	ann.press("four" + home + "\x1b[200~one\rtwo\t2\r\n\n three \nsix\x1b[201~" + end + "\r")
	ann.press("\x1b[200~" + long + "\x1b[201~\r")
	ann.press("\x1b[200~" + strings.Repeat("é", 35000) + "\x1b[201~\r")
	ann.screen.waitFor(t, "line 9 not sent: a message of 70000 bytes, expected at most 65536\r\n")
	ann.press("\x1b[200~" + strings.Repeat("x", 300000) + "\x1b[201~\rafter\r")
	ann.screen.waitFor(t, "line 10 not sent: a message of more than 65536 bytes, expected at most that\r\n")
	ann.press("exit\rquit\r")
	ann.screen.waitFor(t, `"exit" was published as a message; terminate, Ctrl+D or Ctrl+C ends`)
	ann.screen.waitFor(t, `"quit" was published as a message; terminate, Ctrl+D or Ctrl+C ends`)
	ann.press("TERMINATE\r")
	ann.screen.waitFor(t, `"TERMINATE" was published as a message; terminate, Ctrl+D or Ctrl+C ends`)
	ann.press(ctrlD)
	assert.Equal(t, 1, <-ended, "two were not sent")
	ann.screen.waitFor(t, "summary: 12 lines sent, 12 acknowledged, 2 rejected\r\n")
}

// What is pasted behind terminate was meant for nobody, least of all for the shell that reads the
// terminal next.
func TestTerminateWithinAPaste(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one")
		p.Send("ack 1\n")
		p.Want("terminate")
	})
	ann := newPerson(t)
	ended, _ := ann.client(s, "HOST PORT", "publisher", "--name=ann")
	ann.screen.waitFor(t, "> ")
	ann.press("\x1b[200~one\rterminate\rrm -rf /\r" + strings.Repeat("x", 100000) + "\r\x1b[201~")
	assert.Zero(t, <-ended)
	ann.press("next\n")
	left := make([]byte, 100)
	n, err := ann.tty.Read(left)
	require.NoError(t, err)
	assert.Equal(t, "next\n", string(left[:n]))
}

func TestWhatComesWhileSomebodyTypesStaysAboveIt(t *testing.T) {
	come := make(chan struct{})
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		await(t, come)
		p.Send(message(1, "a", "", "one") + message(2, "a", "", "two"))
		p.Want("terminate")
	})
	bob := newPerson(t)
	ended, _ := bob.client(s, "HOST PORT", "subscriber")
	bob.screen.waitFor(t, pasteOn) // the terminal does not echo any more
	bob.press("termin")
	bob.screen.waitFor(t, "termin")
	close(come)
	bob.screen.waitFor(t, "\r\x1b[J[FROM a] : one\r\n[FROM a] : two\r\n\r\x1b[?7ltermin\x1b7\x1b[K\x1b8\x1b[?7h")
	bob.press("ate\r")
	assert.Zero(t, <-ended)
}

// TERM=dumb, as in an editor's shell: the system edits lines, and cuts them off.
func TestTypedOnADumbTerminal(t *testing.T) {
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("hello", "\ttab")
		p.Send("ack 2\n")
		p.Want("terminate")
	})
	ann := newPerson(t)
	address := at(s, []string{"HOST PORT", "publisher"})
	ended, _ := ann.start([]string{"TERM=dumb"}, os.Args[0], address...)
	ann.screen.waitFor(t, "> ")
	ann.press("hello\n\ttab\n")
	ann.screen.waitFor(t, "message sent")
	ann.press(strings.Repeat("x", 5000) + "\n")
	ann.screen.waitFor(t, "line 3 not sent: the line may be longer, and the terminal has cut it off: use --script or a pipe\r\n")
	ann.press("terminate\n")
	assert.Equal(t, 1, <-ended)
	ann.screen.waitFor(t, "summary: 2 lines sent, 2 acknowledged, 1 rejected")
	assert.NotContains(t, ann.screen.String(), "\x1b", "escape sequences")
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
				await(t, taken)
				p.Send("error: " + protocol.TakenOver + "\n")
			})
			ann := newPerson(t)
			ended, interrupt := ann.client(s, "HOST PORT", "publisher", "--name=ann")
			ann.screen.waitFor(t, "> ")
			ann.press("half")
			ann.screen.waitFor(t, "half")
			if exit == 0 {
				interrupt()
			} else {
				close(taken)
			}
			assert.Equal(t, exit, <-ended)
			ann.screen.waitFor(t, "\r\n"+pasteOff+"summary: 0 lines sent")
		})
	}
}

func TestTypedSubscriber(t *testing.T) {
	for name, end := range map[string]string{"terminate": "terminate\r", "Ctrl+D": ctrlD, "Ctrl+C": ctrlC} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Send("#joined\t" + stamp + "\tPUBLISHER\ta\tsea\n" + message(1, "a", "sea", "\x1b[31mred \u202e") +
					"#left\t" + stamp + "\tPUBLISHER\ta\tsea\t1\tterminate\n#joined\t" + stamp + "\tSUBSCRIBER\tme\t\n")
				p.Want("terminate")
			})
			bob := newPerson(t)
			ended, _ := bob.client(s, "HOST PORT", "subscriber", "--name=me")
			bob.screen.waitFor(t, "\x1b[2ma joined as publisher #sea\x1b[0m\r\n")
			bob.screen.waitFor(t, "\x1b[2ma left as publisher #sea after 1 line (terminate)\x1b[0m\r\n")
			bob.screen.waitFor(t, `[FROM a #sea] : \x1b[31mred \u202e`+"\r\n")
			shown := bob.screen.String()
			assert.Less(t, strings.Index(shown, "a joined"), strings.Index(shown, "[FROM a"), "what is told has its place in the order")
			assert.Less(t, strings.Index(shown, "[FROM a"), strings.Index(shown, "a left"), "what is told has its place in the order")
			bob.press("hello?\r")
			bob.screen.waitFor(t, "a subscriber only listens; terminate, Ctrl+D or Ctrl+C ends")
			bob.press(end)
			assert.Zero(t, <-ended)
			bob.screen.waitFor(t, "summary: 1 line from 1 publisher")
			assert.NotContains(t, bob.screen.String(), "me joined")
		})
	}
}

// The terminal's window is closed: its programs get SIGHUP.
func TestHangUpKeepsWhatIsUndelivered(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("these tests run with SIGHUP ignored, as nohup has it, and so does the client that they start")
	}
	s := fake.New(t, func(p *fake.Peer) {
		p.Accept(" next=1")
		p.Want("one")
		p.Send("ack 1\n")
		p.Want("terminate")
	})
	path := inFile(t, "")
	ann := newPerson(t)
	args := at(s, []string{"HOST PORT", "publisher", "--name=a", "--rate=0.01", "--script=" + inFile(t, "one\ntwo\n"), "--undelivered=" + path})
	ended, process := ann.start(nil, os.Args[0], args...)
	ann.screen.waitFor(t, "registered")
	require.NoError(t, process.Signal(syscall.SIGHUP))
	assert.Equal(t, 1, <-ended)
	holds(t, path, "two\n")
}
