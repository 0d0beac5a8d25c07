package feed

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// Blocks that cursors are in are few at once, however many cursors with filters of their own there
// are: who comes later waits until one is let go. Those who share a block do not wait for each
// other.
func TestHeldBlocksAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.NewMemory(journal.MinHistory)
		set := NewSet(j, Config{})
		defer j.Close(context.Background())
		require.NoError(t, j.Append(context.Background(), journaltest.Lines("ada#a: one"), func(error) {}))
		open := func(filter string) *Cursor {
			c, err := set.Open(context.Background(), journaltest.Filter(t, filter), protocol.Plain, protocol.FromFirst(), func() {}, nil)
			require.NoError(t, err)
			return c
		}
		hold := func(c *Cursor) <-chan struct{} {
			held := make(chan struct{})
			go func() {
				defer close(held)
				data, err := next(c)
				require.NoError(t, err)
				require.Equal(t, "[FROM ada #a] : one\n", string(data))
			}()
			synctest.Wait()
			return held
		}
		set.held.Acquire(context.Background(), maxHeld()-1) // as others would
		first, shares, other := open("a"), open("a"), open("*")
		<-hold(first)
		<-hold(shares)
		waits := hold(other)
		select {
		case <-waits:
			t.Fatal("a block too many is held")
		default:
		}
		first.LetGo()
		synctest.Wait()
		select {
		case <-waits:
			t.Fatal("a block that somebody else is in was not let go")
		default:
		}
		shares.LetGo()
		<-waits
		for _, c := range []*Cursor{first, shares, other} {
			c.Close()
		}
		require.True(t, set.held.TryAcquire(1), "Close lets go, too")
	})
}
