package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/topology"
)

// A publisher that fails keeps nobody waiting for ever, by nothing but what the Compose files say: no lab watches here.
func TestPublisherFailsAndNobodyWatches(t *testing.T) {
	t.Parallel()
	for _, file := range []string{composeFile, clusterFile} {
		topo, err := topology.Load(file)
		require.NoError(t, err)
		for _, sub := range topo.WithRole(topology.Subscriber) {
			text, _ := sub.Flag("publisher-timeout")
			timeout, err := time.ParseDuration(text)
			require.NoError(t, err, "%s of %s", sub.Name, file)
			require.LessOrEqual(t, timeout, 30*time.Second, "%s of %s", sub.Name, file)
			require.Positive(t, timeout, "%s of %s", sub.Name, file)
		}
	}
	topo := load(t)
	s := open(t, topo)
	topo.Spec("publisher-1").SetFlag("rate", "0")
	topo.Spec("publisher-2").SetFlag("rate", "-1")
	for _, sub := range topo.WithRole(topology.Subscriber) {
		sub.SetFlag("publisher-timeout", "2s") // so that this does not take as long as a person waits
	}
	s.start()
	for _, name := range names(topo, topology.Subscriber) {
		s.fails(name)
		require.Contains(t, s.said(name), "no publisher has been online for 2s")
	}
	s.wait("server") // which nobody needs any more
}
