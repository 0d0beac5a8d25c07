package feed

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestParkingAndWaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0, Config{})
		plain := b.take(b.open("", protocol.Plain, protocol.From{}))
		topic := b.take(b.open("news.*", protocol.Plain, protocol.From{}))
		events := b.take(b.open("none", protocol.TSV, protocol.From{}))
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
		b.j.Close(context.Background())
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
		plain, topic := b.take(b.open("", protocol.Plain, protocol.From{})), b.take(b.open("news", protocol.JSON, protocol.From{}))
		require.True(t, b.parked(plain.c) && b.parked(topic.c))
		rendered := b.rendered(topic.c)
		b.add(lines("ada#old: one"), lines("ada: two"))
		plain.taken()
		require.Equal(t, rendered, b.rendered(topic.c), "P11: no message for it")
		rendered = b.rendered(plain.c)
		b.add(joined("bob"))
		topic.taken()
		require.Equal(t, rendered, b.rendered(plain.c), "P8: plain is told no events")
		b.j.Close(context.Background())
		synctest.Wait()
		plain.c.Close()
		topic.c.Close()
	})
}

func TestInterruptWhileParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0, Config{})
		kicked, other := b.take(b.open("", protocol.Plain, protocol.From{})), b.take(b.open("", protocol.Plain, protocol.From{}))
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

// Whoever is interrupted leaves the others parked, in whatever order.
func TestInterruptsInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0, Config{})
		var takers []*taker
		for range 9 {
			takers = append(takers, b.take(b.open("", protocol.Plain, protocol.From{})))
			synctest.Wait()
		}
		gone := errors.New("gone")
		left := map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true}
		for n, i := range []int{0, 8, 4, 7, 1, 6} {
			takers[i].c.Interrupt(gone)
			delete(left, i)
			synctest.Wait()
			require.Equal(t, gone, takers[i].err)
			for i := range left {
				require.True(t, b.parked(takers[i].c))
			}
			if n < 3 {
				continue // they stay parked as they are
			}
			b.add(lines("ada: word"))
			for i := range left {
				require.Equal(t, "[FROM ada] : word\n", takers[i].taken(), "%d after %d interrupts", i, n+1)
			}
		}
		b.j.Close(context.Background())
		synctest.Wait()
		for i, k := range takers {
			require.Equal(t, left[i], k.err == io.EOF)
			k.c.Close()
		}
	})
}

// However appends, parking and interrupts interleave, everyone gets it all
// and nobody sleeps on.
func TestNoWakeUpIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, journal.MinHistory, Config{})
		var takers []*taker
		filters := []string{"", "a", "b", "none"}
		for i := range 16 {
			takers = append(takers, b.take(b.open(filters[i%4], formats[i/4], protocol.From{})))
		}
		for range 100 {
			begin := uint64(1)
			if n := len(b.log.entries); n > 0 {
				begin = b.log.entries[n-1].Pos + uint64(b.log.entries[n-1].Count)
			}
			b.log.entries = nil
			for range 20 {
				for _, e := range []journal.Entry{lines("ada#a: one two"), joined("x"), lines("bob#b: three")} {
					require.NoError(t, b.j.Append(context.Background(), e, func(error) {}))
					runtime.Gosched()
				}
			}
			for i, k := range takers {
				want := from(b.render(filters[i%4], formats[i/4]), begin)
				require.True(t, want == k.taken(), "P10: before anything else happens, %d", i)
			}
		}
		kicked := errors.New("kicked")
		for i, k := range takers {
			if i%3 == 0 {
				go k.c.Interrupt(kicked)
				require.NoError(t, b.j.Append(context.Background(), lines("ada: one"), func(error) {}))
			}
		}
		synctest.Wait()
		b.j.Close(context.Background())
		synctest.Wait()
		for i, k := range takers {
			require.Equal(t, i%3 == 0, k.err == kicked)
			require.GreaterOrEqual(t, k.c.Close(), []uint64{6000, 4000, 2000, 0}[i%4])
		}
		require.Empty(t, b.feeds)
		require.Zero(t, b.cached)
	})
}

// Another cursor may have new bytes rendered after this one has looked and
// before it parks: nobody would wake it for them.
func TestNoCursorParksBehindWhatAnotherHadRendered(t *testing.T) {
	b := newBench(t, 0, Config{})
	late, quick := b.open("", protocol.Plain, protocol.From{}), b.open("", protocol.Plain, protocol.From{})
	data, _ := late.set.read(late.block)
	require.Empty(t, data, "it has looked")
	b.add(lines("ada: one"))
	require.Equal(t, "[FROM ada] : one\n", rest(t, quick))
	require.False(t, late.park(), "P10: there is something by now")
	require.Equal(t, "[FROM ada] : one\n", rest(t, late))
	require.True(t, late.park())
}
