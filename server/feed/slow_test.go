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
	"pubsublab/server/journal/journaltest"
)

// openCounted opens a cursor that may be cut off, and counts how often it was.
func (b *rig) openCounted(filter string, from protocol.From) (c *Cursor, cuts *atomic.Int32) {
	b.t.Helper()
	cuts = new(atomic.Int32)
	return b.openCut(filter, protocol.Plain, from, func() { cuts.Add(1) }), cuts
}

// fill leaves no room; there is a cursor that does not move.
func (b *rig) fill() {
	for b.j.Try(journaltest.Bulk(journaltest.Eighth)) == nil {
	}
	for b.j.Try(journaltest.Lines("ada: more")) == nil {
	}
}

func TestP16TheSlowOneIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRig(t, journal.MinHistory, Config{CutSlow: true})
		slow, cuts := b.openCounted("", protocol.From{})
		behind, behindCuts := b.openCounted("", protocol.From{})
		b.fill()
		data, err := next(slow)
		require.NoError(t, err)
		_, err = next(behind)
		require.NoError(t, err)
		behind.Advance(len(data))
		require.NoError(t, behind.move())
		synctest.Wait()
		require.Zero(t, cuts.Load(), "P16: nobody waits yet")

		done := b.j.Begin(journaltest.Lines("ada: more"))
		require.Zero(t, cuts.Load(), "P16: it may be in full flight")
		time.Sleep(3 * slowAfter)
		require.EqualValues(t, 1, cuts.Load(), "P16: publishers wait for it, and it passes nothing")
		require.Zero(t, behindCuts.Load(), "only those who are in the way")
		_, err = next(slow)
		require.ErrorIs(t, err, ErrSlow)
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, cuts.Load(), "once")
		require.False(t, done.Returned())
		require.Zero(t, slow.Close())
		require.NoError(t, done.Err())
		behind.Close()
	})
}

func TestP16NobodyIsCutOffByDefault(t *testing.T) {
	for name, cfg := range map[string]Config{"block": {}, "no way to cut": {CutSlow: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newRig(t, journal.MinHistory, cfg)
				slow, cuts := b.openCounted("", protocol.From{})
				if cfg.CutSlow {
					slow.cut = nil
				}
				b.fill()
				data, err := next(slow)
				require.NoError(t, err)
				done := b.j.Begin(journaltest.Lines("ada: more"))
				time.Sleep(time.Hour)
				require.False(t, done.Returned(), "P16: publishers wait")
				require.Zero(t, cuts.Load())
				slow.Advance(len(data))
				_, err = next(slow)
				require.NoError(t, err)
				require.NoError(t, done.Err(), "P16: until there is room")
				slow.Close()
			})
		})
	}
}

// Who waits for something rare holds nobody up, and needs not walk through the history that goes
// by.
func TestP16TheParkedHoldNoHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRig(t, journal.MinHistory, Config{CutSlow: true})
		idle, cuts := b.openCounted("rare", protocol.From{})
		k := b.take(idle)
		require.True(t, b.parked(idle))
		for n := range 3 {
			rendered := b.rendered(idle)
			for range 100 {
				require.NoError(t, b.j.Try(journaltest.Bulk(journaltest.Eighth)), "P16: there is room at any time")
				require.True(t, b.parked(idle))
			}
			require.Equal(t, rendered, b.rendered(idle), "nothing was looked at for it")
			rare := journaltest.Lines(fmt.Sprint("ada#rare: ", n))
			require.NoError(t, b.j.Try(rare))
			require.Equal(t, fmt.Sprintf("[FROM ada #rare] : %d\n", n), k.taken(), "P10: and it misses nothing")
			require.True(t, b.parked(idle))
		}
		require.Zero(t, cuts.Load(), "P16: its client is not slow")
		b.j.Close()
		require.Empty(t, k.taken())
		require.EqualValues(t, 3, idle.Close())
	})
}

// A cursor that was excused, and then keeps what it was given, is cut off.
func TestP16ExcusedOnlyWhileThereIsNothingToSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRig(t, journal.MinHistory, Config{CutSlow: true})
		slow, cuts := b.openCounted("", protocol.FromFirst())
		b.fill()
		done := b.j.Begin(journaltest.Lines("ada: more"))
		require.Zero(t, cuts.Load(), "P16: it has not been given anything")
		_, err := next(slow)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, cuts.Load(), "P16: now it has")
		slow.Close()
		require.NoError(t, done.Err())

		for range 9 {
			b.j.Add(journaltest.Bulk(journaltest.Eighth))
		}
		slow, cuts = b.openCounted("", protocol.FromPosition(1))
		b.fill()
		done = b.j.Begin(journaltest.Lines("ada: more"))
		data, err := next(slow)
		require.NoError(t, err)
		require.Regexp(t, `^\[GAP \d+\]\n$`, string(data))
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, cuts.Load(), "P16: a gap is something to send")
		slow.Close()
		require.NoError(t, done.Err())
	})
}

// Subscribers of something rare are far behind in the order at any time, and never because of their
// clients: publishers in full flight must not cut them off.
func TestP16TheIdleAreNeverCutOff(t *testing.T) {
	b := newRig(t, journal.MinHistory, Config{CutSlow: true})
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
	e := journaltest.Lines("ada#often: " + strings.Join([]string{long, long, long, long}, " "))
	for n := range 2000 {
		require.NoError(t, b.j.Append(context.Background(), e, func(error) {}))
		if n%100 == 99 {
			rare := journaltest.Lines(fmt.Sprintf("ada#rare.%d: now", n/100))
			require.NoError(t, b.j.Append(context.Background(), rare, func(error) {}))
		}
	}
	b.j.Close()
	wg.Wait()
	for i, cut := range cuts {
		assert.Zero(t, cut.Load(), "P16: %d was cut off", i)
	}
}
