package jetstream

import (
	"context"
	"sync"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// outbox is what this broker has appended and the stream has not acknowledged,
// or not brought back. It bounds how much that can be.
type outbox struct {
	window int // bytes
	group  int // about how many bytes of letters go into a message

	mu        sync.Mutex
	letters   []letter // in their order
	first     uint64   // the number of the first letter
	accepted  int      // how many of the letters, from the first on, were read back as accepted
	sent      int      // the next letter to send
	size      int      // bytes of all letters
	confirmed uint64   // the highest sequence number that the stream has acknowledged
	closed    bool
	waiting   int           // Appends that wait for room
	room      chan struct{} // closed and replaced when there may be room, or no hope of it

	more    chan struct{} // has a value when the sender has something to do
	drained chan struct{} // closed when the outbox is closed and empty
}

// letter is an entry on its way.
type letter struct {
	entry journal.Entry
	seq   uint64 // as which it was accepted; 0 for not yet
	done  func(error)
}

// letterOverhead is what a letter counts for besides its lines, in bytes.
const letterOverhead = 512

func (l *letter) size() int { return len(l.entry.Lines) + letterOverhead }

func newOutbox(window, group int) *outbox {
	return &outbox{
		window:  window,
		group:   group,
		first:   1,
		room:    make(chan struct{}),
		more:    make(chan struct{}, 1),
		drained: make(chan struct{}),
	}
}

// add appends an entry when there is room for it. Events do not wait, except
// that nobody joins when there is far too little room.
func (o *outbox) add(ctx context.Context, e journal.Entry, done func(error)) error {
	l := letter{entry: e, done: done}
	limit := o.window
	if e.Event != nil && e.Event.Kind == protocol.Joined {
		limit = 2 * limit
	}
	waits := e.Event == nil || e.Event.Kind == protocol.Joined
	o.mu.Lock()
	defer o.mu.Unlock()
	for waits && !o.closed && len(o.letters) > 0 && o.size+l.size() > limit {
		room := o.room
		o.waiting++
		o.mu.Unlock()
		var err error
		select {
		case <-room:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		o.mu.Lock()
		o.waiting--
		if err != nil {
			return err
		}
	}
	if o.closed {
		return journal.ErrClosed
	}
	o.letters = append(o.letters, l)
	o.size += l.size()
	o.wakeSender()
	return nil
}

func (o *outbox) wakeSender() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

func (o *outbox) wakeWaitingLocked() {
	if o.waiting > 0 {
		close(o.room)
		o.room = make(chan struct{})
	}
}

// rewind makes the sender begin again with the first letter that was not
// accepted; or with the last that was, because the stream's answer may have
// been lost: that to its double acknowledges it too.
func (o *outbox) rewind() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = max(0, o.accepted-1)
}

// next returns the next letters to send, as many as a message should hold, and
// the number of the first.
func (o *outbox) next() (number uint64, group []journal.Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = max(o.sent, o.accepted-1) // of an earlier attempt some may have arrived since
	number = o.first + uint64(o.sent)
	for size := 0; o.sent < len(o.letters); o.sent++ {
		e := o.letters[o.sent].entry
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

// accept tells that all letters up to this number are in the order, the last
// of them as this sequence number.
func (o *outbox) accept(number, seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.accepted < len(o.letters) && o.first+uint64(o.accepted) <= number {
		o.letters[o.accepted].seq = seq
		o.accepted++
	}
	o.wakeSender()
}

// unaccepted returns the number of the first letter that was not accepted.
func (o *outbox) unaccepted() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.first + uint64(o.accepted)
}

// confirm tells that the stream has acknowledged this sequence number, and so
// all before it.
func (o *outbox) confirm(seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.confirmed = max(o.confirmed, seq)
}

// finish takes those letters out that are accepted and acknowledged, and tells
// so. Only the sender calls it, so that it tells in their order.
func (o *outbox) finish() {
	o.mu.Lock()
	n := 0
	for n < o.accepted && o.letters[n].seq <= o.confirmed {
		o.size -= o.letters[n].size()
		n++
	}
	finished := o.removeLocked(n)
	o.mu.Unlock()
	for _, l := range finished {
		l.done(nil)
	}
}

func (o *outbox) removeLocked(n int) []letter {
	removed := o.letters[:n:n]
	o.letters = o.letters[n:]
	o.first += uint64(n)
	o.accepted -= n
	o.sent = max(0, o.sent-n)
	if n > 0 {
		o.wakeWaitingLocked()
		if o.closed && len(o.letters) == 0 {
			close(o.drained)
		}
	}
	return removed
}

// close makes add fail from now on. It may be called again.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	o.wakeWaitingLocked()
	if len(o.letters) == 0 {
		close(o.drained)
	}
}

// abandon gives up on what is left. Only the sender calls it, at its end.
func (o *outbox) abandon() {
	o.close()
	o.mu.Lock()
	left := o.letters
	o.letters = nil
	o.mu.Unlock()
	for _, l := range left {
		l.done(journal.ErrClosed)
	}
}
