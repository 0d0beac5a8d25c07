package main

import (
	"os"
	"path/filepath"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
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
