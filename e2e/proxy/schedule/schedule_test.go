package schedule

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
)

// Every acknowledged line arrives at every subscriber exactly once and in
// order, whatever happens to the connections (P9, P10, P12, P15).
func TestSchedules(t *testing.T) {
	first, last, err := Seeds(250)
	require.NoError(t, err)
	var next atomic.Uint64
	next.Store(first)
	var sum Result
	lines := 0
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range 32 { // they mostly wait
		workers.Go(func() {
			for seed := next.Add(1) - 1; seed <= last; seed = next.Add(1) - 1 {
				t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
					result, report := run(t, seed)
					mu.Lock()
					defer mu.Unlock()
					sum.Conns += result.Conns
					sum.Resets += result.Resets
					sum.HalfCloses += result.HalfCloses
					sum.Gaps += result.Gaps
					lines += report.Lines
				})
			}
		})
	}
	workers.Wait()
	t.Logf("%d schedules, %d lines: %d connections, %d reset, %d half-closed, %d messages missed and told so",
		last-first+1, lines, sum.Conns, sum.Resets, sum.HalfCloses, sum.Gaps)
}

func run(t *testing.T, seed uint64) (Result, history.Report) {
	s := New(seed, 0)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	result, err := s.Run(ctx, serveHistory(t, nil, cmp.Or(s.History, 64<<20)))
	report := history.Check(result.History)
	if err != nil || !report.OK() {
		t.Errorf("again with PUBSUBLAB_SEEDS=%d:\n%v\n%s\n%s", seed, err, report, s)
	}
	return result, report
}
