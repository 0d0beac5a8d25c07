package e2e

import (
	"testing"
	"time"

	"pubsublab/lab/topology"
)

// The network of the clients is cut while lines flow, and comes back before
// anyone has noticed: where the addresses are the same, on the same connections.
func TestGuaranteeNetworkOfClientsCut(t *testing.T) {
	t.Parallel()
	networksOnly(t)
	s, d := cutting(t)
	nodes := []string{"subscriber-2", "publisher-2"}
	for _, node := range nodes {
		s.more("subscriber-1", d.between(1, 500), cutLines)
		s.must(s.Node(node).Disconnect)
	}
	time.Sleep(time.Duration(d.between(1, 1000)) * time.Millisecond)
	for _, node := range nodes {
		s.must(s.Node(node).Reconnect)
	}
	s.finish()
}

// The network of the clients is cut until they and the broker have given the
// connections up, each by itself: nobody told them. Once it is back they make
// new ones, and nothing is lost or doubled.
func TestGuaranteeNetworkOfClientsGone(t *testing.T) {
	t.Parallel()
	networksOnly(t)
	s, d := cutting(t)
	nodes := []string{"subscriber-2", "publisher-2"}
	began := time.Now()
	for _, node := range nodes {
		s.more("subscriber-1", d.between(1, 500), cutLines)
		s.must(s.Node(node).Disconnect)
	}
	for _, node := range nodes {
		s.hear(node, "connection lost")
		t.Logf("%s noticed after at most %v", node, time.Since(began).Round(time.Second))
	}
	s.cutOff("subscriber-2", "stalled", "reset")
	for _, node := range nodes {
		s.must(s.Node(node).Reconnect)
	}
	s.finish()
}

// The network of the broker is cut while lines flow, and comes back.
func TestGuaranteeNetworkOfBrokerCut(t *testing.T) {
	t.Parallel()
	networksOnly(t)
	s, d := cutting(t)
	s.more("subscriber-1", d.between(1, 1000), cutLines)
	s.must(s.Node("server").Disconnect)
	time.Sleep(time.Duration(d.between(1, 1500)) * time.Millisecond)
	s.must(s.Node("server").Reconnect)
	s.finish()
}

// cutLines is how many lines both publishers have.
const cutLines = 10_000

// cutting is a topology in which lines flow.
func cutting(t *testing.T) (*testbed, dice) {
	d := throw(t)
	topo := load(t)
	crowd(topo, 2, 1, 2)
	d.scripts(topo, cutLines/2, 40, 1000)
	for _, sub := range topo.WithRole(topology.Subscriber) {
		sub.SetFlag("name", sub.Name)
	}
	for _, spec := range topo.Specs {
		if spec.Role != topology.Broker {
			spec.SetFlag("retry", "1m")
		}
	}
	s := open(t, topo)
	s.start()
	return s, d
}

// finish waits for the end of all clients, and judges.
func (s *testbed) finish() {
	s.t.Helper()
	began := time.Now()
	s.wait("publisher-1", "publisher-2", "subscriber-1", "subscriber-2")
	s.t.Logf("all was delivered %v after the network was back", time.Since(began).Round(time.Second))
	s.check(cutLines)
}
