// Package journaltest says by tests what a journal.Journal is. Every implementation runs them.
package journaltest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// testTimeout is how long anything may take that has to happen.
const testTimeout = 30 * time.Second

// Recorder is a Watcher that writes down what it hears.
type Recorder struct {
	next journal.Watcher // is told after the recorder; nil for nobody

	mu           sync.Mutex
	appended     []journal.Entry
	backpressure []uint64 // the segments' Seq
	ended        int
}

func (r *Recorder) Appended(e *journal.Entry) {
	kept := *e
	kept.Lines, kept.Buffer = bytes.Clone(e.Lines), nil
	r.mu.Lock()
	r.appended = append(r.appended, kept)
	r.mu.Unlock()
	if r.next != nil {
		r.next.Appended(e)
	}
}

func (r *Recorder) Backpressure(s *journal.Segment) {
	r.mu.Lock()
	r.backpressure = append(r.backpressure, s.Seq)
	r.mu.Unlock()
	if r.next != nil {
		r.next.Backpressure(s)
	}
}

func (r *Recorder) Closed() {
	r.mu.Lock()
	r.ended++
	r.mu.Unlock()
	if r.next != nil {
		r.next.Closed()
	}
}

// Heard returns what was appended.
func (r *Recorder) Heard() []journal.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.appended
}

// Asked returns the Seq of each segment that readers were asked to leave, in the order of asking.
func (r *Recorder) Asked() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.backpressure)
}

// Ends returns how often there was an end to hear of.
func (r *Recorder) Ends() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// Forget forgets what was heard up to now.
func (r *Recorder) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.appended, r.backpressure = nil, nil
}

// Rig is a journal with somebody who listens to it.
type Rig struct {
	journal.Journal
	*Recorder
	t testing.TB
}

// NewRig watches j, and closes it at the end of the test.
func NewRig(t testing.TB, j journal.Journal) *Rig {
	b := &Rig{j, &Recorder{}, t}
	j.Watch(b.Recorder)
	t.Cleanup(b.Close)
	return b
}

// Pass has w hear all that the recorder hears, from now on.
func (b *Rig) Pass(w journal.Watcher) {
	b.Recorder = &Recorder{next: w}
	b.Journal.Watch(b.Recorder)
}

// Close closes the journal, and gives it time to.
func (b *Rig) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	b.Journal.Close(ctx)
}

// Lines is an entry of messages: "ada#news: one two" is two of them.
func Lines(text string) journal.Entry {
	from, messages, _ := strings.Cut(text, ": ")
	from, topic, _ := strings.Cut(from, "#")
	words := strings.Fields(messages)
	return journal.Entry{From: from, Topic: topic, Lines: []byte(strings.Join(words, "\n") + "\n"), Count: len(words)}
}

// OfRun is Lines(text), of a run, from its first line's number on.
func OfRun(run string, first uint64, text string) journal.Entry {
	e := Lines(text)
	e.Run, e.First = run, first
	return e
}

// Rejected is what is told of the n-th line when it was no message.
func Rejected(from, run string, n uint64) journal.Entry {
	return journal.Entry{From: from, Run: run, First: n + 1}
}

// Joined is an entry that tells of a publisher.
func Joined(name string) journal.Entry {
	return journal.Entry{Event: &protocol.Event{Kind: protocol.Joined, Role: protocol.Publisher, Name: name}}
}

// Left is an entry that tells of a publisher's end.
func Left(name string) journal.Entry {
	return journal.Entry{Event: &protocol.Event{Kind: protocol.Left, Role: protocol.Publisher, Name: name}}
}

// EntryOverhead is what a journal counts for an entry besides its lines, in bytes.
const EntryOverhead = 256

// Eighth is how many bytes of the smallest history seal a segment of it.
const Eighth = journal.MinHistory / 8

// Bulk is an entry of one message that takes so many bytes of a journal.
func Bulk(size int) journal.Entry {
	return journal.Entry{From: "bulk", Lines: []byte(strings.Repeat("x", size-EntryOverhead-1) + "\n"), Count: 1}
}

// Filter is what topic=text asks for; "" is no topic.
func Filter(t testing.TB, text string) protocol.Filter {
	t.Helper()
	if text == "" {
		return protocol.Filter{}
	}
	f, err := protocol.ParseFilter(text)
	require.NoError(t, err)
	return f
}

// Add appends, and waits until all is acknowledged, in order.
func (b *Rig) Add(entries ...journal.Entry) {
	b.t.Helper()
	acks := make(chan int, len(entries))
	for i, e := range entries {
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		require.NoError(b.t, b.Append(ctx, e, func(err error) {
			if err == nil {
				acks <- i
			} else {
				acks <- -1
			}
		}))
		cancel()
	}
	for i := range entries {
		select {
		case got := <-acks:
			require.Equal(b.t, i, got, "acknowledged in the order of the calls, once each")
		case <-time.After(testTimeout):
			require.Fail(b.t, "an entry was not acknowledged", "%d of %d", i+1, len(entries))
		}
	}
}

// Try appends if there is no need to wait.
func (b *Rig) Try(e journal.Entry) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	acks := 0
	err := b.Append(ctx, e, func(err error) {
		require.NoError(b.t, err)
		acks++
	})
	if err == nil {
		require.Equal(b.t, 1, acks, "done is called once where Append returned nil")
	} else {
		require.Zero(b.t, acks, "done is only called where Append returned nil")
	}
	return err
}

// Attempt is an Append that may have to wait, in a synctest bubble.
type Attempt struct {
	Cancel context.CancelCauseFunc
	t      testing.TB
	err    chan error
	acked  bool
}

// Begin begins to append, and returns when that is done or waits.
func (b *Rig) Begin(e journal.Entry) *Attempt {
	ctx, cancel := context.WithCancelCause(context.Background())
	a := &Attempt{Cancel: cancel, t: b.t, err: make(chan error, 1)}
	go func() {
		defer cancel(nil)
		a.err <- b.Append(ctx, e, func(error) { a.acked = true })
	}()
	synctest.Wait()
	return a
}

// Returned reports whether Append has returned; Err was not called yet.
func (a *Attempt) Returned() bool {
	synctest.Wait()
	return len(a.err) > 0
}

// Err returns what Append returned, which it has by now.
func (a *Attempt) Err() error {
	a.t.Helper()
	require.True(a.t, a.Returned(), "Append should have returned")
	err := <-a.err
	require.Equal(a.t, err == nil, a.acked, "done is called where Append returned nil")
	return err
}

// NextLine asks how a run goes on.
func (b *Rig) NextLine(name, run string) uint64 {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	next, err := b.Journal.NextLine(ctx, name, run)
	require.NoError(b.t, err)
	return next
}

// Items takes entries apart: each is one message or event then.
func Items(entries ...journal.Entry) (items []journal.Entry) {
	for _, e := range entries {
		if e.Event != nil {
			items = append(items, e)
			continue
		}
		for line := range bytes.Lines(e.Lines) {
			one := e
			one.Lines, one.Count = line, 1
			items = append(items, one)
			e.Pos++
			e.First++
		}
	}
	return items
}

// Texts says what entries say, a string for each message and event.
func Texts(entries []journal.Entry) (texts []string) {
	for _, e := range Items(entries...) {
		switch {
		case e.Event != nil && e.Event.Kind == protocol.Gap:
			texts = append(texts, fmt.Sprintf("%d gap %d", e.Pos, e.Event.Missing))
		case e.Event != nil:
			texts = append(texts, fmt.Sprintf("%d %s %s", e.Pos, e.Event.Name, e.Event.Kind))
		default:
			from, line := e.From, strings.TrimSuffix(string(e.Lines), "\n")
			if e.Topic != "" {
				from += "#" + e.Topic
			}
			if len(line) > 99 {
				line = fmt.Sprintf("%.9s... %d bytes", line, len(line))
			}
			texts = append(texts, fmt.Sprintf("%d %s: %s", e.Pos, from, line))
		}
	}
	return texts
}

// Reader is one who has opened the journal.
type Reader struct {
	b     *Rig
	s     *journal.Segment
	entry int
	line  int
	Start journal.Start
}

// Open begins to read.
func (b *Rig) Open(from protocol.From, filter string) *Reader {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	p, err := b.Journal.Open(ctx, from, Filter(b.t, filter))
	require.NoError(b.t, err)
	return &Reader{b, p.Segment, p.Entry, p.Line, p}
}

// Read takes one entry, if there is one. A reader at the end of a closed journal has no segment any
// more.
func (r *Reader) Read() (items []string, ok bool) {
	for r.s != nil {
		entries, sealed := r.s.Entries(r.entry)
		if len(entries) > 0 {
			r.entry++
			items = Texts(entries[:1])[r.line:]
			r.line = 0
			return items, true
		}
		if !sealed {
			return nil, false
		}
		r.Leave()
	}
	return nil, false
}

// Leave goes on to the next segment, whatever is left of this one.
func (r *Reader) Leave() {
	p, err := r.b.Advance(context.Background(), r.s)
	require.NoError(r.b.t, err)
	r.s, r.entry, r.line = p.Segment, p.Entry, p.Line
}

// Segment returns what the reader has acquired.
func (r *Reader) Segment() *journal.Segment { return r.s }

// Rest takes all there is.
func (r *Reader) Rest() (all []string) {
	for items, ok := r.Read(); ok; items, ok = r.Read() {
		all = append(all, items...)
	}
	return all
}

// Ended reports whether the reader has found the end of the journal.
func (r *Reader) Ended() bool { return r.s == nil }

// Release ends the reader.
func (r *Reader) Release() {
	if r.s != nil {
		r.b.Journal.Release(r.s)
		r.s = nil
	}
}

// Kept reads everything the journal has, as a reader that begins there.
func (b *Rig) Kept(from protocol.From, filter string) []string {
	b.t.Helper()
	r := b.Open(from, filter)
	defer r.Release()
	return r.Rest()
}
