package feed

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestParkingAndWaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0, Config{})
		plain := take(b.open("", protocol.Plain, protocol.From{}))
		topic := take(b.open("news.*", protocol.Plain, protocol.From{}))
		events := take(b.open("none", protocol.TSV, protocol.From{}))
		want := func(p, n string, eventsBegin string) {
			t.Helper()
			require.Equal(t, p, plain.taken())
			require.Equal(t, n, topic.taken())
			got := events.taken()
			require.Equal(t, eventsBegin, got[:min(len(got), len(eventsBegin))])
			require.Equal(t, eventsBegin == "", got == "")
			for _, k := range []*taker{plain, topic, events} {
				require.True(t, b.parked(k.c), "and then nothing more")
			}
		}
		want("", "", "")
		b.add(lines("ada: one"))
		want("[FROM ada] : one\n", "", "")
		b.add(lines("ada#news.sea: two"))
		want("[FROM ada #news.sea] : two\n", "[FROM ada #news.sea] : two\n", "")
		b.add(joined("bob"))
		want("", "", "#joined\t")
		b.add(lines("ada#old: three"), joined("eve"), lines("ada: four"))
		want("[FROM ada #old] : three\n[FROM ada] : four\n", "", "#joined\t")
		b.j.Close()
		synctest.Wait()
		for i, k := range []*taker{plain, topic, events} {
			require.ErrorIs(t, k.err, io.EOF, "P17: the end wakes everyone")
			require.EqualValues(t, []int{4, 1, 0}[i], k.c.Close())
		}
	})
}

// Nobody is woken for what they do not want.
func TestSleepersAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 64<<20, Config{})
		plain, topic := take(b.open("", protocol.Plain, protocol.From{})), take(b.open("news", protocol.JSON, protocol.From{}))
		require.True(t, b.parked(plain.c) && b.parked(topic.c))
		rendered := len(topic.c.block.marks)
		b.add(lines("ada#old: one"), lines("ada: two"))
		plain.taken()
		require.Equal(t, rendered, len(topic.c.block.marks), "P11: no message for it")
		rendered = len(plain.c.block.marks)
		b.add(joined("bob"))
		topic.taken()
		require.Equal(t, rendered, len(plain.c.block.marks), "P8: plain is told no events")
		b.j.Close()
		synctest.Wait()
		plain.c.Close()
		topic.c.Close()
	})
}

func TestInterruptWhileParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0, Config{})
		kicked, other := take(b.open("", protocol.Plain, protocol.From{})), take(b.open("", protocol.Plain, protocol.From{}))
		require.True(t, b.parked(kicked.c))
		gone := errors.New("gone")
		kicked.c.Interrupt(gone)
		synctest.Wait()
		require.Equal(t, gone, kicked.err)
		require.False(t, b.parked(kicked.c))
		require.True(t, b.parked(other.c), "only the one")
		b.add(lines("ada: one"))
		require.Equal(t, "[FROM ada] : one\n", other.taken())
		require.Empty(t, kicked.taken())
		require.Zero(t, kicked.c.Close())
		other.c.Interrupt(gone)
		synctest.Wait()
		require.EqualValues(t, 1, other.c.Close())
		other.c.Interrupt(gone) // as a session may that is kicked while it ends
	})
}

// However appends, interrupts and parking interleave, everyone gets it all
// and nobody sleeps on.
func TestNoWakeUpIsLost(t *testing.T) {
	const cursors, entries = 16, 500
	b := newBench(t, journal.MinHistory, Config{})
	var wg sync.WaitGroup
	counts := make([]uint64, cursors)
	errs := make([]error, cursors)
	kicked := errors.New("kicked")
	kick := make([]*Cursor, cursors)
	for i := range cursors {
		filter := []string{"", "a", "b", "none"}[i%4]
		c := b.open(filter, formats[i/4], protocol.From{})
		kick[i] = c
		wg.Go(func() {
			for {
				data, err := c.Next()
				if err != nil {
					counts[i], errs[i] = c.Close(), err
					return
				}
				c.Advance(1 + len(data)/2)
				if i%3 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	for range entries {
		b.add(lines("ada#a: one two"), joined("x"), lines("bob#b: three"))
		runtime.Gosched()
	}
	for i := range cursors / 4 {
		kick[i*4+3].Interrupt(kicked) // those who want nothing but events
	}
	b.j.Close()
	wg.Wait()
	for i := range cursors {
		if i%4 == 3 {
			assert.True(t, errs[i] == kicked || errs[i] == io.EOF, errs[i])
			continue
		}
		assert.ErrorIs(t, errs[i], io.EOF)
		assert.EqualValues(t, []int{3, 2, 1}[i%4]*entries, counts[i], "P10")
	}
	assert.Empty(t, b.feeds)
	assert.Zero(t, b.cached)
}
