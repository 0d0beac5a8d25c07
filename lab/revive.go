package main

import (
	"fmt"
	"time"

	"pubsublab/lab/topology"
)

const (
	reviveTime = 2 * time.Second // before a broker that was killed is started again: long enough to see that it is gone
	reviveMost = 5               // times that one is: who cannot live is not started for ever
)

// reviveKilled starts the broker of e again in a while, where this demo does that and the broker
// did not end by itself. Whoever starts it sooner, with docker start for example, is welcome.
func (w *watch) reviveKilled(n *topology.Node, e *ended) {
	if !w.revive || w.stopping || e.spec.Role != topology.Broker || e.end.Code == 0 || w.times(e.spec) > reviveMost {
		return
	}
	w.tell(e.spec.Name, warn, fmt.Sprintf("is started again in %s, on the volume that it left", seconds(reviveTime)))
	go func() {
		select {
		case <-time.After(reviveTime):
		case <-n.Back():
			return
		case <-w.life.Done():
			return
		}
		if err := n.Restart(w.life); err != nil && w.life.Err() == nil {
			w.tell(e.spec.Name, bad, err.Error()) // the demo ends, because no broker is left
		}
	}()
}

// times is how often a node has ended.
func (w *watch) times(s *topology.Spec) (n int) {
	for _, e := range w.ends {
		if e.spec == s {
			n++
		}
	}
	return n
}
