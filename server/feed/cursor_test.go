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
	"pubsublab/server/journal/journaltest"
)

func TestAllWhoWantItAlikeShareTheBytes(t *testing.T) {
	b := newRig(t, 0, Config{})
	one, two := b.open("a.*", protocol.TSV, protocol.From{}), b.open("a.*", protocol.TSV, protocol.From{})
	other := b.open("a.>", protocol.TSV, protocol.From{})
	b.j.Add(journaltest.Lines("ada#a.b: one two"))
	first, err := next(one)
	require.NoError(t, err)
	second, err := next(two)
	require.NoError(t, err)
	third, err := next(other)
	require.NoError(t, err)
	require.Equal(t, string(first), string(third))
	require.Same(t, unsafe.SliceData(first), unsafe.SliceData(second), "a line is rendered once per feed")
	require.NotSame(t, unsafe.SliceData(first), unsafe.SliceData(third))

	before := string(first)
	one.Advance(3)
	again, err := next(one)
	require.NoError(t, err)
	require.Same(t, unsafe.SliceData(first[3:]), unsafe.SliceData(again), "what is left, without a copy")
	for range 2000 {
		b.j.Add(journaltest.Lines("bob#a.c: more"))
		rest(t, one)
	}
	require.Equal(t, before, string(second), "what was handed out never changes")
	require.Equal(t, from(b.render("a.*", protocol.TSV), 1), rest(t, two))
}

// Long lines are sent from where the journal has them, in the formats that leave lines as they are.
func TestLongLinesAreNotCopied(t *testing.T) {
	b := newRig(t, 64<<20, Config{})
	long := strings.Repeat("x", gatherFrom)
	var cursors []*Cursor
	for _, format := range formats {
		cursors = append(cursors, b.open("", format, protocol.From{}))
	}
	b.j.Add(journaltest.Lines("ada: "+long+"1 "+long+"2"), journaltest.Lines("ada: short"))
	for i, c := range cursors {
		run, err := c.Next(room(8))
		require.NoError(t, err)
		require.Equal(t, from(b.render("", formats[i]), 1), string(joined(run)))
		if !formats[i].Verbatim() {
			require.LessOrEqual(t, len(run), 2, "it escapes")
			continue
		}
		require.Len(t, run, 5, "a head, a line, a head, a line, and what is short")
		entries, _ := c.segment.Entries(0)
		require.Same(t, &entries[0].Lines[0], &run[1][0])
		run, err = c.Next(room(3))
		require.NoError(t, err)
		require.Len(t, run, 3, "no more than there is room for")
	}
}

// Memory of blocks that all have passed is used at once for the next ones, while it is in the
// processor's cache, unless somebody is behind.
func TestPassedBlocksAreDropped(t *testing.T) {
	b := newRig(t, 64<<20, Config{})
	one, two := b.open("", protocol.Plain, protocol.From{}), b.open("", protocol.Plain, protocol.From{})
	e := journaltest.Lines("ada: " + strings.Repeat("x ", 4096)) // a segment
	b.j.Add(e)
	rest(t, one)
	require.Contains(t, one.feed.blocks, uint64(1), "two is behind")
	rest(t, two)
	require.NotContains(t, two.feed.blocks, uint64(1))
	b.requireCache()
	late := b.open("", protocol.Plain, protocol.FromFirst())
	rest(t, late)
	require.Contains(t, late.feed.blocks, uint64(1), "those who come late are seldom alone")
	b.requireCache()
}

func TestEveryFilterAndFormat(t *testing.T) {
	b := newRig(t, 0, Config{})
	var cursors []*Cursor
	var filters []string
	for _, filter := range []string{"", "a", "a.*", ">", "none"} {
		for _, format := range formats {
			cursors = append(cursors, b.open(filter, format, protocol.From{}))
			filters = append(filters, filter)
		}
	}
	for n := range 50 {
		b.j.Add(journaltest.Lines("ada#a: one two"), journaltest.Joined("bob"), journaltest.Lines("bob#a.b: three"), journaltest.Lines(fmt.Sprint("eve: ", n)))
	}
	for i, c := range cursors {
		format := formats[i%len(formats)]
		assert.Equal(t, from(b.render(filters[i], format), 1), rest(t, c), "P8, P11, P13: %s of topic=%s", format, filters[i])
		assert.EqualValues(t, map[string]int{"": 200, "a": 100, "a.*": 50, ">": 150, "none": 0}[filters[i]], c.Close())
	}
}

// Wherever a cursor begins, it gets what is left of the whole, and counts what it has passed.
func TestP12EveryStartAndEveryLength(t *testing.T) {
	b := newRig(t, 0, Config{})
	b.j.Add(journaltest.Joined("bob"), journaltest.Lines("ada#a: 1 22 3"), journaltest.Joined("e"), journaltest.Joined("x"), journaltest.Lines("bob#b: 4"), journaltest.Lines("ada#a: 5 6"), journaltest.Lines("e: 7"), journaltest.Joined("z"))
	for _, filter := range []string{"", "a", "b"} {
		for _, format := range []protocol.Format{protocol.Plain, protocol.TSV, protocol.SSE} {
			all := b.render(filter, format)
			for pos := uint64(1); pos <= 8; pos++ {
				want := from(all, pos)
				for length := 0; length <= len(want); length += 1 + length%3 {
					c := b.open(filter, format, protocol.FromPosition(pos))
					require.Equal(t, pos, c.Start())
					for left := length; left > 0; {
						data, err := next(c)
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
func passed(all []item, pos uint64, length int) (n uint64) {
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
	b := newRig(t, 0, Config{})
	first := b.open("", protocol.Plain, protocol.From{})
	b.j.Add(journaltest.Lines("ada: 1 2 3"))
	require.NotEmpty(t, rest(t, first))
	b.j.Add(journaltest.Lines("ada: 4 5"), journaltest.Joined("x"), journaltest.Lines("bob: 6"))
	for pos := uint64(1); pos <= 7; pos++ {
		c := b.open("", protocol.Plain, protocol.FromPosition(pos))
		require.Equal(t, from(b.render("", protocol.Plain), pos), rest(t, c), "P12: from=%d", pos)
		require.Equal(t, 7-pos, c.Close())
	}
	late := b.open("", protocol.Plain, protocol.From{})
	require.Empty(t, rest(t, late))
	b.j.Add(journaltest.Lines("ada: 7"))
	require.Equal(t, "[FROM ada] : 7\n", rest(t, late))
	require.Equal(t, from(b.render("", protocol.Plain), 4), rest(t, first))
	require.EqualValues(t, 7, first.Close())
	require.EqualValues(t, 1, late.Close())
}

func TestP12Gap(t *testing.T) {
	b := newRig(t, journal.MinHistory, Config{})
	for range 12 {
		b.j.Add(journaltest.Bulk(journaltest.Eighth))
	}
	for _, format := range formats {
		c := b.open("", format, protocol.FromPosition(2))
		missing := c.Start() - 2
		require.Positive(t, missing)
		gap := string(format.AppendEvent(nil, &protocol.Event{Kind: protocol.Gap, Missing: missing}))
		data, err := next(c)
		require.NoError(t, err)
		require.Equal(t, gap, string(data), "P12: the gap comes first, alone")
		c.Advance(2)
		data, err = next(c)
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
	b := newRig(t, 0, Config{})
	b.j.Add(journaltest.Lines("ada: one"))
	c := b.open("", protocol.Plain, protocol.FromFirst())
	empty := b.open("none", protocol.Plain, protocol.From{})
	b.j.Close()
	require.Equal(t, "[FROM ada] : one\n", rest(t, c))
	for range 2 {
		_, err := next(c)
		require.ErrorIs(t, err, io.EOF, "P17: the end of a closed journal, however often asked")
		_, err = next(empty)
		require.ErrorIs(t, err, io.EOF)
	}
	require.EqualValues(t, 1, c.Close())
	require.Zero(t, empty.Close())
	_, err := b.Open(context.Background(), protocol.Filter{}, protocol.Plain, protocol.From{}, nil, nil)
	require.ErrorIs(t, err, journal.ErrClosed)
	require.Empty(t, b.feeds)
}

func TestInterruptBeforeNext(t *testing.T) {
	b := newRig(t, 0, Config{})
	b.j.Add(journaltest.Lines("ada: one"))
	c := b.open("", protocol.Plain, protocol.FromFirst())
	first, second := errors.New("first"), errors.New("second")
	c.Interrupt(first)
	c.Interrupt(second)
	for range 2 {
		_, err := next(c)
		require.Equal(t, first, err, "the first error counts, from then on")
	}
	require.Zero(t, c.Close())
}

// Who has nothing to send for now, or waits for a turn, is given no room: it would only keep it.
func TestRoomIsForWhatIsThere(t *testing.T) {
	b := newRig(t, 0, Config{})
	c := b.open("", protocol.Plain, protocol.From{})
	defer c.Close()
	asked := 0
	once := func() [][]byte {
		asked++
		return make([][]byte, 0, 1)
	}
	run, err := c.Next(once)
	require.NoError(t, err)
	require.Empty(t, run)
	require.Zero(t, asked)
	b.j.Add(journaltest.Lines("ada: " + strings.Repeat("x ", 4096))) // a segment
	run, err = c.Next(once)
	require.NoError(t, err)
	c.Advance(len(joined(run)))
	run, err = c.Next(once) // it goes on to the next segment, and finds nothing there
	require.NoError(t, err)
	require.Empty(t, run)
	require.Equal(t, 1, asked)
}
