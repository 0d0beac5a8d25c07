package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestAllWhoWantItAlikeShareTheBytes(t *testing.T) {
	b := newBench(t, 0, Config{})
	one, two := b.open("a.*", protocol.TSV, protocol.From{}), b.open("a.*", protocol.TSV, protocol.From{})
	other := b.open("a.>", protocol.TSV, protocol.From{})
	b.add(lines("ada#a.b: one two"))
	first, err := one.Next()
	require.NoError(t, err)
	second, err := two.Next()
	require.NoError(t, err)
	third, err := other.Next()
	require.NoError(t, err)
	require.Equal(t, string(first), string(third))
	require.Same(t, unsafe.SliceData(first), unsafe.SliceData(second), "a line is rendered once per feed")
	require.NotSame(t, unsafe.SliceData(first), unsafe.SliceData(third))

	before := string(first)
	one.Advance(3)
	again, err := one.Next()
	require.NoError(t, err)
	require.Same(t, unsafe.SliceData(first[3:]), unsafe.SliceData(again), "what is left, without a copy")
	for range 2000 {
		b.add(lines("bob#a.c: more"))
		rest(t, one)
	}
	require.Equal(t, before, string(second), "what was handed out never changes")
	require.Equal(t, from(b.render("a.*", protocol.TSV), 1), rest(t, two))
}

func TestEveryFilterAndFormat(t *testing.T) {
	b := newBench(t, 0, Config{})
	var cursors []*Cursor
	var filters []string
	for _, filter := range []string{"", "a", "a.*", ">", "none"} {
		for _, format := range formats {
			cursors = append(cursors, b.open(filter, format, protocol.From{}))
			filters = append(filters, filter)
		}
	}
	for n := range 50 {
		b.add(lines("ada#a: one two"), joined("bob"), lines("bob#a.b: three"), lines(fmt.Sprint("eve: ", n)))
	}
	for i, c := range cursors {
		format := formats[i%len(formats)]
		assert.Equal(t, from(b.render(filters[i], format), 1), rest(t, c), "P8, P11, P13: %s of topic=%s", format, filters[i])
		assert.EqualValues(t, map[string]int{"": 200, "a": 100, "a.*": 50, ">": 150, "none": 0}[filters[i]], c.Close())
	}
}

// Wherever a cursor begins, it gets what is left of the whole, and counts
// what it has passed.
func TestP12EveryStartAndEveryLength(t *testing.T) {
	b := newBench(t, 0, Config{})
	b.add(joined("bob"), lines("ada#a: 1 22 3"), joined("e"), joined("x"), lines("bob#b: 4"), lines("ada#a: 5 6"), lines("e: 7"), joined("z"))
	for _, filter := range []string{"", "a", "b"} {
		for _, format := range []protocol.Format{protocol.Plain, protocol.TSV} {
			all := b.render(filter, format)
			for pos := uint64(1); pos <= 8; pos++ {
				want := from(all, pos)
				for length := 0; length <= len(want); length += 1 + length%3 {
					c := b.open(filter, format, protocol.FromPosition(pos))
					require.Equal(t, pos, c.Start())
					for left := length; left > 0; {
						data, err := c.Next()
						require.NoError(t, err)
						require.Equal(t, want[length-left:], string(data), "P12: from %d in %s of topic=%s", pos, format, filter)
						n := min(left, 7)
						c.Advance(n)
						left -= n
					}
					require.Equal(t, passed(all, pos, length), c.Close(), "messages in %q", want[:length])
				}
			}
		}
	}
	require.Empty(t, b.feeds, "a feed goes with its last cursor")
}

// passed is how many messages end within so many bytes from a position on.
func passed(all []piece, pos uint64, length int) (n uint64) {
	for _, p := range all {
		if p.pos < pos {
			continue
		}
		if length -= len(p.bytes); length < 0 {
			return n
		}
		if p.message {
			n++
		}
	}
	return n
}

func TestP12OpenInABlockThatIsThere(t *testing.T) {
	b := newBench(t, 0, Config{})
	first := b.open("", protocol.Plain, protocol.From{})
	b.add(lines("ada: 1 2 3"))
	require.NotEmpty(t, rest(t, first))
	b.add(lines("ada: 4 5"), joined("x"), lines("bob: 6"))
	for pos := uint64(1); pos <= 7; pos++ {
		c := b.open("", protocol.Plain, protocol.FromPosition(pos))
		require.Equal(t, from(b.render("", protocol.Plain), pos), rest(t, c), "P12: from=%d", pos)
		require.Equal(t, 7-pos, c.Close())
	}
	late := b.open("", protocol.Plain, protocol.From{})
	require.Empty(t, rest(t, late))
	b.add(lines("ada: 7"))
	require.Equal(t, "[FROM ada] : 7\n", rest(t, late))
	require.Equal(t, from(b.render("", protocol.Plain), 4), rest(t, first))
	require.EqualValues(t, 7, first.Close())
	require.EqualValues(t, 1, late.Close())
}

func TestP12Gap(t *testing.T) {
	b := newBench(t, journal.MinHistory, Config{})
	for range 12 {
		b.add(eighth())
	}
	for _, format := range formats {
		c := b.open("", format, protocol.FromPosition(2))
		missing := c.Start() - 2
		require.Positive(t, missing)
		gap := string(format.AppendEvent(nil, &protocol.Event{Kind: protocol.Gap, Missing: missing}))
		data, err := c.Next()
		require.NoError(t, err)
		require.Equal(t, gap, string(data), "P12: the gap comes first, alone")
		c.Advance(2)
		data, err = c.Next()
		require.NoError(t, err)
		require.Equal(t, gap[2:], string(data))
		c.Advance(len(data))
		require.Equal(t, from(b.render("", format), c.Start()), rest(t, c), "P12: and then all that is kept")
		require.Equal(t, 13-c.Start(), c.Close(), "a gap is no message")
	}
	c := b.open("", protocol.Plain, protocol.FromFirst())
	require.True(t, strings.HasPrefix(rest(t, c), "[FROM bulk] : "), "P12: first is the oldest kept: no gap")
	c.Close()
}

func TestP17TheEnd(t *testing.T) {
	b := newBench(t, 0, Config{})
	b.add(lines("ada: one"))
	c := b.open("", protocol.Plain, protocol.FromFirst())
	empty := b.open("none", protocol.Plain, protocol.From{})
	b.j.Close(context.Background())
	require.Equal(t, "[FROM ada] : one\n", rest(t, c))
	for range 2 {
		_, err := c.Next()
		require.ErrorIs(t, err, io.EOF, "P17: the end of a closed journal, however often asked")
		_, err = empty.Next()
		require.ErrorIs(t, err, io.EOF)
	}
	require.EqualValues(t, 1, c.Close())
	require.Zero(t, empty.Close())
	_, err := b.Open(context.Background(), protocol.Filter{}, protocol.Plain, protocol.From{}, nil, nil)
	require.ErrorIs(t, err, journal.ErrClosed)
	require.Empty(t, b.feeds)
}

func TestInterruptBeforeNext(t *testing.T) {
	b := newBench(t, 0, Config{})
	b.add(lines("ada: one"))
	c := b.open("", protocol.Plain, protocol.FromFirst())
	first, second := errors.New("first"), errors.New("second")
	c.Interrupt(first)
	c.Interrupt(second)
	for range 2 {
		_, err := c.Next()
		require.Equal(t, first, err, "the first error counts, from then on")
	}
	require.Zero(t, c.Close())
}
