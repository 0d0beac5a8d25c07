package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// Deferred is a journal.Journal on a stream that need not be there yet. Until it is, clients wait
// to be let in, and are turned away after a while, as they are where a stream does not answer any
// more; and Health says why.
type Deferred struct {
	ready   chan struct{}           // closed when there is a journal
	journal atomic.Pointer[Journal] // nil before that
	settled chan struct{}           // closed when there is one, or none to wait for any more

	connecting context.Context // ends when Close is called
	stop       context.CancelFunc
	life       context.Context
	end        context.CancelCauseFunc

	mu      sync.Mutex
	watcher journal.Watcher
	failure error // of the last attempt
}

// Defer begins to connect as Connect does, and goes on until it succeeds, finds that it never will,
// or Close is called.
func Defer(cfg Config) *Deferred {
	d := &Deferred{
		ready: make(chan struct{}), settled: make(chan struct{}),
		failure: errors.New("it has just started"),
	}
	d.connecting, d.stop = context.WithCancel(context.Background())
	d.life, d.end = context.WithCancelCause(context.Background())
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	go d.connect(cfg)
	return d
}

func (d *Deferred) connect(cfg Config) {
	defer close(d.settled)
	j, err := keepTrying(d.connecting, cfg, func(err error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.failure = err
	})
	if err != nil {
		if d.connecting.Err() != nil {
			err = journal.ErrClosed
		}
		d.end(err)
		return
	}
	if !d.use(j) {
		j.Close(d.connecting)
		d.end(journal.ErrClosed)
		return
	}
	context.AfterFunc(j.Life(), func() { d.end(context.Cause(j.Life())) })
	close(d.ready)
}

// use makes j the journal, unless Close has been called.
func (d *Deferred) use(j *Journal) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connecting.Err() != nil {
		return false
	}
	if d.watcher != nil {
		j.Watch(d.watcher)
	}
	d.journal.Store(j)
	return true
}

// Ready is closed when there is a journal.
func (d *Deferred) Ready() <-chan struct{} { return d.ready }

// Life ends when the journal does, as Journal.Life, or when it is clear that there will be none.
func (d *Deferred) Life() context.Context { return d.life }

// wait waits for the journal, for no longer than a client does.
func (d *Deferred) wait(ctx context.Context) (*Journal, error) {
	if j := d.journal.Load(); j != nil {
		return j, nil
	}
	ctx, cancel := inTime(ctx)
	defer cancel()
	select {
	case <-d.ready:
		return d.journal.Load(), nil
	case <-d.life.Done():
		return nil, journal.ErrClosed
	case <-d.connecting.Done():
		return nil, journal.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ID is "" while there is no journal: nobody is let in without it.
func (d *Deferred) ID() string {
	if j := d.journal.Load(); j != nil {
		return j.ID()
	}
	return ""
}

func (d *Deferred) Append(ctx context.Context, e journal.Entry, done func(error)) error {
	j, err := d.wait(ctx)
	if err != nil {
		return err
	}
	return j.Append(ctx, e, done)
}

func (d *Deferred) Open(ctx context.Context, from protocol.From, filter protocol.Filter) (journal.Start, error) {
	j, err := d.wait(ctx)
	if err != nil {
		return journal.Start{}, err
	}
	return j.Open(ctx, from, filter)
}

func (d *Deferred) NextLine(ctx context.Context, name, run string) (uint64, error) {
	j, err := d.wait(ctx)
	if err != nil {
		return 0, err
	}
	return j.NextLine(ctx, name, run)
}

// Advance is called with a segment of the journal, so that there is one.
func (d *Deferred) Advance(ctx context.Context, s *journal.Segment) (journal.Start, error) {
	return d.journal.Load().Advance(ctx, s)
}

// Release is, too.
func (d *Deferred) Release(s *journal.Segment) { d.journal.Load().Release(s) }

// Place is called with one, as well.
func (d *Deferred) Place(s *journal.Segment, entry, line int) (pos uint64, size int) {
	return d.journal.Load().Place(s, entry, line)
}

// Extent knows nothing while there is no journal.
func (d *Deferred) Extent() journal.Extent {
	if j := d.journal.Load(); j != nil {
		return j.Extent()
	}
	return journal.Extent{}
}

func (d *Deferred) Health() error {
	if j := d.journal.Load(); j != nil {
		return j.Health()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Errorf("waiting for its stream: %w", d.failure)
}

func (d *Deferred) Watch(w journal.Watcher) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watcher = w
	if j := d.journal.Load(); j != nil {
		j.Watch(w)
	}
}

func (d *Deferred) Close(ctx context.Context) {
	d.stop()
	select {
	case <-d.settled:
	case <-ctx.Done(): // an attempt is soon over, too
	}
	d.mu.Lock()
	j, w := d.journal.Load(), d.watcher
	d.watcher = nil
	d.mu.Unlock()
	if j != nil {
		j.Close(ctx)
		return
	}
	d.end(journal.ErrClosed)
	if w != nil {
		w.Closed()
	}
}

var _ journal.Journal = (*Deferred)(nil)
