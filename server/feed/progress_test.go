package feed

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal/journaltest"
)

// At any byte of its feed, a cursor's progress is what it has passed whole, and the rest is its lag.
func TestProgressAtEveryByte(t *testing.T) {
	b := newRig(t, 0, Config{})
	b.j.Add(journaltest.Lines("ada#a: 1 22 333"), journaltest.Joined("bob"), journaltest.Lines("bob#b: 4444"), journaltest.Lines("ada#a: 55555"))
	sizes := []int{2, 3, 4, 5, 6} // of the lines, with LF
	for _, format := range formats {
		for _, filter := range []string{"", "a"} {
			all := from(b.render(filter, format), 1)
			c := b.open(filter, format, protocol.FromFirst())
			for off := range all {
				whole, size := uint64(0), 0
				for _, one := range b.render(filter, format) {
					if size += len(one.bytes); one.message && size <= off {
						whole++
					}
				}
				p := c.Progress()
				require.Equal(t, whole, p.Lines, "%s of %q at %d", format, filter, off)
				require.EqualValues(t, 5, p.Position+p.Messages)
				left := 0
				for _, size := range sizes[p.Position:] {
					left += size
				}
				require.Equal(t, left, p.Bytes)
				data, err := next(c)
				require.NoError(t, err)
				require.Equal(t, all[off:], string(data))
				c.Advance(1)
			}
			end := Progress{Lines: map[string]uint64{"": 5, "a": 4}[filter], Position: 5}
			require.Equal(t, end, c.Progress())
			data, err := next(c)
			require.NoError(t, err)
			require.Empty(t, data)
			require.Equal(t, end, c.Progress(), "parked")
			c.Close()
		}
	}
}

// Progress never goes back, also where what a cursor has passed of a block is no longer known.
func TestProgressNeverGoesBack(t *testing.T) {
	b := newRig(t, 0, Config{})
	b.j.Add(journaltest.Lines("ada: one two three"))
	c := b.open("", protocol.Plain, protocol.FromFirst())
	data, err := next(c)
	require.NoError(t, err)
	c.Advance(len(data) - 1)
	before := c.Progress()
	require.Equal(t, Progress{Lines: 2, Position: 2, Messages: 1, Bytes: 6}, before)
	c.LetGo()
	b.mu.Lock()
	for _, block := range c.feed.blocks {
		b.forgetLocked(block)
	}
	b.mu.Unlock()
	after := c.Progress()
	require.Equal(t, before.Lines, after.Lines)
	require.Equal(t, before.Position, after.Position)
	c.Close()
}

// Those of a format who wait are woken, find nothing, and wait again for what comes.
func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newRig(t, 0, Config{})
		browser, other := b.open("", protocol.SSE, protocol.From{}), b.open("", protocol.Plain, protocol.From{})
		for _, c := range []*Cursor{browser, other} {
			data, err := next(c)
			require.NoError(t, err)
			require.Empty(t, data)
			require.True(t, c.parked)
		}
		b.Wake(protocol.SSE)
		require.False(t, browser.parked)
		require.True(t, other.parked)
		wake, _ := b.wakes.Load(browser)
		<-wake.(chan struct{})
		k := b.take(browser)
		require.Empty(t, k.taken())
		require.True(t, b.parked(browser))
		b.j.Add(journaltest.Lines("ada: one"))
		require.Contains(t, k.taken(), `"line":"one"`)
		b.Wake(protocol.SSE)
		require.Empty(t, k.taken())
		b.j.Close()
		synctest.Wait()
		require.EqualValues(t, 1, browser.Close())
		other.Close()
	})
}
