package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/ports"
	"pubsublab/e2e/wait"
)

func startNATS(t *testing.T, port int, dir string) *natsserver.Server {
	natsd, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
	})
	require.NoError(t, err)
	natsd.Start()
	t.Cleanup(natsd.Shutdown)
	require.True(t, natsd.ReadyForConnections(24*time.Hour))
	return natsd
}

// A server without its stream is not healthy, and is again when that is back.
func TestHealthWithoutTheStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	natsPort := ports.Free(t)
	natsd := startNATS(t, natsPort, dir)
	s := start(t, "--journal", natsd.ClientURL())
	require.NoError(t, command(t, "healthcheck", s.addr).Run())
	natsd.Shutdown()
	natsd.WaitForShutdown()
	s.logged(`level=WARN msg="lost the connection to NATS, publishers wait"`)
	out, err := command(t, "healthcheck", s.addr).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), s.addr+" says: unhealthy: no connection to NATS")
	startNATS(t, natsPort, dir)
	s.logged(`level=INFO msg="connected to NATS again"`)
	require.NoError(t, command(t, "healthcheck", s.addr).Run())
	require.Zero(t, s.stop(os.Interrupt))
}

// A server that starts while NATS is away listens, says that it waits, and lets clients in when
// NATS comes.
func TestStartBeforeNATS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	natsPort := ports.Free(t)
	natsd := startNATS(t, natsPort, dir)
	natsd.Shutdown()
	natsd.WaitForShutdown()
	s := start(t, "--journal", fmt.Sprintf("nats://sesame@127.0.0.1:%d", natsPort))
	require.Contains(t, strings.Join(s.seen, "\n"),
		fmt.Sprintf(`level=WARN msg="cannot use the stream yet, trying again" stream=pubsublab servers=127.0.0.1:%d`, natsPort))
	out, err := command(t, "healthcheck", s.addr).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), s.addr+" says: unhealthy: waiting for its stream: nats: no servers available for connection")
	require.NotContains(t, string(out), "sesame")
	early, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer early.Close()
	require.NoError(t, early.SetDeadline(wait.Deadline(t)))
	fmt.Fprintln(early, "PUBLISHER name=ada run=r ack=yes")
	s.logged(`msg="publisher added"`)
	startNATS(t, natsPort, dir)
	s.logged(`msg="using the stream"`)
	line, err := bufio.NewReader(early).ReadString('\n')
	require.NoError(t, err)
	require.Regexp(t, `registered as PUBLISHER name=ada .*next=1 journal=\w+`, line)
	require.NoError(t, command(t, "healthcheck", s.addr).Run())
	require.Zero(t, s.stop(os.Interrupt))
	require.NotContains(t, strings.Join(s.seen, "\n"), "sesame")
}

// One that is stopped before NATS comes stops at once, as one without clients does.
func TestStopBeforeNATS(t *testing.T) {
	t.Parallel()
	natsd := startNATS(t, natsserver.RANDOM_PORT, t.TempDir())
	natsd.Shutdown()
	natsd.WaitForShutdown()
	s := start(t, "--journal", natsd.ClientURL())
	require.Zero(t, s.stop(os.Interrupt))
}

// What would never work is refused at the start, and nothing secret is repeated.
func TestJournalRefused(t *testing.T) {
	t.Parallel()
	natsd, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
		Users: []*natsserver.User{{Username: "broker", Password: "sesame", Permissions: &natsserver.Permissions{
			Publish: &natsserver.SubjectPermission{Deny: []string{"$O.>"}},
		}}},
	})
	require.NoError(t, err)
	natsd.Start()
	t.Cleanup(natsd.Shutdown)
	require.True(t, natsd.ReadyForConnections(24*time.Hour))
	host := strings.TrimPrefix(natsd.ClientURL(), "nats://")
	seed := filepath.Join(t.TempDir(), "seed")
	require.NoError(t, os.WriteFile(seed, []byte("sesame"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--journal=nats://broker:sesame@" + host}, 1, `the NATS user may not publish to "$O.pubsublab-checkpoints.`},
		{[]string{"--journal=nats://broker:open-sesame@" + host}, 1, "--journal: NATS does not let the broker in"},
		{[]string{"--journal=nats://broker:ses/ame@" + host}, 1, "--journal: of the NATS servers, number 1 of 1 cannot be understood"},
		{[]string{"--journal=sesame@" + host}, 2, "--journal is something else than expected"},
		{[]string{"--journal=" + natsd.ClientURL(), "--journal-nkey=" + seed}, 1, "no nkey seed of a NATS user in " + seed},
		{[]string{"--journal=" + natsd.ClientURL(), "--journal-creds=" + seed}, 1, "no credentials of a NATS user in " + seed},
		{[]string{"--journal=" + natsd.ClientURL(), "--journal-ca=" + seed}, 1, "no certificates (PEM) of NATS's authorities in " + seed},
		{[]string{"--journal=" + natsd.ClientURL(), "--journal-cert=" + seed, "--journal-key=" + seed}, 1, "no certificate and key (PEM) for NATS in " + seed},
		{[]string{"--journal=" + natsd.ClientURL(), "--journal-cert=" + seed}, 2, "--journal-cert and --journal-key go together"},
		{[]string{"--journal=" + natsd.ClientURL(), "--journal-creds=a", "--journal-nkey=b"}, 2, "--journal-creds and --journal-nkey are two ways to be a NATS user"},
		{[]string{"--journal-ca=" + seed}, 2, "need --journal with NATS servers"},
	} {
		cmd := command(t, append(c.args, "0")...)
		out, _ := cmd.CombinedOutput()
		require.Equal(t, c.code, cmd.ProcessState.ExitCode(), "%v: %s", c.args, out)
		require.Contains(t, string(out), c.want)
		for _, secret := range []string{"sesame", "ses/ame"} {
			require.NotContains(t, string(out), secret)
		}
	}
}

// A server keeps its order on a stream, stops as always, and ends with 1 when the stream is gone.
func TestJournalOnAStream(t *testing.T) {
	t.Parallel()
	natsd := startNATS(t, natsserver.RANDOM_PORT, t.TempDir())
	s := start(t, "--echo", "--journal", natsd.ClientURL(), "--stream=lines")
	fmt.Fprintln(s.join("PUBLISHER name=ada"), "hello there")
	s.logged(`msg=published from=ada line="hello there"`)
	require.Zero(t, s.stop(os.Interrupt))

	nc, err := nats.Connect(natsd.ClientURL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), "lines")
	require.NoError(t, err)
	require.EqualValues(t, 1, stream.CachedInfo().Config.Replicas)

	s = start(t, "--journal", natsd.ClientURL(), "--stream=lines")
	require.NoError(t, js.DeleteStream(t.Context(), "lines"))
	s.logged(`level=ERROR msg="cannot go on with the journal" error="the stream lines is gone"`)
	s.cmd.Wait()
	require.Equal(t, 1, s.cmd.ProcessState.ExitCode())
}
