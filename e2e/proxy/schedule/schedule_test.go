package schedule

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// Every acknowledged line arrives at every subscriber exactly once and in
// order, whatever happens to the connections (P9, P10, P12, P15): with TLS and
// without, where slow subscribers are cut off (P16), and before and after the
// broker is restarted (P17). Who misses something is told so, in its place.
func TestSchedules(t *testing.T) {
	n := uint64(60)
	if testing.Short() {
		n = 25
	}
	first, last, told, err := Seeds(n)
	require.NoError(t, err)
	fmt.Println(told)
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
					sum.Unknown += result.Unknown
					restarts += len(result.Orders) - 1
					allLines += lines
					allCut += cut
				})
			}
		})
	}
	workers.Wait()
	if first == 1 && last >= 60 {
		assert.Positive(t, sum.Stalls, "stalls")
		assert.Positive(t, allCut, "subscribers that were cut off")
		assert.Positive(t, restarts, "restarts")
	}
	assert.LessOrEqual(t, 1000*sum.Unknown, allLines, "messages of which nobody knows which line they are")
	t.Logf("%d schedules, %d lines: %d connections, %d reset, %d half-closed, %d stalled, %d cut off as slow, %d messages missed and told so, %d restarts, %d lines in both orders because their acks were lost, %d messages that may be one of several equal lines",
		last-first+1, allLines, sum.Conns, sum.Resets, sum.HalfCloses, sum.Stalls, allCut, sum.Gaps, restarts, sum.Again, sum.Unknown)
}

func run(t *testing.T, seed uint64) (result Result, lines, cut int) {
	s := New(seed, 0)
	h, slow := host(t, s.Broker)
	result, lines, err := s.Prove(wait.Context(t), h)
	if err != nil {
		t.Error(err)
	}
	return result, lines, slow()
}

// When time runs out, lines are on their way, and not lost.
func TestLateIsNoVerdict(t *testing.T) {
	s := New(1, 0)
	h, _ := host(t, s.Broker)
	late, cancel := context.WithDeadlineCause(t.Context(), time.Unix(1, 0), wait.ErrLate)
	defer cancel()
	_, _, err := s.Prove(late, h)
	assert.EqualError(t, err, "again with PUBSUBLAB_SEEDS=1: not finished in time: go test's -timeout is near")
}
