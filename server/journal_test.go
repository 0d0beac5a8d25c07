package main

import (
	"fmt"
	"os"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A server keeps its order on a stream, stops as always, and ends with 1 when
// the stream is gone.
func TestJournalOnAStream(t *testing.T) {
	natsd, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
	})
	require.NoError(t, err)
	natsd.Start()
	defer natsd.Shutdown()
	require.True(t, natsd.ReadyForConnections(patience))

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
