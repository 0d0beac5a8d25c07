package journal

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

func TestIDs(t *testing.T) {
	a, b := NewMemory(0), NewMemory(0)
	assert.NotEqual(t, a.ID(), b.ID(), "every journal has an order of its own")
	assert.NoError(t, protocol.CheckName(a.ID()), "P4: journal= is written like a name")
	assert.Equal(t, a.ID(), a.ID())
}

func TestTimesNeverRunBackwards(t *testing.T) {
	b := newBench(t, 0)
	future := time.Now().UTC().Add(time.Hour).Round(0)
	b.last = future // the clock was set back
	b.add(lines("ada: one"), joined("bob"), lines("ada: two"))
	for _, e := range b.appended {
		assert.Equal(t, future, e.Time, "P13")
	}
	assert.Equal(t, future, b.appended[1].Event.Time, "P13: events are in the order too")
	b.last = time.Time{}
	b.add(lines("ada: three"))
	assert.WithinDuration(t, time.Now(), b.appended[3].Time, time.Minute)
}

func TestTheJournalLeavesACallersEventAlone(t *testing.T) {
	b := newBench(t, 0)
	e := joined("ada")
	b.add(e)
	assert.True(t, e.Event.Time.IsZero())
}

func TestSegmentsAreSealedAtBothLimits(t *testing.T) {
	one := lines("ada: " + strings.Repeat("x ", maxSegmentMessages-1))
	for _, c := range []struct {
		name  string
		limit int
		add   []Entry
		want  int // segments
	}{
		{"few messages", 64 << 20, []Entry{one}, 1},
		{"many messages", 64 << 20, []Entry{one, lines("ada: x")}, 2},
		{"more than many at once", 64 << 20, []Entry{one, one}, 2},
		{"few bytes", 64 << 20, []Entry{bulk(maxSegmentSize - 1)}, 1},
		{"many bytes", 64 << 20, []Entry{bulk(maxSegmentSize - entryOverhead), joined("ada")}, 2},
		{"an eighth of a small history", MinHistory, []Entry{bulk(MinHistory / 8)}, 2},
		{"less than an eighth", MinHistory, []Entry{bulk(MinHistory/8 - 1)}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.limit)
			b.add(c.add...)
			require.Len(t, b.segments, c.want)
			for i, s := range b.segments {
				entries, sealed := s.Entries(0)
				assert.Equal(t, i < c.want-1, sealed, "all but the last")
				assert.EqualValues(t, i+1, s.Seq)
				if len(entries) > 0 {
					assert.Equal(t, s.pos, entries[0].Pos)
				}
			}
			assert.Equal(t, texts(b.appended), b.kept(protocol.FromFirst(), ""), "a reader does not see the border")
		})
	}
}

func TestWhatIsKept(t *testing.T) {
	const eighth = MinHistory / 8
	b := newBench(t, 1) // becomes MinHistory
	for range 8 {
		b.add(bulk(eighth))
	}
	require.Len(t, b.kept(protocol.FromFirst(), ""), 8, "all that fits")
	b.add(lines("ada: tiny"))
	kept := b.kept(protocol.FromFirst(), "")
	require.Len(t, kept, 8, "the oldest segment makes room")
	require.True(t, strings.HasPrefix(kept[0], "2 "))
	require.Equal(t, "9 ada: tiny", kept[7])
	b.add(bulk(3 * eighth))
	require.True(t, strings.HasPrefix(b.kept(protocol.FromFirst(), "")[0], "5 "), "as many segments as are needed, no more")
	b.add(bulk(2 * MinHistory))
	require.Len(t, b.kept(protocol.FromFirst(), ""), 1, "an entry larger than the history goes in alone")
	b.add(lines("ada: last"))
	require.Equal(t, []string{"12 ada: last"}, b.kept(protocol.FromFirst(), ""))
	require.Equal(t, b.segments[0].size, b.size)
}

func TestClose(t *testing.T) {
	b := newBench(t, 0)
	b.add(lines("ada: one"))
	early := b.open(protocol.FromFirst(), "")
	b.Close(context.Background())
	b.Close(context.Background())
	assert.Equal(t, 1, b.ended, "told once")
	assert.ErrorIs(t, b.try(lines("ada: two"), func(error) { assert.Fail(t, "done is only called where Append returned nil") }), ErrClosed)
	assert.ErrorIs(t, b.try(joined("ada"), nil), ErrClosed)
	_, err := b.Open(context.Background(), protocol.FromFirst(), protocol.Filter{})
	assert.ErrorIs(t, err, ErrClosed)
	assert.Equal(t, []string{"1 ada: one"}, early.rest(), "readers find what is there, and then the end")
	assert.Nil(t, early.s)
	assert.EqualValues(t, 1, b.nextLine("ada", "r"), "asking goes on working")
}
