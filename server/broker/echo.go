package broker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/feed"
	"pubsublab/server/journal"
)

// echo logs what is published, in its order, to the end of the journal. It is a subscriber that
// nobody waits for: when publishers need the memory of lines that it has not logged yet, it leaves
// these out, and logs how many they are.
type echo struct {
	b      *Broker
	ctx    context.Context // ends when the echo has to stop
	cancel context.CancelCauseFunc
	done   chan struct{}
	logged atomic.Uint64 // lines

	// Owned by the echo's goroutine.
	next    uint64 // the position to log next; 0 before the first
	missing uint64 // lines left out right before next, and not logged as missing yet
}

var errUnread = errors.New("nobody reads the log")

// startEcho begins with what is published from now on or, where the journal is not healthy yet,
// from the time when it is.
func startEcho(b *Broker) *echo {
	e := &echo{b: b, done: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	var run func() error
	var err error
	if b.journal.Health() == nil {
		run, err = e.open()
	}
	go func() {
		defer close(e.done)
		defer b.activity.skipped(true)
		for err == nil {
			if run == nil {
				if run, err = e.open(); run == nil && err == nil {
					e.pause()
				}
			} else if err = run(); errors.Is(err, feed.ErrSlow) {
				run, err = nil, nil
			}
		}
		e.tellMissing()
		if e.next > 0 && !errors.Is(err, io.EOF) {
			b.log.Warn("the last published lines are missing here", "reason", err)
		}
	}()
	return e
}

// pause waits before another attempt at a journal that does not answer.
func (e *echo) pause() {
	select {
	case <-time.After(lingerTimeout):
	case <-e.ctx.Done():
	}
}

// open opens a cursor at what comes next. It returns a function that logs from there on; nil where
// the journal does not answer for now.
func (e *echo) open() (run func() error, err error) {
	ctx, cancel := context.WithCancelCause(e.ctx)
	wake := make(chan struct{}, 1) // each has been received when the next is sent
	cursor, err := e.b.feeds.Open(ctx, protocol.Filter{}, protocol.TSV, protocol.From{},
		func() { wake <- struct{}{} }, func() { cancel(feed.ErrSlow) })
	if err != nil {
		cancel(err)
		if e.ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) {
			err = nil // not yet: it has waited for a while, and is tried again
		}
		return nil, err
	}
	cursor.Expendable()
	if start := cursor.Start(); e.next == 0 {
		e.next = start
	} else if start > e.next {
		e.missing += start - e.next
		e.b.activity.skipped(false)
		e.next = start
	}
	return func() error {
		defer cancel(nil)
		defer cursor.Close()
		return e.follow(ctx, cursor, wake)
	}, nil
}

func (e *echo) follow(ctx context.Context, cursor *feed.Cursor, wake <-chan struct{}) error {
	var pieces [64][]byte // three are a line at least
	for {
		run, err := cursor.Next(func() [][]byte { return pieces[:0] })
		if err != nil {
			return err
		}
		if len(run) == 0 {
			select {
			case <-wake:
			case <-ctx.Done():
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			continue
		}
		text := bytes.Join(run, nil)
		cursor.LetGo() // the log may take its time
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		for line := range bytes.Lines(text) {
			if err := e.room(ctx); err != nil {
				return err
			}
			e.log(line)
		}
		cursor.Advance(len(text))
	}
}

// room waits until the log has room, or until ctx ends. It returns the cause if ctx has ended.
func (e *echo) room(ctx context.Context) error {
	if ctx.Err() == nil && e.b.cfg.LogRoom != nil {
		e.b.cfg.LogRoom(ctx)
	}
	return context.Cause(ctx)
}

// log logs a tsv line, if it is a message.
func (e *echo) log(line []byte) {
	m, event, err := protocol.ParseTSV(protocol.TrimLine(line))
	switch {
	case err != nil:
	case event.Kind == protocol.Left:
		e.b.activity.passed(&event)
	case event.Kind == 0:
		e.tellMissing()
		attrs := []any{"from", m.From, "line", m.Line}
		if m.Topic != "" {
			attrs = append(attrs, "topic", m.Topic)
		}
		e.b.log.Info("published", attrs...)
		e.next = m.Pos + 1
		e.logged.Add(1)
	}
}

func (e *echo) tellMissing() {
	if e.missing > 0 {
		e.b.log.Warn("nobody reads the log fast enough, published lines are missing here", "lines", e.missing)
		e.missing = 0
	}
}

// end waits until the echo has come to the end of a closed journal. It stops the echo when the log
// has taken no line for lingerTimeout.
func (e *echo) end() {
	for {
		before := e.logged.Load()
		select {
		case <-e.done:
			return
		case <-time.After(lingerTimeout):
			if e.logged.Load() == before {
				e.cancel(errUnread)
			}
		}
	}
}
