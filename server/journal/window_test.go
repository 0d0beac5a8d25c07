package journal

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		w := NewWindow(10_000)
		enter := func(ctx context.Context, e Entry) error {
			mu.Lock()
			defer mu.Unlock()
			return w.EnterLocked(ctx, &mu, &e)
		}
		large, small := Entry{Lines: make([]byte, 20_000)}, Entry{Lines: []byte("a\n")}
		joined, left := Entry{Event: &protocol.Event{Kind: protocol.Joined}}, Entry{Event: &protocol.Event{Kind: protocol.Left}}
		require.NoError(t, enter(t.Context(), large), "the first always finds room")
		require.NoError(t, enter(t.Context(), left), "a departure does not wait")

		canceled, cancel := context.WithCancelCause(t.Context())
		results := make(chan error, 3)
		go func() { results <- enter(canceled, small) }()
		go func() { results <- enter(t.Context(), small) }()
		go func() { results <- enter(t.Context(), joined) }()
		synctest.Wait()
		assert.Empty(t, results, "there is no room")
		gone := errors.New("gone")
		cancel(gone)
		assert.Equal(t, gone, <-results)

		mu.Lock()
		w.LeaveLocked(&large)
		w.WakeLocked()
		mu.Unlock()
		assert.NoError(t, <-results)
		assert.NoError(t, <-results)

		mu.Lock()
		w.CloseLocked()
		mu.Unlock()
		assert.Equal(t, ErrClosed, enter(t.Context(), small))
	})
}
