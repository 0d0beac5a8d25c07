package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/protocol"
)

// From one disk to a stream: who subscribes and publishes goes on as if the broker had only been
// slow.
func TestCopyToAStream(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	require.Contains(t, output(t, 1, "journal", "copy", dir, "nats://127.0.0.1:1"), "no such file or directory")
	s := start(t, "--journal", dir, small)
	id := regexpFind(t, `journal=(\w+)`, s.seen)
	s.publish("ada", "one", "two")
	s.publish("bob", "three")
	natsd := startNATS(t, natsserver.RANDOM_PORT, t.TempDir())
	require.Contains(t, output(t, 1, "journal", "copy", dir, natsd.ClientURL()), "is in use by another broker")
	require.Zero(t, s.stop(os.Interrupt))

	require.Contains(t, output(t, 2, "journal", "copy", dir, "a:4222"), "expected NATS servers such as nats://a:4222,b:4222")
	require.Contains(t, output(t, 0, "journal", "copy", dir, natsd.ClientURL()), "copying journal "+id+", 3 messages from position 1 on\n")
	require.Contains(t, output(t, 1, "journal", "copy", dir, natsd.ClientURL()), "the stream pubsublab is there already")

	s = start(t, "--journal", natsd.ClientURL())
	require.Equal(t, id, regexpFind(t, `journal=(\w+)`, s.seen))
	s.publish("ada", "four")
	require.Regexp(t, `\n3\t[^\t]+\tbob\t\tthree\n#left\t`, s.receive("SUBSCRIBER from=3 format=tsv", 4), "with its events")
	require.Equal(t, "[FROM ada] : one\n[FROM ada] : two\n[FROM bob] : three\n[FROM ada] : four\n", s.receive("SUBSCRIBER from=first", 4))
	require.Zero(t, s.stop(os.Interrupt))
}

// A copy that is killed in the middle goes on where it was, and nothing is missing or doubled.
func TestCopyIsKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	s := start(t, "--journal", dir, "--journal-size=256MiB")
	lines := make([]string, 600)
	for i := range lines {
		lines[i] = fmt.Sprint(i, strings.Repeat("x", protocol.MaxLine-10))
	}
	s.publish("ada", lines...)
	require.Zero(t, s.stop(os.Interrupt))
	natsd := startNATS(t, natsserver.RANDOM_PORT, t.TempDir())
	nc, err := nats.Connect(natsd.ClientURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)

	for killed := false; !killed; {
		copying := command(t, "journal", "copy", dir, natsd.ClientURL())
		require.NoError(t, copying.Start())
		wait.Until(t, func() bool {
			stream, err := js.Stream(t.Context(), "pubsublab")
			return err == nil && stream.CachedInfo().State.Msgs > 20
		}, "something is copied")
		require.NoError(t, copying.Process.Kill())
		copying.Wait()
		stream, err := js.Stream(t.Context(), "pubsublab")
		require.NoError(t, err)
		if _, killed = stream.CachedInfo().Config.Metadata["pubsublab-copy"]; !killed { // it was too fast
			require.NoError(t, js.DeleteStream(t.Context(), "pubsublab"))
		}
	}
	require.Contains(t, output(t, 1, "--host", "127.0.0.1", "--journal", natsd.ClientURL(), "0"), "the stream pubsublab is not complete")
	require.Contains(t, output(t, 0, "journal", "copy", dir, natsd.ClientURL()), "going on with a copy that was broken off")

	s = start(t, "--journal", natsd.ClientURL())
	wait.Until(t, func() bool { return command(t, "healthcheck", s.addr).Run() == nil }, "it has read the stream")
	_, in := s.register("SUBSCRIBER from=first format=tsv")
	for i, line := range lines {
		text, err := in.ReadString('\n')
		require.NoError(t, err)
		for strings.HasPrefix(text, "#") {
			text, err = in.ReadString('\n')
			require.NoError(t, err)
		}
		fields := strings.SplitN(text, "\t", 5)
		require.Equal(t, fmt.Sprint(i+1), fields[0], "P12")
		require.Equal(t, line+"\n", fields[4], "P10")
	}
	require.Zero(t, s.stop(os.Interrupt))
}
