// Package journal holds the one order of all messages (P9). It is the only place that decides it.
// Whoever appends learns the order by reading the journal back, never by assuming it: an
// implementation may have other writers, and may acknowledge later.
package journal

import (
	"bytes"
	"context"
	"errors"
	"time"

	"pubsublab/protocol"
)

// Journal is the order, and the newest part of it as history. All methods may be called
// concurrently.
//
// What it holds is a chain of Segments. A reader has acquired exactly one of them at any time; that
// segment and all newer ones stay until the reader moves on, and when there is no room for more,
// Append waits.
type Journal interface {
	// ID names this order: positions and runs mean nothing in another one.
	ID() string

	// Append adds an entry at the end of the order. Its Pos and Time are the journal's to set, the
	// Time of an event too, so that times never run backwards along the order. Its Lines are the
	// caller's again when Append returns, unless they are in its Buffer, where they must not change
	// any more. It waits while there is no room, until ctx ends; events do not,
	// except that Joined does when there is far too little. done is called exactly once where
	// Append returned nil, with the outcome, perhaps later and on another goroutine, and must not
	// wait; entries of one caller are acknowledged in the order of its calls. Lines of a run that
	// the journal has already are left out (P15).
	Append(ctx context.Context, e Entry, done func(error)) error

	// Open finds where a reader begins (P12), and acquires that segment for it. It may have to find
	// out, until ctx ends, whether a position has come already.
	Open(ctx context.Context, from protocol.From, filter protocol.Filter) (Start, error)

	// Advance releases a sealed segment and acquires what comes after it. At the end of a closed
	// journal it has only released, and the place has no segment. What is not at hand it has to
	// fetch, until ctx ends: with an error it has only released, too.
	Advance(ctx context.Context, s *Segment) (Start, error)

	// Release ends a reader that has acquired s.
	Release(s *Segment)

	// NextLine returns the number of the line with which a publisher's run has to go on (P15): 1
	// for a run that the journal does not know. It may have to find out, until ctx ends, what has
	// come through other writers.
	NextLine(ctx context.Context, name, run string) (uint64, error)

	// Health reports what keeps the order from going on just now, nil for nothing.
	Health() error

	// Extent returns how far the order reaches.
	Extent() Extent

	// Place returns the position of the first message that comes at a place of the order or after
	// it, and how many bytes of lines in memory do. The caller has acquired the segment.
	Place(s *Segment, entry, line int) (pos uint64, size int)

	// Watch makes w hear of what happens. It is called once, before all else.
	Watch(w Watcher)

	// Close ends the order here: Append fails with ErrClosed from then on. It waits until what was
	// appended is acknowledged, and readers then find an end after the last entry; where ctx ends
	// first, the rest fails with ErrClosed. It may be called again, also meanwhile, with a ctx that
	// ends sooner.
	Close(ctx context.Context)
}

// Watcher hears of what readers wait for. Its methods are called without any lock of the journal,
// and may call the journal.
type Watcher interface {
	// Appended reports that e can be read. Its Lines stay as they are during the call only.
	Appended(e *Entry)
	// Backpressure reports that an Append waits until all readers have left s, the oldest segment,
	// or should. It is told again from time to time while that lasts.
	Backpressure(s *Segment)
	// Closed reports that there is an end.
	Closed()
}

// ErrClosed is what Append and Open return on a closed journal.
var ErrClosed = errors.New("the journal is closed")

// Entry is consecutive messages of one publisher, or one event.
type Entry struct {
	Pos  uint64 // of the first message; for an event, of the message after it
	Time time.Time

	// Of messages.
	From  string // the publisher's name
	Topic string // "" for none
	Lines []byte // Count messages, each followed by LF
	Count int
	Run   string // the publisher's run, "" for none (P15)
	First uint64 // the first line's number in the run; without lines, the run goes on with it

	// Buffer is what the Lines are in, held by whoever has the entry; nil for memory that is left to
	// the garbage collector. Other bytes in it count in the history too, with the first entry.
	Buffer *Buffer

	// Of an event: not zero.
	Event *protocol.Event
}

// covers reports whether a reader that wants pos, and what happened right before it, begins at this
// entry or an earlier one.
func (e *Entry) covers(pos uint64) bool {
	if e.Event != nil {
		return e.Pos >= pos
	}
	return e.Pos+uint64(e.Count) > pos
}

// StartAt leaves out what comes before pos, and reports whether anything is left: what happened
// right before pos is.
func (e *Entry) StartAt(pos uint64) bool {
	if !e.covers(pos) {
		return false
	}
	if e.Event == nil && e.Pos < pos {
		e.cut(int(pos - e.Pos))
	}
	return true
}

// entryOverhead is what an entry costs besides its lines, in bytes: its part of a segment, its
// strings, and its share of the feeds' bookkeeping.
const entryOverhead = 256

// cut takes the first n messages off e, or all of them. An event is one piece.
func (e *Entry) cut(n int) Entry {
	part := *e
	if e.Count > n {
		end := 0
		for range n {
			end += bytes.IndexByte(e.Lines[end:], '\n') + 1
		}
		part.Lines, part.Count = e.Lines[:end:end], n
	}
	e.Lines = e.Lines[len(part.Lines):]
	e.Count -= part.Count
	e.Pos += uint64(part.Count)
	e.First += uint64(part.Count)
	return part
}

// size returns what the entry counts for in the history. It needs the journal's lock.
func (e *Entry) size() int {
	if e.Buffer != nil && !e.Buffer.shared {
		return e.Buffer.size + entryOverhead
	}
	return len(e.Lines) + entryOverhead
}

// rendered returns how many bytes e is at most as a server-sent event, the longest format, where that
// has nothing to escape.
func (e *Entry) rendered() int {
	const message = len("id: 18446744073709551615\ndata: \n\n") +
		len(`{"pos":18446744073709551615,"time":"2026-11-22T10:15:04.123456Z","from":"","topic":"","line":""}`)
	const event = message + len(`"event":"joined","role":"SUBSCRIBER","lines":18446744073709551615,"reason":"terminate"`)
	if e.Event != nil {
		return event + len(e.Event.Name) + len(e.Event.Topic)
	}
	return len(e.Lines) + e.Count*(message+len(e.From)+len(e.Topic))
}

// Start is where a reader begins.
type Start struct {
	Segment *Segment
	Entry   int    // the index of the entry in the segment; one past the last for what comes next
	Line    int    // how many of its lines to leave out
	Next    uint64 // the position of the first message that can come
	Missing uint64 // how many messages before it were asked for and are no longer kept (P12)
	Short   uint64 // of the last so many that were asked for, how many were not found
}
