package jetstream

import (
	"context"
	"sync"

	"pubsublab/server/journal"
)

// outbox is what this broker has appended and the stream has not acknowledged, or not brought back.
// It bounds how much that can be.
type outbox struct {
	group int // about how many bytes of entries go into a message

	mu        sync.Mutex
	window    journal.Window
	pending   []pending // in their order
	first     uint64    // the number of the first of them
	accepted  int       // how many of them, from the first on, were read back as accepted
	sent      int       // the next of them to send
	confirmed uint64    // the highest sequence number that the stream has acknowledged

	more    chan struct{} // has a value when the sender has something to do
	drained chan struct{} // closed when the outbox is closed and empty
}

// pending is an entry that was appended and is not acknowledged.
type pending struct {
	entry journal.Entry
	seq   uint64 // as which it was accepted; 0 for not yet
	done  func(error)
}

func newOutbox(window, group int) *outbox {
	return &outbox{
		window:  journal.NewWindow(window),
		group:   group,
		first:   1,
		more:    make(chan struct{}, 1),
		drained: make(chan struct{}),
	}
}

// add appends an entry when the window has room for it.
func (o *outbox) add(ctx context.Context, e journal.Entry, done func(error)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.window.EnterLocked(ctx, &o.mu, &e); err != nil {
		return err
	}
	o.pending = append(o.pending, pending{entry: e, done: done})
	o.wakeSender()
	return nil
}

func (o *outbox) wakeSender() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// rewind makes the sender begin again with the first entry that was not accepted; or with the last
// that was, because the stream's answer may have been lost: that to its double acknowledges it too.
func (o *outbox) rewind() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = max(0, o.accepted-1)
}

// next returns the next entries to send, as many as a message should hold, and the number of the
// first.
func (o *outbox) next() (number uint64, group []journal.Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = max(o.sent, o.accepted-1) // of an earlier attempt some may have arrived since
	number = o.first + uint64(o.sent)
	for size := 0; o.sent < len(o.pending); o.sent++ {
		e := o.pending[o.sent].entry
		size += len(e.Lines) + headerSize(&e)
		if size > o.group && len(group) > 0 {
			break
		}
		group = append(group, e)
	}
	return number, group
}

// headerSize is more than what an entry takes besides its lines, in bytes.
func headerSize(e *journal.Entry) int {
	const fixed = 200
	size := fixed + len(e.From) + len(e.Topic) + len(e.Run)
	if e.Event != nil {
		size += len(e.Event.Name) + len(e.Event.Topic)
	}
	return size
}

// accept records that all entries up to this number are in the order, the last of them as this
// sequence number.
func (o *outbox) accept(number, seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.accepted < len(o.pending) && o.first+uint64(o.accepted) <= number {
		o.pending[o.accepted].seq = seq
		o.accepted++
	}
	o.wakeSender()
}

// unaccepted returns the number of the first entry that was not accepted.
func (o *outbox) unaccepted() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.first + uint64(o.accepted)
}

// confirm records that the stream has acknowledged this sequence number, and so all before it.
func (o *outbox) confirm(seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.confirmed = max(o.confirmed, seq)
}

// finish takes those entries out that are accepted and acknowledged, and tells so. Only the sender
// calls it, so that it tells in their order.
func (o *outbox) finish() {
	o.mu.Lock()
	n := 0
	for n < o.accepted && o.pending[n].seq <= o.confirmed {
		o.window.LeaveLocked(&o.pending[n].entry)
		n++
	}
	finished := o.removeLocked(n)
	o.mu.Unlock()
	for _, p := range finished {
		p.done(nil)
	}
}

func (o *outbox) removeLocked(n int) []pending {
	removed := o.pending[:n:n]
	o.pending = o.pending[n:]
	o.first += uint64(n)
	o.accepted -= n
	o.sent = max(0, o.sent-n)
	if n > 0 {
		o.window.WakeLocked()
		if o.window.ClosedLocked() && len(o.pending) == 0 {
			close(o.drained)
		}
	}
	return removed
}

// close makes add fail from now on. It may be called again.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.window.ClosedLocked() {
		return
	}
	o.window.CloseLocked()
	if len(o.pending) == 0 {
		close(o.drained)
	}
}

// abandon gives up on what is left. Only the sender calls it, at its end.
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
