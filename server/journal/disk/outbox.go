package disk

import (
	"context"
	"sync"

	"pubsublab/server/journal"
)

// outbox is what was appended and is not acknowledged. It bounds how much that can be.
type outbox struct {
	more chan struct{} // has a value when the writer has something to do

	mu      sync.Mutex
	window  journal.Window
	pending []pending // in their order
}

// pending is an entry that was appended.
type pending struct {
	entry journal.Entry
	done  func(error)
}

func newOutbox(window int) *outbox {
	return &outbox{window: journal.NewWindow(window), more: make(chan struct{}, 1)}
}

// add appends an entry when the window has room for it.
func (o *outbox) add(ctx context.Context, e journal.Entry, done func(error)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.window.EnterLocked(ctx, &o.mu, &e); err != nil {
		return err
	}
	o.pending = append(o.pending, pending{e, done})
	o.wakeWriter()
	return nil
}

func (o *outbox) wakeWriter() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// next returns the oldest entries, as many as a frame should hold, and whether there is nothing and
// never will be. They stay in the outbox.
func (o *outbox) next(most int) (batch []pending, drained bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for size := 0; n < len(o.pending) && size < most; n++ {
		size += len(o.pending[n].entry.Lines) + journal.WindowOverhead
	}
	return o.pending[:n:n], o.window.ClosedLocked() && n == 0
}

// busy reports whether anything is not acknowledged yet.
func (o *outbox) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending) > 0
}

// finish takes the oldest n entries out, and acknowledges them.
func (o *outbox) finish(n int) {
	o.mu.Lock()
	finished := o.pending[:n:n]
	o.pending = o.pending[n:]
	for i := range finished {
		o.window.LeaveLocked(&finished[i].entry)
	}
	o.window.WakeLocked()
	o.mu.Unlock()
	for i := range finished {
		finished[i].entry.Buffer.Release()
		finished[i].done(nil)
		finished[i] = pending{} // what is behind it keeps the array
	}
}

// close makes add fail from now on. It may be called again.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.window.CloseLocked()
	o.wakeWriter()
}

// abandon gives up on what is left. Only the writer calls it, at its end.
func (o *outbox) abandon() {
	o.close()
	o.mu.Lock()
	left := o.pending
	o.pending = nil
	o.mu.Unlock()
	for _, p := range left {
		p.done(journal.ErrClosed)
	}
}
