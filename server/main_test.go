package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// The tests run this test binary as the server.
const asServer = "PUBSUBLAB_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		os.Unsetenv(asServer)
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const patience = time.Minute

func command(t *testing.T, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	return cmd
}

// server is a running server and what it logs.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	pipe io.ReadCloser  // what it logs
	log  *bufio.Scanner // of pipe
	seen []string
	addr string
}

func start(t *testing.T, args ...string) *server {
	s := &server{t: t, cmd: command(t, append(args, "--host", "127.0.0.1", "0")...)}
	var err error
	s.pipe, err = s.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { s.cmd.Process.Kill() })
	s.log = bufio.NewScanner(s.pipe)
	s.addr = s.logged(`listening"?.*addr[=":]+([0-9.:]+)`)[1]
	return s
}

// logged reads the log up to a line that matches.
func (s *server) logged(pattern string) []string {
	s.t.Helper()
	for re := regexp.MustCompile(pattern); s.log.Scan(); {
		s.seen = append(s.seen, s.log.Text())
		if match := re.FindStringSubmatch(s.log.Text()); match != nil {
			return match
		}
	}
	require.Failf(s.t, "not logged", "%s in\n%s", pattern, strings.Join(s.seen, "\n"))
	return nil
}

// stop ends the server with a signal, and returns its exit code.
func (s *server) stop(signal os.Signal) int {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(signal))
	for s.log.Scan() {
	}
	s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) join(role string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.ReadFull(conn, make([]byte, len(protocol.Prompt)))
	require.NoError(s.t, err)
	fmt.Fprintln(conn, role)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(s.t, err)
	require.Contains(s.t, line, "registered as ")
	return conn
}

func TestListening(t *testing.T) {
	s := start(t)
	s.join("SUBSCRIBER")
	require.NoError(t, command(t, "healthcheck", s.addr).Run(), "healthy")
	require.Zero(t, s.stop(os.Interrupt), "P17: Ctrl+C")
	require.Error(t, command(t, "healthcheck", s.addr).Run(), "not healthy any more")
}

func TestServerOutput(t *testing.T) {
	s := start(t, "--echo")
	sub := s.join("SUBSCRIBER")
	s.logged(`msg="client connected" addr=` + sub.LocalAddr().String() + ` clients=1`)
	s.logged(`msg="subscriber added" addr=` + sub.LocalAddr().String() + ` publishers=0 subscribers=1`)
	pub := s.join("PUBLISHER name=ada topic=news")
	s.logged(`msg="client connected" addr=` + pub.LocalAddr().String() + ` clients=2`)
	s.logged(`msg="publisher added" addr=` + pub.LocalAddr().String() + ` name=ada topic=news publishers=1 subscribers=1`)
	fmt.Fprintln(pub, "hello there")
	s.logged(`msg=published from=ada line="hello there" topic=news`)
	fmt.Fprintln(pub, "terminate")
	s.logged(`msg="publisher left" addr=\S+ name=ada topic=news lines=1 reason=terminate publishers=0 subscribers=1`)
	sub.Close()
	s.logged(`msg="subscriber left" addr=\S+ lines=1 reason=(eof|reset) publishers=0 subscribers=0`)
	require.Zero(t, s.stop(syscall.SIGTERM), "P17")
}

// A log that is open and not read holds up the server, but not its end.
func TestStopWhileTheLogIsStuck(t *testing.T) {
	t.Parallel()
	s := start(t, "--echo", "--drain-timeout=0s")
	pub := s.join("PUBLISHER ack=yes")
	_, err := io.WriteString(pub, strings.Repeat(strings.Repeat("x", 1000)+"\n", 1000))
	require.NoError(t, err)
	acks := bufio.NewReader(pub)
	for ack := ""; ack != "ack 1000\n"; {
		ack, err = acks.ReadString('\n')
		require.NoError(t, err)
	}
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	state, err := s.cmd.Process.Wait()
	require.NoError(t, err)
	require.Equal(t, 1, state.ExitCode(), "P17: in spite of a megabyte of log in a pipe that holds a sixteenth")
}

func TestReaderOfTheLogGoes(t *testing.T) {
	s := start(t)
	s.pipe.Close()
	s.join("SUBSCRIBER")
	require.Zero(t, s.stop(syscall.SIGTERM), "P17")
}

func TestNothingInvisibleIsLogged(t *testing.T) {
	for format, want := range map[string]string{"text": `line="\\x1b \\u009b \\x7f \\u202e ž"`, "json": `"line":"\\\\x1b \\\\u009b \\\\x7f \\\\u202e ž"`} {
		s := start(t, "--echo", "--log-format="+format)
		fmt.Fprintln(s.join("PUBLISHER"), "\x1b \u009b \x7f \u202e ž")
		s.logged(want)
		require.Zero(t, s.stop(syscall.SIGTERM))
	}
}

func TestPortInUse(t *testing.T) {
	s := start(t)
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	out, err := command(t, "--host", "127.0.0.1", port).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "port "+port+" is in use: stop the program that listens there, or choose another port")
}

func TestAFullServerIsHealthy(t *testing.T) {
	s := start(t, "--max-clients=1")
	s.join("SUBSCRIBER")
	require.NoError(t, command(t, "healthcheck", s.addr).Run())
}

func TestExitIdle(t *testing.T) {
	s := start(t, "--exit-idle=10ms")
	s.join("SUBSCRIBER").Close()
	s.logged(`msg="stopping: all clients have left"`)
	require.NoError(t, s.cmd.Wait(), "exit code 0")
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		text string
	}{
		{[]string{"port"}, `expected a valid 16 bit uint but got "port"`},
		{[]string{"--history=3"}, `--history: bad size "3", expected 1MiB or more, such as 64MiB`},
		{[]string{"--slow=maybe"}, `--slow must be one of "block","disconnect" but got "maybe"`},
		{[]string{"--stall-timeout=30"}, `expected duration but got "30"`},
		{[]string{"--max-clients=-1"}, `--max-clients is -1, expected 0 or more`},
		{[]string{"--stall-timeout=0s"}, `--stall-timeout is 0s, expected more than 0`},
		{[]string{"--drain-timeout=-1s"}, `--drain-timeout is -1s, expected 0 or more`},
		{[]string{"--exit-idle=-1s"}, `--exit-idle is -1s, expected 0 or more`},
		{[]string{"--journal=disk"}, `--journal is "disk", expected memory, or NATS servers such as nats://a:4222,b:4222`},
		{[]string{"--replicas=6"}, `--replicas is 6, expected 0 to 5`},
		{[]string{"--stream-size=1MiB"}, `--stream-size is 1.0 MiB, expected 128 MiB or more`},
		{[]string{"--nonsense"}, `unknown flag --nonsense`},
	} {
		cmd := command(t, c.args...)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, 2, cmd.ProcessState.ExitCode(), "%v: %s", c.args, out)
		require.Contains(t, string(out), c.text, "%v", c.args)
	}
	out, err := command(t, "--help").CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(out), "server healthcheck [HOST:PORT]")
}
