package grade

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of those that wait, the ones that are first get in first, and who gives up is no hindrance.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slots{free: 2}
		require.NoError(t, s.acquire(t.Context(), 2, false))
		came := make(chan string, 4)
		ask := func(ctx context.Context, name string, wants int, first bool) {
			go func() {
				if s.acquire(ctx, wants, first) != nil {
					name += " gave up"
				}
				came <- name
			}()
			synctest.Wait()
		}
		next := func() (names []string) {
			synctest.Wait()
			for len(came) > 0 {
				names = append(names, <-came)
			}
			return names
		}
		impatient, giveUp := context.WithCancel(t.Context())
		ask(t.Context(), "a", 1, false)
		ask(impatient, "b", 2, true)
		ask(t.Context(), "c", 1, true)
		ask(t.Context(), "d", 1, true)
		s.release(1)
		assert.Empty(t, next(), "b is before the others, and wants two")
		giveUp()
		assert.ElementsMatch(t, []string{"b gave up", "c"}, next())
		s.release(1)
		assert.Equal(t, []string{"d"}, next())
		s.release(1)
		assert.Equal(t, []string{"a"}, next())
	})
}
