package feed

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestParkingAndWaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRig(t, 0, Config{})
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
		b.j.Add(journaltest.Lines("ada: one"))
		want("[FROM ada] : one\n", "", "")
		b.j.Add(journaltest.Lines("ada#news.sea: two"))
		want("[FROM ada #news.sea] : two\n", "[FROM ada #news.sea] : two\n", "")
		b.j.Add(journaltest.Joined("bob"))
		want("", "", "#joined\t")
		b.j.Add(journaltest.Lines("ada#old: three"), journaltest.Joined("eve"), journaltest.Lines("ada: four"))
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
		b := newRig(t, 64<<20, Config{})
		plain, topic := b.take(b.open("", protocol.Plain, protocol.From{})), b.take(b.open("news", protocol.JSON, protocol.From{}))
		require.True(t, b.parked(plain.c) && b.parked(topic.c))
		rendered := b.rendered(topic.c)
		b.j.Add(journaltest.Lines("ada#old: one"), journaltest.Lines("ada: two"))
		plain.taken()
		require.Equal(t, rendered, b.rendered(topic.c), "P11: no message for it")
		rendered = b.rendered(plain.c)
		b.j.Add(journaltest.Joined("bob"))
		topic.taken()
		require.Equal(t, rendered, b.rendered(plain.c), "P8: plain is told no events")
		b.j.Close()
		synctest.Wait()
		plain.c.Close()
		topic.c.Close()
	})
}

// lateJournal cannot be opened before it is there.
type lateJournal struct {
	journal.Journal
	there chan struct{}
}

func (j lateJournal) Open(ctx context.Context, from protocol.From, filter protocol.Filter) (journal.Start, error) {
	<-j.there
	return j.Journal.Open(ctx, from, filter)
}

// Feeds do not wait for a journal that is not there yet, and their cursors park when it is.
func TestParkingOnALateJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := lateJournal{journal.NewMemory(0), make(chan struct{})}
		b := &rig{Set: NewSet(late, Config{}), t: t, j: journaltest.NewRig(t, late)}
		b.j.Pass(b.Set)
		b.j.Add(journaltest.Lines("ada: before"))
		close(late.there)
		sub := b.take(b.open("", protocol.Plain, protocol.From{}))
		require.True(t, b.parked(sub.c))
		b.j.Add(journaltest.Lines("ada: one"))
		require.Equal(t, "[FROM ada] : one\n", sub.taken())
		require.True(t, b.parked(sub.c))
		b.j.Close()
		synctest.Wait()
		require.EqualValues(t, 1, sub.c.Close())
	})
}

func TestInterruptWhileParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRig(t, 0, Config{})
		kicked, other := b.take(b.open("", protocol.Plain, protocol.From{})), b.take(b.open("", protocol.Plain, protocol.From{}))
		require.True(t, b.parked(kicked.c))
		gone := errors.New("gone")
		kicked.c.Interrupt(gone)
		synctest.Wait()
		require.Equal(t, gone, kicked.err)
		require.False(t, b.parked(kicked.c))
		require.True(t, b.parked(other.c), "only the one")
		b.j.Add(journaltest.Lines("ada: one"))
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
		b := newRig(t, 0, Config{})
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
			b.j.Add(journaltest.Lines("ada: word"))
			for i := range left {
				require.Equal(t, "[FROM ada] : word\n", takers[i].taken(), "%d after %d interrupts", i, n+1)
			}
		}
		b.j.Close()
		synctest.Wait()
		for i, k := range takers {
			require.Equal(t, left[i], k.err == io.EOF)
			k.c.Close()
		}
	})
}

// However appends, parking and interrupts interleave, everyone gets it all and nobody sleeps on.
func TestNoWakeUpIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRig(t, journal.MinHistory, Config{})
		var takers []*taker
		filters := []string{"", "a", "b", "none"}
		for i := range 16 {
			takers = append(takers, b.take(b.open(filters[i%4], formats[i/4], protocol.From{})))
		}
		for range 100 {
			begin := uint64(1)
			if n := len(b.j.Heard()); n > 0 {
				begin = b.j.Heard()[n-1].Pos + uint64(b.j.Heard()[n-1].Count)
			}
			b.j.Forget()
			for range 20 {
				for _, e := range []journal.Entry{journaltest.Lines("ada#a: one two"), journaltest.Joined("x"), journaltest.Lines("bob#b: three")} {
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
				require.NoError(t, b.j.Append(context.Background(), journaltest.Lines("ada: one"), func(error) {}))
			}
		}
		synctest.Wait()
		b.j.Close()
		synctest.Wait()
		for i, k := range takers {
			require.Equal(t, i%3 == 0, k.err == kicked)
			require.GreaterOrEqual(t, k.c.Close(), []uint64{6000, 4000, 2000, 0}[i%4])
		}
		require.Empty(t, b.feeds)
		require.Zero(t, b.cached)
	})
}

// Another cursor may have new bytes rendered after this one has looked and before it parks: nobody
// would wake it for them.
func TestNoCursorParksBehindWhatAnotherHadRendered(t *testing.T) {
	b := newRig(t, 0, Config{})
	late, quick := b.open("", protocol.Plain, protocol.From{}), b.open("", protocol.Plain, protocol.From{})
	data, _ := late.data()
	require.Empty(t, data, "it has looked")
	b.j.Add(journaltest.Lines("ada: one"))
	require.Equal(t, "[FROM ada] : one\n", rest(t, quick))
	require.False(t, late.park(), "P10: there is something by now")
	require.Equal(t, "[FROM ada] : one\n", rest(t, late))
	require.True(t, late.park())
}

// Whoever appends little sends it to the first who wait, without a lock. The others are woken, and
// all are where there is much to send.
func TestWhoAppendsLittleSendsIt(t *testing.T) {
	b := newRig(t, 64<<20, Config{})
	var got []string
	var cursors []*Cursor
	for range maxDirects + 1 {
		c := b.open("", protocol.Plain, protocol.From{})
		c.Direct(func() {
			data, err := next(c)
			require.NoError(t, err)
			got = append(got, string(data))
			c.Advance(len(data))
			none, err := next(c)
			require.NoError(t, err)
			require.Empty(t, none, "it parks again")
		})
		none, err := next(c)
		require.NoError(t, err)
		require.Empty(t, none)
		cursors = append(cursors, c)
	}
	woken := func() (n int) {
		for _, c := range cursors {
			wake, _ := b.wakes.Load(c)
			n += len(wake.(chan struct{}))
		}
		return n
	}
	require.NoError(t, b.j.Try(journaltest.Lines("ada: one")))
	require.Equal(t, []string{"[FROM ada] : one\n", "[FROM ada] : one\n"}, got, "before Append returns")
	require.Equal(t, 1, woken())
	require.NoError(t, b.j.Try(journaltest.Lines("ada: "+strings.Repeat("x", directSize))))
	require.Len(t, got, maxDirects)
	require.Equal(t, maxDirects+1, woken(), "the first one is still awake")
	require.NoError(t, b.j.Try(journaltest.Joined("bob")))
	for _, c := range cursors {
		c.Close()
	}
}
