package schedule

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every acknowledged line arrives at every subscriber exactly once and in
// order, whatever happens to the connections (P9, P10, P12, P15): with TLS and
// without, where slow subscribers are cut off (P16), and before and after the
// broker is restarted (P17). Who misses something is told so, in its place.
func TestSchedules(t *testing.T) {
	first, last, err := Seeds(250)
	require.NoError(t, err)
	var next atomic.Uint64
	next.Store(first)
	var sum Result
	var allLines, allCut, restarts int
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range 32 { // they mostly wait
		workers.Go(func() {
			for seed := next.Add(1) - 1; seed <= last; seed = next.Add(1) - 1 {
				t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
					result, lines, cut := run(t, seed)
					mu.Lock()
					defer mu.Unlock()
					sum.Conns += result.Conns
					sum.Resets += result.Resets
					sum.HalfCloses += result.HalfCloses
					sum.Stalls += result.Stalls
					sum.Gaps += result.Gaps
					sum.Again += result.Again
					restarts += len(result.Orders) - 1
					allLines += lines
					allCut += cut
				})
			}
		})
	}
	workers.Wait()
	if last-first+1 >= 250 {
		assert.Positive(t, sum.Stalls, "stalls")
		assert.Positive(t, allCut, "subscribers that were cut off")
		assert.Positive(t, restarts, "restarts")
	}
	t.Logf("%d schedules, %d lines: %d connections, %d reset, %d half-closed, %d stalled, %d cut off as slow, %d messages missed and told so, %d restarts, %d lines in both orders because their acks were lost",
		last-first+1, allLines, sum.Conns, sum.Resets, sum.HalfCloses, sum.Stalls, allCut, sum.Gaps, restarts, sum.Again)
}

func run(t *testing.T, seed uint64) (result Result, lines, cut int) {
	s := New(seed, 0)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h, slow := host(t, s.Broker)
	result, err := s.Run(ctx, h)
	lines, wrong := result.Check()
	if err != nil || wrong != nil {
		t.Errorf("again with PUBSUBLAB_SEEDS=%d:\n%v\n%v\n%s", seed, err, wrong, s)
	}
	return result, lines, slow()
}
