package journal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

func TestP12NewAtABorder(t *testing.T) {
	b := newBench(t, MinHistory)
	b.add(bulk(eighth))
	r := b.open(protocol.From{}, "")
	assert.Same(t, b.segments[1], r.s, "nobody holds a sealed segment for nothing")
	b.add(lines("ada: two"))
	assert.Equal(t, []string{"2 ada: two"}, r.rest())
}

func TestP12Missing(t *testing.T) {
	b := newBench(t, MinHistory)
	b.add(joined("first"))
	for n := range 20 {
		b.add(bulk(eighth), joined(fmt.Sprint("after", n)))
	}
	oldest := b.segments[0].pos
	require.Greater(t, oldest, uint64(10))
	for _, pos := range []uint64{1, 2, oldest - 1, oldest, oldest + 1, 20, 21} {
		r := b.open(protocol.FromPosition(pos), "")
		assert.Equal(t, max(oldest, pos)-pos, r.place.Missing, "P12: from=%d", pos)
		assert.Equal(t, max(oldest, pos), r.place.Next)
		assert.Equal(t, 21-max(oldest, pos), messages(r.rest()), "P12: missing and coming are all there is")
		r.release()
	}
	r := b.open(protocol.FromFirst(), "")
	assert.Zero(t, r.place.Missing, "P12: the oldest kept is what was asked for")
	assert.Equal(t, oldest, r.place.Next)
	r.release()
	r = b.open(protocol.FromLast(1000), "")
	assert.Equal(t, oldest, r.place.Next, "P12: as many as there are")
	r.release()
}

func messages(items []string) (n uint64) {
	for _, item := range items {
		if !strings.HasSuffix(item, " joined") {
			n++
		}
	}
	return n
}

func TestOpenAcquires(t *testing.T) {
	for _, from := range []protocol.From{{}, protocol.FromFirst(), protocol.FromLast(2), protocol.FromPosition(1), protocol.FromPosition(6)} {
		b := newBench(t, MinHistory)
		for range 7 {
			b.add(bulk(eighth))
		}
		r := b.open(from, "")
		for b.try(bulk(eighth), func(error) {}) == nil {
			require.Less(t, len(b.segments), 20)
		}
		require.Same(t, b.segments[0], r.s, "the journal keeps what from=%s has opened, and all after it", from)
		before := len(b.appended)
		require.Len(t, r.rest(), before-int(r.place.Next)+1)
		b.add(bulk(eighth))
		r.release()
	}
}
