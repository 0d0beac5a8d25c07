// Package recorder keeps what a connection or a program said, and when, for those who wait for
// something in it.
package recorder

import (
	"context"
	"iter"
	"sort"
	"sync"
	"time"
)

// Recorder is what was written to it, up to a limit; the rest is dropped. All methods may be called
// concurrently.
type Recorder struct {
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

// New returns an empty record that keeps the first limit bytes.
func New(limit int) *Recorder {
	return &Recorder{limit: limit, changed: make(chan struct{})}
}

// Write adds to the record. It never fails.
func (r *Recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := p[:min(len(p), r.limit-len(r.data))]
	if len(kept) == 0 {
		return len(p), nil
	}
	r.data = append(r.data, kept...)
	r.writes = append(r.writes, write{len(r.data), time.Now()})
	r.tell()
	return len(p), nil
}

// End says that no more will be written.
func (r *Recorder) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.tell()
}

// tell wakes those who wait. The caller holds mu.
func (r *Recorder) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Bytes is everything so far. It must not be changed.
func (r *Recorder) Bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.data[:len(r.data):len(r.data)]
}

// Len is how many bytes there are so far.
func (r *Recorder) Len() int { return len(r.Bytes()) }

// Ended reports whether End was called.
func (r *Recorder) Ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// At is when the byte at an offset was written, or the zero time if it was not.
func (r *Recorder) At(offset int) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := sort.Search(len(r.writes), func(i int) bool { return r.writes[i].end > offset })
	if i == len(r.writes) {
		return time.Time{}
	}
	return r.writes[i].at
}

// Chunks are the writes so far, in order, with their times. They must not be changed.
func (r *Recorder) Chunks() iter.Seq2[time.Time, []byte] {
	r.mu.Lock()
	data, writes := r.data, r.writes
	r.mu.Unlock()
	return func(yield func(time.Time, []byte) bool) {
		start := 0
		for _, w := range writes {
			if !yield(w.at, data[start:w.end:w.end]) {
				return
			}
			start = w.end
		}
	}
}

// Wait returns true once done holds for what is on the record, and false when ctx or the record
// ends before.
func (r *Recorder) Wait(ctx context.Context, done func(data []byte) bool) bool {
	for {
		r.mu.Lock()
		data, ended, changed := r.data[:len(r.data):len(r.data)], r.ended, r.changed
		r.mu.Unlock()
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

// Quiet returns when nothing was written for d, or when ctx or the record has ended.
func (r *Recorder) Quiet(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		r.mu.Lock()
		ended, changed := r.ended, r.changed
		r.mu.Unlock()
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
