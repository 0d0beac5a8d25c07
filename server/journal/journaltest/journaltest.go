// Package journaltest says by tests what a journal.Journal is. Every
// implementation runs them.
package journaltest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// patience is how long anything may take that has to happen.
const patience = 30 * time.Second

// Recorder is a Watcher that writes down what it hears.
type Recorder struct {
	mu       sync.Mutex
	appended []journal.Entry
	pressed  int
	ended    int
}

func (r *Recorder) Appended(e *journal.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.appended = append(r.appended, *e)
}

func (r *Recorder) Pressed(*journal.Segment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pressed++
}

func (r *Recorder) Closed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended++
}

// Heard returns what was appended.
func (r *Recorder) Heard() []journal.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.appended
}

// Bench is a journal with somebody who listens to it.
type Bench struct {
	journal.Journal
	*Recorder
	t testing.TB
}

// NewBench watches j, and closes it at the end of the test.
func NewBench(t testing.TB, j journal.Journal) *Bench {
	b := &Bench{j, &Recorder{}, t}
	j.Watch(b.Recorder)
	t.Cleanup(b.Close)
	return b
}

// Close closes the journal, and gives it time to.
func (b *Bench) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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

// Add appends, and waits until all is acknowledged, in order.
func (b *Bench) Add(entries ...journal.Entry) {
	b.t.Helper()
	acks := make(chan int, len(entries))
	for i, e := range entries {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
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
		case <-time.After(patience):
			require.Fail(b.t, "an entry was not acknowledged", "%d of %d", i+1, len(entries))
		}
	}
}

// NextLine asks how a run goes on.
func (b *Bench) NextLine(name, run string) uint64 {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	next, err := b.Journal.NextLine(ctx, name, run)
	require.NoError(b.t, err)
	return next
}

// Texts tells what entries say, a string for each message and event.
func Texts(entries []journal.Entry) (items []string) {
	for _, e := range entries {
		switch {
		case e.Event != nil && e.Event.Kind == protocol.Gap:
			items = append(items, fmt.Sprintf("%d gap %d", e.Pos, e.Event.Missing))
		case e.Event != nil:
			items = append(items, fmt.Sprintf("%d %s %s", e.Pos, e.Event.Name, e.Event.Kind))
		default:
			items = append(items, messages(e)...)
		}
	}
	return items
}

func messages(e journal.Entry) (items []string) {
	from, pos := e.From, e.Pos
	if e.Topic != "" {
		from += "#" + e.Topic
	}
	for line := range strings.Lines(string(e.Lines)) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) > 99 {
			line = fmt.Sprintf("%.9s... %d bytes", line, len(line))
		}
		items = append(items, fmt.Sprintf("%d %s: %s", pos, from, line))
		pos++
	}
	return items
}

// Reader is one who has opened the journal.
type Reader struct {
	b     *Bench
	s     *journal.Segment
	entry int
	line  int
	Place journal.Place
}

// Open begins to read.
func (b *Bench) Open(from protocol.From, filter string) *Reader {
	b.t.Helper()
	var f protocol.Filter
	if filter != "" {
		var err error
		f, err = protocol.ParseFilter(filter)
		require.NoError(b.t, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := b.Journal.Open(ctx, from, f)
	require.NoError(b.t, err)
	return &Reader{b, p.Segment, p.Entry, p.Line, p}
}

// Read takes one entry, if there is one. A reader at the end of a closed
// journal has no segment any more.
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
		p, err := r.b.Advance(context.Background(), r.s)
		require.NoError(r.b.t, err)
		r.s, r.entry, r.line = p.Segment, p.Entry, p.Line
	}
	return nil, false
}

// Rest takes all there is.
func (r *Reader) Rest() (all []string) {
	for items, ok := r.Read(); ok; items, ok = r.Read() {
		all = append(all, items...)
	}
	return all
}

// Ended tells whether the reader has found the end of the journal.
func (r *Reader) Ended() bool { return r.s == nil }

// Release ends the reader.
func (r *Reader) Release() {
	if r.s != nil {
		r.b.Journal.Release(r.s)
		r.s = nil
	}
}

// Kept reads everything the journal has, as a reader that begins there.
func (b *Bench) Kept(from protocol.From, filter string) []string {
	b.t.Helper()
	r := b.Open(from, filter)
	defer r.Release()
	return r.Rest()
}
