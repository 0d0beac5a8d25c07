package journal_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestIDs(t *testing.T) {
	a, b := journal.NewMemory(0), journal.NewMemory(0)
	assert.NotEqual(t, a.ID(), b.ID(), "every journal has an order of its own")
	assert.Equal(t, a.ID(), a.ID())
}

func TestTimesNeverRunBackwards(t *testing.T) {
	b := newRig(t, 0)
	future := time.Now().UTC().Add(time.Hour).Round(0)
	b.memory.SetClock(future) // the clock was set back
	b.Add(journaltest.Lines("ada: one"), journaltest.Joined("bob"), journaltest.Lines("ada: two"))
	for _, e := range b.Heard() {
		assert.Equal(t, future, e.Time, "P13")
	}
	assert.Equal(t, future, b.Heard()[1].Event.Time, "P13: events are in the order too")
	b.memory.SetClock(time.Time{})
	b.Add(journaltest.Lines("ada: three"))
	assert.WithinDuration(t, time.Now(), b.Heard()[3].Time, time.Minute)
}

func TestSegmentsAreSealedAtBothLimits(t *testing.T) {
	one := journaltest.Lines("ada: " + strings.Repeat("x ", journal.MaxSegmentMessages-1))
	for _, c := range []struct {
		name  string
		limit int
		add   []journal.Entry
		want  int // segments
	}{
		{"few messages", 64 << 20, []journal.Entry{one}, 1},
		{"many messages", 64 << 20, []journal.Entry{one, journaltest.Lines("ada: x")}, 2},
		{"more than many at once", 64 << 20, []journal.Entry{one, one}, 2},
		{"few bytes", 64 << 20, []journal.Entry{journaltest.Bulk(journal.MaxSegmentSize - 1)}, 1},
		{"many bytes", 64 << 20, []journal.Entry{journaltest.Bulk(journal.MaxSegmentSize - journal.EntryOverhead), journaltest.Joined("ada")}, 2},
		{"an eighth of a small history", journal.MinHistory, []journal.Entry{journaltest.Bulk(journaltest.Eighth)}, 2},
		{"less than an eighth", journal.MinHistory, []journal.Entry{journaltest.Bulk(journaltest.Eighth - 1)}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newRig(t, c.limit)
			b.Add(c.add...)
			require.Len(t, b.memory.Segments(), c.want)
			for i, s := range b.memory.Segments() {
				entries, sealed := s.Entries(0)
				assert.Equal(t, i < c.want-1, sealed, "all but the last")
				assert.EqualValues(t, i+1, s.Seq)
				if len(entries) > 0 {
					assert.Equal(t, s.Pos(), entries[0].Pos)
				}
			}
			assert.Equal(t, journaltest.Texts(b.Heard()), b.Kept(protocol.FromFirst(), ""), "a reader does not see the border")
		})
	}
}

// Buffers that are not full count in the history, and make segments of fewer bytes, but not of much
// fewer: a segment is what a subscriber is sent at once.
func TestBuffersThatAreNotFullShareASegment(t *testing.T) {
	b := newRig(t, 64<<20)
	for _, want := range []int{1, 1, 1, 2} {
		buffer := journal.NewBuffer()
		e := journaltest.Bulk(journal.BufferSize / 2)
		e.Lines, e.Buffer = buffer.Bytes()[:copy(buffer.Bytes(), e.Lines)], buffer
		require.NoError(t, b.memory.Append(t.Context(), e, func(error) {}))
		buffer.Release()
		require.Len(t, b.memory.Segments(), want)
	}
}

// However long a prefix lines get, and however short they are, no segment becomes much more than it
// should.
func TestSegmentsAreSealedByWhatTheyBecome(t *testing.T) {
	name, topic := strings.Repeat("n", protocol.MaxName), strings.Repeat("t", protocol.MaxTopic)
	messages := func(from, topic, line string, count int) journal.Entry {
		return journal.Entry{From: from, Topic: topic, Lines: []byte(strings.Repeat(line+"\n", count)), Count: count}
	}
	became := func(e *journal.Entry) (most int) {
		for _, format := range []protocol.Format{protocol.Plain, protocol.Stamped, protocol.TSV, protocol.JSON, protocol.SSE} {
			size := 0
			if e.Event != nil {
				size = len(format.AppendEvent(nil, e.Event))
			} else {
				size = len(format.AppendBatch(nil, &protocol.Batch{Pos: 1e19, Time: e.Time, From: e.From, Topic: e.Topic, Lines: e.Lines, Count: e.Count}))
			}
			if size > e.Rendered() {
				require.LessOrEqual(t, size, e.Rendered(), "%s of %d messages", format, e.Count)
			}
			most = max(most, size)
		}
		return most
	}
	for what, e := range map[string]journal.Entry{
		"empty lines":             messages(name, topic, "", 4096),
		"empty lines, one by one": messages(name, topic, "", 1),
		"short lines":             messages("ada", topic, "x", 4000),
		"lines of 64 bytes":       messages("ada", "news", strings.Repeat("x", 63), 1024),
		"long lines":              messages("ada", "news", strings.Repeat("x", 999), 60),
		"departures": {Event: &protocol.Event{
			Kind: protocol.Left, Role: protocol.Subscriber, Name: name, Topic: topic, Lines: 1e19, Reason: protocol.ReasonTerminate,
		}},
	} {
		t.Run(what, func(t *testing.T) {
			b := newRig(t, 64<<20)
			entries := 2 + 5_000/max(1, e.Count)
			for range entries {
				b.Add(e)
			}
			require.Greater(t, len(b.memory.Segments()), 1)
			for _, s := range b.memory.Segments() {
				size, last := 0, 0 // of the last message, or event
				for _, part := range s.All() {
					all := became(&part)
					size += all
					last = all / max(1, part.Count)
				}
				require.LessOrEqual(t, size, journal.MaxSegmentRendered+last)
			}
			require.EqualValues(t, entries*e.Count, b.memory.Next()-1, "nothing is left out")
		})
	}
}

func TestWhatIsKept(t *testing.T) {
	b := newRig(t, 1) // becomes MinHistory
	for range 8 {
		b.Add(journaltest.Bulk(journaltest.Eighth))
	}
	require.Len(t, b.Kept(protocol.FromFirst(), ""), 8, "all that fits")
	b.Add(journaltest.Lines("ada: tiny"))
	kept := b.Kept(protocol.FromFirst(), "")
	require.Len(t, kept, 8, "the oldest segment makes room")
	require.True(t, strings.HasPrefix(kept[0], "2 "))
	require.Equal(t, "9 ada: tiny", kept[7])
	b.Add(journaltest.Bulk(3 * journaltest.Eighth))
	require.True(t, strings.HasPrefix(b.Kept(protocol.FromFirst(), "")[0], "5 "), "as many segments as are needed, no more")
	b.Add(journaltest.Bulk(2 * journal.MinHistory))
	require.Len(t, b.Kept(protocol.FromFirst(), ""), 1, "an entry larger than the history goes in alone")
	b.Add(journaltest.Lines("ada: last"))
	require.Equal(t, []string{"12 ada: last"}, b.Kept(protocol.FromFirst(), ""))
	require.Equal(t, b.memory.Segments()[0].Size(), b.memory.Size())
}

func TestNextLineOfAClosedMemory(t *testing.T) {
	b := newRig(t, 0)
	b.Add(journaltest.OfRun("r", 1, "ada: one"))
	b.Close()
	assert.EqualValues(t, 2, b.NextLine("ada", "r"), "asking goes on working")
}

// While a reader holds so much that even joins have no room, newcomers hang: that is no good health.
func TestHealthWhileNobodyCanJoin(t *testing.T) {
	b := newRig(t, 0)
	slow := b.Open(protocol.FromFirst(), "")
	require.NoError(t, b.Health())
	for range 8 {
		b.Add(journaltest.Bulk(journaltest.Eighth - journal.EntryOverhead))
	}
	joined := 0
	for {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // what has to wait fails at once
		health := b.Health()
		err := b.Append(ctx, journaltest.Joined("ada"), func(error) {})
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorContains(t, health, "nobody can join")
			break
		}
		joined++
		require.NoError(t, health, "join %d had room", joined)
		require.Less(t, joined, 100_000, "joins are bounded")
	}
	slow.Rest()
	require.NoError(t, b.Health())
	b.Add(journaltest.Joined("ada"))
	slow.Release()
}
