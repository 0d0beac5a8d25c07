package e2e

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/proxy/schedule"
)

// Drawn schedules, all at one broker of the topology: clients whose connections
// break at drawn bytes, come back and resume. Many more of them run against a
// broker in the tests' own process, in the package schedule.
func TestSchedules(t *testing.T) {
	t.Parallel()
	s := broker(t)
	n := uint64(16)
	if testing.Short() {
		n = 4
	}
	first, last, told, err := schedule.Seeds(n)
	require.NoError(t, err)
	t.Log(told)
	var next atomic.Uint64
	next.Store(first)
	var workers sync.WaitGroup
	for range 16 { // they mostly wait
		workers.Go(func() {
			for seed := next.Add(1) - 1; seed <= last; seed = next.Add(1) - 1 {
				drawn := schedule.New(seed, int64(last-first)*100_000)
				if _, _, err := drawn.Prove(s.ctx, schedule.Host{Addr: s.Addr()}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
}
