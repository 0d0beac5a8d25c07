package brokers

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// Three publishers and three subscribers, at three brokers, while something
// happens: every acknowledged line arrives once, in one order, with the same
// positions, whoever was connected to whom (P9, P10, P14, P15).
func TestFaults(t *testing.T) {
	for name, fault := range map[string]func(s *site, i int){
		"none": func(*site, int) {},
		"brokers stopped": func(s *site, i int) {
			s.stop(i%3, forEver)
			s.start(i % 3)
		},
		"brokers cut off": func(s *site, i int) {
			s.stop(i%3, 0)
			s.start(i % 3)
		},
		"NATS restarted": func(s *site, _ int) {
			s.stopNATS()
			s.startNATS()
		},
		"broker cut off while NATS is away": func(s *site, i int) {
			s.stopNATS()
			s.stop(i%3, 0)
			s.startNATS()
			s.start(i % 3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 3)
			s.populate()
			for i := range 3 {
				s.waitForLines(pace)
				fault(s, i)
				s.subscribe(fmt.Sprint("late", i))
			}
			s.waitForLines(pace)
			s.Judge()
		})
	}
}

// populate starts publishers, and as many subscribers.
func (s *site) populate() {
	for i := range publishers {
		s.subscribe(fmt.Sprint("s", i))
		s.Publish(fmt.Sprint("p", i), 500)
	}
}

// waitForLines waits until some broker has so many lines more.
func (s *site) waitForLines(n uint64) {
	s.t.Helper()
	until := n
	for _, m := range s.brokers {
		until = max(until, m.journal.Next()+n)
	}
	wait.Until(s.t, func() bool {
		for _, m := range s.brokers {
			if m.journal.Next() > until {
				return true
			}
		}
		return false
	}, "%d lines are in the journal", until)
}

// What happens, and when, is drawn; PUBSUBLAB_SEED repeats it.
func TestDrawnFaults(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("PUBSUBLAB_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("PUBSUBLAB_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newSite(t, 3)
	s.populate()
	for range 8 {
		s.waitForLines(rng.Uint64N(pace))
		switch i := rng.IntN(3); rng.IntN(4) {
		case 0:
			s.stopNATS()
			s.startNATS()
		case 1:
			s.stop(i, forEver)
			s.start(i)
		case 2:
			s.stop(i, 0)
			s.start(i)
		case 3: // one goes on alone
			s.stop(i, 0)
			s.stop((i+1)%3, 0)
			s.start(i)
			s.start((i + 1) % 3)
		}
	}
	s.Judge()
}
