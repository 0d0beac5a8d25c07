package grade

import (
	"context"
	"slices"
	"sync"
)

// slots bounds what goes on at once. Of those that wait, the ones that are first go first, and otherwise
// those that came first. Methods may be called concurrently.
type slots struct {
	mu    sync.Mutex
	free  int
	queue []*waiting
}

// waiting is one that wants some slots; ready is closed when it has them.
type waiting struct {
	wants int
	first bool
	ready chan struct{}
}

// acquire waits for so many slots. An error is that ctx ended before.
func (s *slots) acquire(ctx context.Context, wants int, first bool) error {
	w := &waiting{wants, first, make(chan struct{})}
	s.mu.Lock()
	at := slices.IndexFunc(s.queue, func(other *waiting) bool { return first && !other.first })
	if at < 0 {
		at = len(s.queue)
	}
	s.queue = slices.Insert(s.queue, at, w)
	s.admitLocked()
	s.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := slices.Index(s.queue, w); at >= 0 {
		s.queue = slices.Delete(s.queue, at, at+1)
	} else {
		s.free += wants // it got them meanwhile
	}
	s.admitLocked()
	return context.Cause(ctx)
}

// release gives slots back.
func (s *slots) release(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free += count
	s.admitLocked()
}

// admitLocked lets in those at the front of the queue for whom there is room.
func (s *slots) admitLocked() {
	for len(s.queue) > 0 && s.queue[0].wants <= s.free {
		s.free -= s.queue[0].wants
		close(s.queue[0].ready)
		s.queue = s.queue[1:]
	}
}
