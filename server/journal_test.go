package main

import (
	"fmt"
	"net"
	"os"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func startNATS(t *testing.T, port int, dir string) *natsserver.Server {
	natsd, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
	})
	require.NoError(t, err)
	natsd.Start()
	t.Cleanup(natsd.Shutdown)
	require.True(t, natsd.ReadyForConnections(patience))
	return natsd
}

// A server without its stream is not healthy, and is again when that is back.
func TestHealthWithoutTheStream(t *testing.T) {
	dir := t.TempDir()
	natsd := startNATS(t, natsserver.RANDOM_PORT, dir)
	port := natsd.Addr().(*net.TCPAddr).Port
	s := start(t, "--journal", natsd.ClientURL())
	require.NoError(t, command(t, "healthcheck", s.addr).Run())
	natsd.Shutdown()
	natsd.WaitForShutdown()
	s.logged(`level=WARN msg="lost the connection to NATS, publishers wait"`)
	out, err := command(t, "healthcheck", s.addr).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), s.addr+" says: unhealthy: no connection to NATS")
	startNATS(t, port, dir)
	s.logged(`level=INFO msg="connected to NATS again"`)
	require.NoError(t, command(t, "healthcheck", s.addr).Run())
	require.Zero(t, s.stop(os.Interrupt))
}

// A server keeps its order on a stream, stops as always, and ends with 1 when
// the stream is gone.
func TestJournalOnAStream(t *testing.T) {
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
