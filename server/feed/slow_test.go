package feed

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// openCounted opens a cursor that may be cut off, and counts how often it was.
func (b *bench) openCounted(filter string, from protocol.From) (c *Cursor, cuts *atomic.Int32) {
	b.t.Helper()
	cuts = new(atomic.Int32)
	return b.openCut(filter, protocol.Plain, from, func() { cuts.Add(1) }), cuts
}

// press starts an Append that has to wait for room.
func (b *bench) press() (done chan error) {
	done = make(chan error, 1)
	go func() { done <- b.j.Append(context.Background(), lines("ada: more"), func(error) {}) }()
	synctest.Wait()
	return done
}

// fill leaves no room; there is a cursor that does not move.
func (b *bench) fill() {
	for b.try(eighth()) == nil {
	}
	for b.try(lines("ada: more")) == nil {
	}
}

func TestP16TheSlowOneIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, journal.MinHistory, Config{CutSlow: true})
		slow, cuts := b.openCounted("", protocol.From{})
		behind, behindCuts := b.openCounted("", protocol.From{})
		b.fill()
		data, err := slow.Next()
		require.NoError(t, err)
		_, err = behind.Next()
		require.NoError(t, err)
		behind.Advance(len(data))
		require.NoError(t, behind.move())
		synctest.Wait()
		require.Zero(t, cuts.Load(), "P16: nobody waits yet")

		done := b.press()
		require.Zero(t, cuts.Load(), "P16: it may be in full flight")
		time.Sleep(3 * slowAfter)
		require.EqualValues(t, 1, cuts.Load(), "P16: publishers wait for it, and it passes nothing")
		require.Zero(t, behindCuts.Load(), "only those who are in the way")
		_, err = slow.Next()
		require.ErrorIs(t, err, ErrSlow)
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, cuts.Load(), "once")
		require.Empty(t, done)
		require.Zero(t, slow.Close())
		require.NoError(t, <-done)
		behind.Close()
	})
}

func TestP16NobodyIsCutOffByDefault(t *testing.T) {
	for name, cfg := range map[string]Config{"block": {}, "no way to cut": {CutSlow: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, journal.MinHistory, cfg)
				slow, cuts := b.openCounted("", protocol.From{})
				if cfg.CutSlow {
					slow.cut = nil
				}
				b.fill()
				data, err := slow.Next()
				require.NoError(t, err)
				done := b.press()
				time.Sleep(time.Hour)
				require.Empty(t, done, "P16: publishers wait")
				require.Zero(t, cuts.Load())
				slow.Advance(len(data))
				_, err = slow.Next()
				require.NoError(t, err)
				require.NoError(t, <-done, "P16: until there is room")
				slow.Close()
			})
		})
	}
}

func TestP16TheParkedMoveOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, journal.MinHistory, Config{CutSlow: true})
		idle, cuts := b.openCounted("none", protocol.From{})
		k := b.take(idle)
		require.True(t, b.parked(idle))
		b.fill()
		require.True(t, b.parked(idle), "it is woken for nothing that it does not want")
		for range 100 {
			require.NoError(t, b.j.Append(context.Background(), eighth(), func(error) {}))
		}
		require.Zero(t, cuts.Load(), "P16: its client is not slow")
		require.True(t, b.parked(idle))
		b.j.Close(context.Background())
		require.Empty(t, k.taken())
		require.Zero(t, idle.Close())
	})
}

// A cursor that was excused, and then keeps what it was given, is cut off.
func TestP16ExcusedOnlyWhileThereIsNothingToSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, journal.MinHistory, Config{CutSlow: true})
		slow, cuts := b.openCounted("", protocol.FromFirst())
		b.fill()
		done := b.press()
		require.Zero(t, cuts.Load(), "P16: it has not been given anything")
		_, err := slow.Next()
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, cuts.Load(), "P16: now it has")
		slow.Close()
		require.NoError(t, <-done)

		for range 9 {
			b.add(eighth())
		}
		slow, cuts = b.openCounted("", protocol.FromPosition(1))
		b.fill()
		done = b.press()
		data, err := slow.Next()
		require.NoError(t, err)
		require.Regexp(t, `^\[GAP \d+\]\n$`, string(data))
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, cuts.Load(), "P16: a gap is something to send")
		slow.Close()
		require.NoError(t, <-done)
	})
}

// Subscribers of something rare are far behind in the order at any time, and
// never because of their clients: publishers in full flight must not cut them off.
func TestP16TheIdleAreNeverCutOff(t *testing.T) {
	b := newBench(t, journal.MinHistory, Config{CutSlow: true})
	var wg sync.WaitGroup
	var cuts []*atomic.Int32
	for i := range 20 {
		c, cut := b.openCounted(fmt.Sprint("rare.", i), protocol.From{})
		cuts = append(cuts, cut)
		wg.Go(func() {
			for {
				data, err := b.next(c)
				if err != nil {
					assert.EqualValues(t, 1, c.Close())
					return
				}
				c.Advance(len(data))
			}
		})
	}
	long := strings.Repeat("x", 1000)
	e := lines("ada#often: " + strings.Join([]string{long, long, long, long}, " "))
	for n := range 2000 {
		require.NoError(t, b.j.Append(context.Background(), e, func(error) {}))
		if n%100 == 99 {
			rare := lines(fmt.Sprintf("ada#rare.%d: now", n/100))
			require.NoError(t, b.j.Append(context.Background(), rare, func(error) {}))
		}
	}
	b.j.Close(context.Background())
	wg.Wait()
	for i, cut := range cuts {
		assert.Zero(t, cut.Load(), "P16: %d was cut off", i)
	}
}
