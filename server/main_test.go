package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
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
	wait.Parallel(8)
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(wait.Context(t), os.Args[0], args...)
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
	s := &server{t: t, cmd: command(t, append([]string{"--host", "127.0.0.1", "0"}, args...)...)}
	var err error
	s.pipe, err = s.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
	s.log = bufio.NewScanner(s.pipe)
	s.addr = s.logged(`listening"?.*addr[=":]+(\[::1]:[0-9]+|[0-9.:]+)`)[1]
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
	require.Failf(s.t, "not logged", "%s in what ends with\n%s", pattern, strings.Join(s.seen[max(0, len(s.seen)-30):], "\n"))
	return nil
}

// stop ends the server with a signal, and returns its exit code.
func (s *server) stop(signal os.Signal) int {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(signal))
	for s.log.Scan() {
		s.seen = append(s.seen, s.log.Text())
	}
	s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) join(role string) net.Conn {
	s.t.Helper()
	conn, _ := s.register(role)
	return conn
}

// register joins, and returns what the client reads from then on, too.
func (s *server) register(role string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	require.NoError(s.t, conn.SetDeadline(wait.Deadline(s.t)))
	in := bufio.NewReader(conn)
	_, err = io.ReadFull(in, make([]byte, len(protocol.Prompt)))
	require.NoError(s.t, err)
	fmt.Fprintln(conn, role)
	line, err := in.ReadString('\n')
	require.NoError(s.t, err)
	require.Contains(s.t, line, "registered as ")
	return conn, in
}

func TestListening(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.join("SUBSCRIBER")
	require.NoError(t, command(t, "healthcheck", s.addr).Run(), "healthy")
	require.Zero(t, s.stop(os.Interrupt), "P17: Ctrl+C")
	require.Error(t, command(t, "healthcheck", s.addr).Run(), "not healthy any more")
}

func TestServerOutput(t *testing.T) {
	t.Parallel()
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

func TestReaderOfTheLogGoes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.pipe.Close()
	s.join("SUBSCRIBER")
	require.Zero(t, s.stop(syscall.SIGTERM), "P17")
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	out, err := command(t, "--host", "127.0.0.1", port).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "port "+port+" is in use: stop the program that listens there, or choose another port")
}

func TestAFullServerIsHealthy(t *testing.T) {
	t.Parallel()
	s := start(t, "--max-clients=1")
	s.join("SUBSCRIBER")
	require.NoError(t, command(t, "healthcheck", s.addr).Run())
}

func TestExitIdle(t *testing.T) {
	t.Parallel()
	s := start(t, "--exit-idle=10ms")
	s.join("SUBSCRIBER").Close()
	s.logged(`msg="stopping: all clients have left"`)
	require.NoError(t, s.cmd.Wait(), "exit code 0")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		text string
	}{
		{[]string{"port"}, `<port>]: got "port", expected a port from 0 to 65535`},
		{[]string{"70000"}, `got "70000", expected a port from 0 to 65535`},
		{[]string{"--history=3"}, `--history: got "3", expected 1MiB or more, such as 64MiB`},
		{[]string{"--history"}, `--history: expected a value, as in --flag=VALUE`},
		{[]string{"--slow", "--echo"}, `--slow: expected a value, as in --flag=VALUE`},
		{[]string{"--slow=maybe"}, `--slow must be one of "block","disconnect" but got "maybe"`},
		{[]string{"--stall-timeout=30"}, `--stall-timeout: got "30", expected a duration such as 500ms, 30s or 1m30s`},
		{[]string{"--max-clients=many"}, `--max-clients: got "many", expected a whole number`},
		{[]string{"--log-level=loud"}, `--log-level: got "loud", expected debug, info, warn or error`},
		{[]string{"--max-clients=-1"}, `--max-clients is -1, expected 0 or more`},
		{[]string{"--stall-timeout=0s"}, `--stall-timeout is 0s, expected more than 0`},
		{[]string{"--drain-timeout=-1s"}, `--drain-timeout is -1s, expected 0 or more`},
		{[]string{"--exit-idle=-1s"}, `--exit-idle is -1s, expected 0 or more`},
		{[]string{"--journal=disk"}, `--journal is something else than expected: memory, a folder such as ./journal, or NATS servers such as nats://a:4222,b:4222`},
		{[]string{"--replicas=6"}, `--replicas is 6, expected 0 to 5`},
		{[]string{"--stream-size=1MiB"}, `--stream-size is 1.0 MiB, expected 128 MiB or more`},
		{[]string{"--journal-size=1MiB"}, `--journal-size is 1.0 MiB, expected 16 MiB or more`},
		{[]string{"--sync=1s"}, `--sync and --damaged need --journal with a folder`},
		{[]string{"--sync=2s", "--journal=./j"}, `--sync must be one of "always","1s","never" but got "2s"`},
		{[]string{"--journal=./j", "--journal-ca=x"}, `need --journal with NATS servers`},
		{[]string{"journal"}, `expected one of "check", "cat"`},
		{[]string{"--nonsense"}, `unknown flag --nonsense`},
		{[]string{"nats://me:sesame@host:4222"}, `got "…@host:4222", expected a port from 0 to 65535`},
		{[]string{"5000", "nats://me:ses/ame@host:4222"}, `unexpected argument …@host:4222`},
		{[]string{"journal", "copy", "./j", "sesame@host"}, `expected NATS servers such as nats://a:4222,b:4222`},
		{[]string{"journal", "copy", "./j", "nats://a", "sesame@host"}, `unexpected argument …@host`},
	} {
		cmd := command(t, c.args...)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, 2, cmd.ProcessState.ExitCode(), "%v: %s", c.args, out)
		require.Contains(t, string(out), c.text, "%v", c.args)
		for _, secret := range []string{"sesame", "ses/ame"} {
			require.NotContains(t, string(out), secret, "%v", c.args)
		}
	}
	out, err := command(t, "--help").CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(out), "server healthcheck [HOST:PORT]")
}

// Kubernetes sets PUBSUB_PORT=tcp://... where a service is called pubsub: whoever gives the value
// as an argument is not concerned, and everybody else is told.
func TestArgumentsWinOverVariables(t *testing.T) {
	t.Setenv("PUBSUB_PORT", "tcp://10.96.0.7:5000")
	t.Setenv("PUBSUB_STALL_TIMEOUT", "30")
	s := start(t, "--stall-timeout=30s")
	require.Zero(t, s.stop(syscall.SIGTERM))

	cmd := command(t, "--stall-timeout=30s")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, 2, cmd.ProcessState.ExitCode())
	require.Contains(t, string(out), `got "tcp://10.96.0.7:5000", expected a port from 0 to 65535. `+
		`Kubernetes sets PUBSUB_PORT to such an address where a service is called pubsub: give the port as an argument`)
	t.Setenv("PUBSUB_PORT", "nats://me:sesame@host")
	out, err = command(t, "--stall-timeout=30s").CombinedOutput()
	require.Error(t, err)
	require.NotContains(t, string(out), "sesame")
	out, err = command(t, "0").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), `--stall-timeout: got "30", expected a duration such as 500ms, 30s or 1m30s (from envar PUBSUB_STALL_TIMEOUT="30")`)
}

func TestHostInBrackets(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6:", err)
	} else {
		l.Close()
	}
	s := start(t, "--host=[::1]")
	require.Regexp(t, `^\[::1\]:\d+$`, s.addr)
}
