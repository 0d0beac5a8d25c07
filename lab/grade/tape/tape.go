// Package tape keeps what a connection or a program said, and when, for those who wait for something in it.
package tape

import (
	"context"
	"sort"
	"sync"
	"time"
)

// Tape is what was written to it, up to a limit; the rest is dropped. All methods may be called concurrently.
type Tape struct {
	limit int // static

	// guarded by mu
	mu      sync.Mutex
	data    []byte
	writes  []write
	ended   bool
	changed chan struct{} // closed and replaced when something changes
}

type write struct {
	end int // offset behind its last byte
	at  time.Time
}

// New returns an empty tape that keeps the first limit bytes.
func New(limit int) *Tape {
	return &Tape{limit: limit, changed: make(chan struct{})}
}

// Write adds to the tape. It never fails.
func (t *Tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := p[:min(len(p), t.limit-len(t.data))]
	if len(kept) == 0 {
		return len(p), nil
	}
	t.data = append(t.data, kept...)
	t.writes = append(t.writes, write{len(t.data), time.Now()})
	t.tell()
	return len(p), nil
}

// End says that no more will be written.
func (t *Tape) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.tell()
}

// tell wakes those who wait. The caller holds mu.
func (t *Tape) tell() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// Bytes is everything so far. It must not be changed.
func (t *Tape) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.data[:len(t.data):len(t.data)]
}

// Len is how many bytes there are so far.
func (t *Tape) Len() int { return len(t.Bytes()) }

// Ended says whether End was called.
func (t *Tape) Ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// At is when the byte at an offset was written, or the zero time if it was not.
func (t *Tape) At(offset int) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := sort.Search(len(t.writes), func(i int) bool { return t.writes[i].end > offset })
	if i == len(t.writes) {
		return time.Time{}
	}
	return t.writes[i].at
}

// Wait returns true once done holds for what is on the tape, and false when ctx or the tape ends before.
func (t *Tape) Wait(ctx context.Context, done func(data []byte) bool) bool {
	for {
		t.mu.Lock()
		data, ended, changed := t.data[:len(t.data):len(t.data)], t.ended, t.changed
		t.mu.Unlock()
		switch {
		case done(data):
			return true
		case ended:
			return false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// Quiet returns when nothing was written for d, or when ctx or the tape has ended.
func (t *Tape) Quiet(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		t.mu.Lock()
		ended, changed := t.ended, t.changed
		t.mu.Unlock()
		if ended {
			return
		}
		select {
		case <-changed:
			timer.Reset(d)
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
