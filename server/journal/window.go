package journal

import (
	"context"
	"sync"

	"pubsublab/protocol"
)

// Window bounds how much may be appended to a journal and not be acknowledged yet. Whoever has one
// guards it with a mutex, which is held in all calls.
type Window struct {
	limit   int // bytes
	size    int // bytes of what has entered and not left
	closed  bool
	waiting int           // calls of EnterLocked that wait for room
	room    chan struct{} // closed and replaced when there may be room, or no hope of it
}

// NewWindow returns a window of so many bytes.
func NewWindow(limit int) Window { return Window{limit: limit, room: make(chan struct{})} }

// WindowOverhead is what an entry counts for in a Window besides its lines, in bytes.
const WindowOverhead = 512

// EnterLocked waits until there is room for an entry, of which the first always finds some, and lets
// go of mu meanwhile. Events do not wait, except that nobody joins when there is far too little
// room. It fails with the cause of ctx, or with ErrClosed.
func (w *Window) EnterLocked(ctx context.Context, mu *sync.Mutex, e *Entry) error {
	limit, waits := w.limit, true
	if e.Event != nil {
		limit, waits = 2*limit, e.Event.Kind == protocol.Joined
	}
	size := len(e.Lines) + WindowOverhead
	for waits && !w.closed && w.size > 0 && w.size+size > limit {
		if err := w.waitLocked(ctx, mu); err != nil {
			return err
		}
	}
	if w.closed {
		return ErrClosed
	}
	w.size += size
	return nil
}

func (w *Window) waitLocked(ctx context.Context, mu *sync.Mutex) error {
	room := w.room
	w.waiting++
	mu.Unlock()
	defer func() {
		mu.Lock()
		w.waiting--
	}()
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// LeaveLocked takes an entry out that had entered. WakeLocked is called when all have left that do at
// once.
func (w *Window) LeaveLocked(e *Entry) { w.size -= len(e.Lines) + WindowOverhead }

// WakeLocked has those who wait look again.
func (w *Window) WakeLocked() {
	if w.waiting > 0 {
		close(w.room)
		w.room = make(chan struct{})
	}
}

// CloseLocked has nobody enter any more. It may be called again.
func (w *Window) CloseLocked() {
	w.closed = true
	w.WakeLocked()
}

// ClosedLocked reports whether CloseLocked was called.
func (w *Window) ClosedLocked() bool { return w.closed }
