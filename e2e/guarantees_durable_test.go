package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/topology"
)

const durableFile = "compose.durable.yaml"

// The broker, with its journal on a volume, is killed while lines flow, and again in the middle of
// its start. Publishers and subscribers go on by themselves, and end well: nobody has lost anything.
func TestGuaranteeDurableBrokerKilled(t *testing.T) {
	t.Parallel()
	d := throw(t)
	topo, err := topology.Load(composeFile, durableFile)
	require.NoError(t, err)
	crowd(topo, 2, 1, 2)
	d.scripts(topo, 8000, 40, 1000)
	for _, sub := range topo.WithRole(topology.Subscriber) {
		sub.SetFlag("format", "tsv")
	}
	s := openWith(t, engine, topo, topology.Options{Restarts: true})
	s.start()
	server := s.Node("server")
	for i := range 3 {
		s.reach("subscriber-1", 4000*i+d.between(100, 4000))
		s.must(server.Kill)
		s.must(server.Restart)
		time.Sleep(time.Duration(d.between(0, 200)) * time.Millisecond)
		s.must(server.Kill)
		s.must(server.Restart)
	}
	s.wait("publisher-1", "publisher-2", "subscriber-1", "subscriber-2")
	s.check(16_000)
}
