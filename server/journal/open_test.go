package journal_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestP12NewAtABorder(t *testing.T) {
	b := newRig(t, journal.MinHistory)
	b.Add(journaltest.Bulk(journaltest.Eighth))
	r := b.Open(protocol.From{}, "")
	assert.Same(t, b.memory.Segments()[1], r.Segment(), "nobody holds a sealed segment for nothing")
	b.Add(journaltest.Lines("ada: two"))
	assert.Equal(t, []string{"2 ada: two"}, r.Rest())
}

func TestOpenAcquires(t *testing.T) {
	for _, from := range []protocol.From{{}, protocol.FromFirst(), protocol.FromLast(2), protocol.FromPosition(1), protocol.FromPosition(6)} {
		b := newRig(t, journal.MinHistory)
		for range 7 {
			b.Add(journaltest.Bulk(journaltest.Eighth))
		}
		r := b.Open(from, "")
		for b.Try(journaltest.Bulk(journaltest.Eighth)) == nil {
			require.Less(t, len(b.memory.Segments()), 20)
		}
		require.Same(t, b.memory.Segments()[0], r.Segment(), "the journal keeps what from=%s has opened, and all after it", from)
		before := len(b.Heard())
		require.Len(t, r.Rest(), before-int(r.Start.Next)+1)
		b.Add(journaltest.Bulk(journaltest.Eighth))
		r.Release()
	}
}
