package main

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMemoryLimit(t *testing.T) {
	s := &serve{History: 64 << 20}
	require.EqualValues(t, 120<<20, s.memoryLimit(0, 0), "1.5 times the history, and 24 of 32 MiB")
	require.EqualValues(t, 120<<20+128<<10, s.memoryLimit(1, 0))
	require.EqualValues(t, 120<<20+100*16<<10, s.memoryLimit(0, 100))
	s.TLSCert = "cert.pem"
	require.EqualValues(t, 120<<20+100*64<<10, s.memoryLimit(0, 100))
}

// The limit grows and falls with the clients, and is left alone where somebody has chosen one.
func TestKeepMemory(t *testing.T) {
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	before := limit()
	defer debug.SetMemoryLimit(before)
	for name, chosen := range map[string]string{"of its own": "", "chosen": "100MiB"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", chosen)
			debug.SetMemoryLimit(math.MaxInt64)
			synctest.Test(t, func(t *testing.T) {
				s := &serve{History: 1 << 20}
				var publishers atomic.Int64
				ctx, stop := context.WithCancel(t.Context())
				go s.keepMemory(ctx, func() (int, int) { return int(publishers.Load()), 0 })
				for _, n := range []int{0, 1000, 10} {
					publishers.Store(int64(n))
					time.Sleep(1500 * time.Millisecond)
					if chosen != "" {
						require.EqualValues(t, math.MaxInt64, limit())
						continue
					}
					require.GreaterOrEqual(t, limit(), s.memoryLimit(n, 0))
					require.LessOrEqual(t, limit(), s.memoryLimit(n, 0)+memoryStep)
				}
				stop()
				synctest.Wait()
			})
		})
	}
}

// What a crowd leaves behind is collected once, when nobody comes or goes any more; a few are no crowd.
func TestKeepMemoryTidies(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB")
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	synctest.Test(t, func(t *testing.T) {
		s := &serve{History: 1 << 20}
		var clients atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		go s.keepMemory(ctx, func() (int, int) { return 1, int(clients.Load()) })
		time.Sleep(500 * time.Millisecond)
		before := collections()
		for _, step := range []struct {
			clients int64
			seconds time.Duration
			want    uint32
		}{{crowd / 2, 5, 0}, {crowd, 1, 0}, {2 * crowd, 1, 0}, {3 * crowd, 5, 1}, {3*crowd + 5, 5, 1}, {0, 1, 1}, {0, 5, 2}} {
			clients.Store(step.clients)
			time.Sleep(step.seconds * time.Second)
			require.Equal(t, step.want, collections()-before, step)
		}
		stop()
		synctest.Wait()
	})
}
