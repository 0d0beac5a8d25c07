package journal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// borders is a journal of three segments: messages 1 to 4096, 4097 to 8192
// and 8193 to 8195, with events on both sides of every border and within.
func borders(t *testing.T) *bench {
	b := newBench(t, 64<<20)
	b.add(joined("first"))
	half := strings.Repeat("x ", maxSegmentMessages/2)
	for n := range 2 {
		b.add(lines("ada#even: "+half), joined(fmt.Sprint("middle", n)), lines("bob#odd: "+half))
		b.add(joined(fmt.Sprint("after", n)))
	}
	b.add(lines("ada#even: y"), joined("late"), lines("bob#odd: z z"), joined("last"))
	require.Len(t, b.segments, 3)
	return b
}

func TestP12OpenAcrossBorders(t *testing.T) {
	b := borders(t)
	all := b.kept(protocol.FromFirst(), "")
	const next = 2*maxSegmentMessages + 4
	require.Len(t, all, next-1+7)
	for _, pos := range []uint64{1, 2, 2048, 2049, 2050, 4096, 4097, 4098, 6145, 8192, 8193, 8194, 8195, next} {
		r := b.open(protocol.FromPosition(pos), "")
		require.Equal(t, pos, r.place.Next)
		require.Zero(t, r.place.Missing)
		got := r.rest()
		r.release()
		want := len(all)
		for i, item := range all {
			if at := position(t, item); at >= pos {
				want = i
				break
			}
		}
		require.Equal(t, all[want:], append([]string{}, got...), "P12: from position %d, with the events right before it", pos)
		if pos < next {
			require.Equal(t, got, b.kept(protocol.FromLast(next-pos), ""), "P12: the last %d", next-pos)
		}
	}
}

func position(t *testing.T, item string) (pos uint64) {
	_, err := fmt.Sscan(item, &pos)
	require.NoError(t, err)
	return pos
}

func TestP12New(t *testing.T) {
	b := newBench(t, 0)
	first := b.open(protocol.From{}, "")
	assert.EqualValues(t, 1, first.place.Next)
	b.add(lines("ada: one two"), joined("bob"))
	second := b.open(protocol.From{}, "")
	assert.EqualValues(t, 3, second.place.Next)
	assert.Empty(t, second.rest(), "P12: not even the event before it")
	b.add(joined("eve"), lines("ada: three"))
	assert.Equal(t, []string{"1 ada: one", "2 ada: two", "3 bob joined", "3 eve joined", "3 ada: three"}, first.rest())
	assert.Equal(t, []string{"3 eve joined", "3 ada: three"}, second.rest())
}

func TestP12NewAtABorder(t *testing.T) {
	b := newBench(t, MinHistory)
	b.add(bulk(eighth))
	r := b.open(protocol.From{}, "")
	assert.Same(t, b.segments[1], r.s, "nobody holds a sealed segment for nothing")
	b.add(lines("ada: two"))
	assert.Equal(t, []string{"2 ada: two"}, r.rest())
}

func TestP12Last(t *testing.T) {
	b := newBench(t, 0)
	assert.Empty(t, b.kept(protocol.FromLast(3), ""), "P12: of nothing")
	b.add(lines("ada#a: 1 2 3"), joined("bob"), lines("bob#b.c: 4 5"), lines("eve: 6"), joined("late"))
	for _, c := range []struct {
		filter string
		n      uint64
		next   uint64
		want   int // how many items come
	}{
		{"", 1, 6, 2},
		{"", 2, 5, 3},
		{"", 3, 4, 5},
		{"", 4, 3, 6},
		{"", 6, 1, 8},
		{"", 100, 1, 8},
		{"a", 1, 3, 6},
		{"a", 3, 1, 8},
		{"a", 9, 1, 8},
		{"b.*", 1, 5, 3},
		{"b.>", 2, 4, 5},
		{"b.>", 9, 4, 5},
		{">", 3, 3, 6},
		{"none", 1, 7, 1},
	} {
		r := b.open(protocol.FromLast(c.n), c.filter)
		assert.Equal(t, c.next, r.place.Next, "P12: from=-%d topic=%s", c.n, c.filter)
		assert.Zero(t, r.place.Missing)
		assert.Len(t, r.rest(), c.want, "P12: from=-%d topic=%s", c.n, c.filter)
		r.release()
	}
}

func TestP12Positions(t *testing.T) {
	b := newBench(t, 0)
	b.add(lines("ada: 1 2 3"))
	for pos, want := range map[uint64]uint64{1: 1, 3: 3, 4: 4, 5: 4, 1 << 62: 4} {
		r := b.open(protocol.FromPosition(pos), "")
		assert.Equal(t, want, r.place.Next, "P12: a position that is still to come is answered with the next one")
		assert.Len(t, r.rest(), int(4-want))
		r.release()
	}
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
