package feed

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal/journaltest"
)

// requireCache asserts that the cache is what its numbers say, and bounded.
func (b *rig) requireCache() {
	b.t.Helper()
	blocks, bytes := 0, 0
	for _, f := range b.feeds {
		for seq, block := range f.blocks {
			require.Equal(b.t, seq, block.seq)
			require.NotNil(b.t, block.place)
			memory := 0
			for _, m := range block.memory {
				memory += cap(m)
			}
			require.GreaterOrEqual(b.t, block.size, memory, "all that is rendered is counted")
			blocks++
			bytes += block.size
		}
	}
	require.Equal(b.t, blocks, b.cache.Len())
	require.Equal(b.t, bytes, b.cached)
	require.LessOrEqual(b.t, b.cached, b.cfg.Cache)
}

// What becomes longer than was expected is counted all the same.
func TestCacheCountsEscapes(t *testing.T) {
	b := newRig(t, 1<<20, Config{})
	b.j.Add(journaltest.Lines("ada: " + strings.Repeat("\x01", 4000)))
	for _, format := range formats {
		c := b.open("", format, protocol.FromFirst())
		_, err := b.next(c)
		require.NoError(t, err)
		b.requireCache()
		c.Close()
	}
}

func TestCacheIsBounded(t *testing.T) {
	b := newRig(t, 64<<20, Config{})
	require.Equal(t, 4<<20, b.cfg.Cache, "what zero means")
	word := strings.Repeat("x", 500)
	for n := range 4000 {
		b.j.Add(journaltest.Lines(fmt.Sprintf("ada: %s %s%d", word, word, n)))
	}
	for _, format := range []protocol.Format{protocol.Plain, protocol.JSON} {
		one := b.open("", format, protocol.FromFirst())
		early := b.open("", format, protocol.FromFirst())
		one.hold()
		early.hold()
		start := one.block
		require.Same(t, start, early.block)
		seen := map[*block]bool{start: true}
		var text strings.Builder
		for {
			data, _ := one.data()
			text.Write(data)
			one.off = len(data)
			b.requireCache()
			if one.block.segment != nil {
				break
			}
			require.NoError(t, one.move())
			one.hold()
			seen[one.block] = true
		}
		require.Nil(t, start.place, "the oldest blocks are dropped")
		require.Greater(t, len(seen), 10)
		require.True(t, text.String() == rest(t, early), "and rendered again just as they were")
		b.requireCache()
		require.EqualValues(t, 8_000, one.Close())
		require.EqualValues(t, 8_000, early.Close())
		require.Zero(t, b.cached, "a feed takes its blocks along")
	}
}

func TestFeedsGoWithTheirLastCursor(t *testing.T) {
	b := newRig(t, 0, Config{})
	one, two := b.open("a", protocol.Plain, protocol.From{}), b.open("a", protocol.Plain, protocol.From{})
	other := b.open("b", protocol.Plain, protocol.From{})
	b.j.Add(journaltest.Lines("ada#a: one"), journaltest.Lines("ada#b: two"))
	require.NotEmpty(t, rest(t, one))
	require.NotEmpty(t, rest(t, other))
	require.Len(t, b.feeds, 2)
	one.Close()
	require.Len(t, b.feeds, 2, "another cursor is left")
	require.Equal(t, "[FROM ada #a] : one\n", rest(t, two))
	b.requireCache()
	two.Close()
	require.Len(t, b.feeds, 1)
	b.requireCache()
	other.Close()
	require.Empty(t, b.feeds)
	require.Zero(t, b.cache.Len())
	require.Zero(t, b.cached)

	again := b.open("a", protocol.Plain, protocol.FromFirst())
	require.Equal(t, "[FROM ada #a] : one\n", rest(t, again), "a feed can come back")
	again.Close()
}

// A cursor goes on with a block that the cache has dropped, and so does one that comes to the same
// segment later, with a block of its own.
func TestADroppedBlockGoesOn(t *testing.T) {
	b := newRig(t, 0, Config{})
	old := b.open("", protocol.TSV, protocol.From{})
	b.j.Add(journaltest.Lines("ada: one"))
	text := rest(t, old)
	b.mu.Lock()
	b.forgetLocked(old.block)
	b.forgetLocked(old.block)
	b.mu.Unlock()
	young := b.open("", protocol.TSV, protocol.FromFirst())
	require.NotSame(t, old.block, young.block)
	b.j.Add(journaltest.Lines("bob: two"))
	text += rest(t, old)
	require.Equal(t, from(b.render("", protocol.TSV), 1), text)
	require.Equal(t, text, rest(t, young))
	b.requireCache()
	require.EqualValues(t, 2, old.Close())
	require.EqualValues(t, 2, young.Close())
}

// Memory is bounded by the cache, however many filters there are: who waits for something new holds
// nothing, and goes on where it was in a block made again.
func TestTheParkedHoldNoBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRig(t, 64<<20, Config{})
		filters := []string{"a", "*", ">", "a.>"}
		var takers []*taker
		for _, filter := range filters {
			takers = append(takers, b.take(b.open(filter, protocol.Plain, protocol.From{})))
		}
		b.j.Add(journaltest.Lines("ada#a: one two"))
		for i, k := range takers {
			want := from(b.render(filters[i], protocol.Plain), 1)
			require.Equal(t, want, k.taken())
			require.Nil(t, k.c.block)
		}
		b.mu.Lock()
		for b.cache.Len() > 0 {
			b.forgetLocked(b.cache.Front().Value.(*block))
		}
		b.mu.Unlock()
		b.j.Add(journaltest.Lines("ada#a: three"))
		for i, k := range takers {
			require.Equal(t, from(b.render(filters[i], protocol.Plain), 3), k.taken(), "P10: topic=%s", filters[i])
		}
		b.j.Close()
		synctest.Wait()
		for i, k := range takers {
			require.EqualValues(t, []int{3, 3, 3, 0}[i], k.c.Close())
		}
	})
}

// Memory of blocks is used again, but not while anybody can see it.
func TestMemoryOfBlocksIsUsedAgain(t *testing.T) {
	b := newRig(t, 64<<20, Config{})
	word := strings.Repeat("x", 500)
	for n := range 20_000 {
		b.j.Add(journaltest.Lines(fmt.Sprintf("ada: %s%d %s%d", word, n, word, n)))
	}
	held := map[*Cursor]string{}
	seen := map[*byte]bool{}
	blocks, pieces := 0, 0
	quick := b.open("", protocol.Plain, protocol.FromFirst())
	for {
		data, complete := quick.data()
		for _, p := range quick.block.pieces {
			seen[unsafe.SliceData(p.data)] = true
			pieces++
		}
		blocks++
		if !complete {
			break
		}
		if blocks%16 == 0 {
			slow := b.open("", protocol.Plain, protocol.FromPosition(b.j.Heard()[0].Pos+uint64(blocks)*100))
			data, err := next(slow)
			require.NoError(t, err)
			held[slow] = string(data)
		}
		quick.off = len(data)
		require.NoError(t, quick.move())
	}
	require.Less(t, len(seen), pieces, "blocks share memory, one after the other")
	for slow, text := range held {
		data, err := next(slow)
		require.NoError(t, err)
		require.True(t, text == string(data), "what was handed out does not change")
		slow.Close()
	}
	require.True(t, from(b.render("", protocol.Plain), 1) == rest(t, b.open("", protocol.Plain, protocol.FromFirst())))
	quick.Close()
}
