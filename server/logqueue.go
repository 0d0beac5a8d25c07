package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// logQueueSize is how many bytes of records wait at most while nobody takes the log. As much
	// again may be in the middle of being written.
	logQueueSize = 1 << 20
	// logGrace is how long the end of the process waits for the last records to be taken.
	logGrace = 2 * time.Second
)

// logQueue writes a log beside the work. Whoever logs leaves a record and goes on, whether or not
// somebody reads the log: a full pipe or a terminal that is stopped by Ctrl+S takes nothing. What
// does not fit then is dropped, and a record in its place says how many were. Its methods may be
// called concurrently.
type logQueue struct {
	// Static after construction.
	out     io.Writer
	dropped func(w io.Writer, records int) // writes the record that says how many are missing

	mu      sync.Mutex
	waiting []byte        // whole records
	missing int           // records that came after waiting and did not fit
	work    sync.Cond     // waiting or missing have become more than nothing
	busy    bool          // a batch is being written
	moved   chan struct{} // closed when a batch has been taken or written
}

// newLogQueue returns a queue that writes to out, which handler's records are for: it makes the one
// that says how many are missing.
func newLogQueue(out io.Writer, handler func(io.Writer) slog.Handler) *logQueue {
	q := &logQueue{out: out, moved: make(chan struct{}), dropped: func(w io.Writer, records int) {
		slog.New(handler(w)).Warn("nobody reads the log fast enough, records are missing here", "records", records)
	}}
	q.work.L = &q.mu
	go q.run()
	return q
}

// Write takes a record, and never waits or fails.
func (q *logQueue) Write(record []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.missing > 0 || len(q.waiting)+len(record) > logQueueSize {
		q.missing++
	} else {
		q.waiting = append(q.waiting, record...)
	}
	q.work.Signal()
	return len(record), nil
}

// run writes what waits, all of it at once.
func (q *logQueue) run() {
	var batch []byte
	q.mu.Lock()
	for {
		for len(q.waiting) == 0 && q.missing == 0 {
			q.work.Wait()
		}
		if cap(batch) > 64<<10 { // a burst is over: an idle log holds no big buffer
			batch = nil
		}
		batch, q.waiting = q.waiting, batch[:0]
		missing := q.missing
		q.missing = 0
		q.busy = true
		q.movedLocked()
		q.mu.Unlock()
		if missing > 0 {
			tail := bytes.NewBuffer(batch)
			q.dropped(tail, missing)
			batch = tail.Bytes()
		}
		q.out.Write(batch) // a log that is gone is no reason to end
		q.mu.Lock()
		q.busy = false
		q.movedLocked()
	}
}

func (q *logQueue) movedLocked() {
	close(q.moved)
	q.moved = make(chan struct{})
}

// room waits until half of the queue is free, or until ctx ends.
func (q *logQueue) room(ctx context.Context) error {
	return q.wait(ctx, func() bool { return len(q.waiting) <= logQueueSize/2 })
}

// flush waits until everything is written, or until ctx ends.
func (q *logQueue) flush(ctx context.Context) error {
	return q.wait(ctx, func() bool { return len(q.waiting) == 0 && q.missing == 0 && !q.busy })
}

func (q *logQueue) wait(ctx context.Context, enough func() bool) error {
	for {
		q.mu.Lock()
		ok, moved := enough(), q.moved
		q.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
