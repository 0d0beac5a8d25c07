package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Watcher that writes down what it hears.
type recorder struct {
	mu       sync.Mutex
	appended []Entry
	pressed  []uint64 // the segments' Seq
	ended    int
}

func (r *recorder) Appended(e *Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.appended = append(r.appended, *e)
}

func (r *recorder) Pressed(s *Segment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pressed = append(r.pressed, s.Seq)
}

// told is the segments that readers were asked to leave.
func (r *recorder) told() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.pressed)
}

func (r *recorder) Closed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended++
}

// bench is a journal with somebody who listens to it.
type bench struct {
	*Memory
	*recorder
	t *testing.T
}

func newBench(t *testing.T, limit int) *bench {
	b := &bench{NewMemory(limit), &recorder{}, t}
	b.Watch(b.recorder)
	return b
}

// lines is an entry of messages: "ada#news: one two" is two of them.
func lines(text string) Entry {
	from, messages, _ := strings.Cut(text, ": ")
	from, topic, _ := strings.Cut(from, "#")
	words := strings.Fields(messages)
	return Entry{From: from, Topic: topic, Lines: []byte(strings.Join(words, "\n") + "\n"), Count: len(words)}
}

// bulk is an entry of one message that takes so many bytes of a journal.
func bulk(size int) Entry {
	return Entry{From: "bulk", Lines: []byte(strings.Repeat("x", size-entryOverhead-1) + "\n"), Count: 1}
}

func joined(name string) Entry {
	return Entry{Event: &protocol.Event{Kind: protocol.Joined, Role: protocol.Publisher, Name: name}}
}

// add appends, which must not wait nor fail.
func (b *bench) add(entries ...Entry) {
	b.t.Helper()
	for _, e := range entries {
		acks := 0
		require.NoError(b.t, b.try(e, func(err error) {
			require.NoError(b.t, err)
			acks++
		}))
		require.Equal(b.t, 1, acks, "done is called once")
	}
}

// try appends if there is no need to wait.
func (b *bench) try(e Entry, done func(error)) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return b.Append(ctx, e, done)
}

func (b *bench) nextLine(name, run string) uint64 {
	b.t.Helper()
	next, err := b.NextLine(context.Background(), name, run)
	require.NoError(b.t, err)
	return next
}

// texts tells what entries say, a string for each message and event.
func texts(entries []Entry) (items []string) {
	for _, e := range entries {
		if e.Event != nil {
			items = append(items, fmt.Sprintf("%d %s %s", e.Pos, e.Event.Name, e.Event.Kind))
			continue
		}
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
	}
	return items
}

// reader is one who has opened the journal.
type reader struct {
	b     *bench
	s     *Segment
	entry int
	line  int
	place Place
}

func (b *bench) open(from protocol.From, filter string) *reader {
	b.t.Helper()
	p, err := b.Open(context.Background(), from, parseFilter(b.t, filter))
	require.NoError(b.t, err)
	return &reader{b, p.Segment, p.Entry, p.Line, p}
}

func parseFilter(t *testing.T, filter string) protocol.Filter {
	if filter == "" {
		return protocol.Filter{}
	}
	f, err := protocol.ParseFilter(filter)
	require.NoError(t, err)
	return f
}

// read takes one entry, if there is one. A reader at the end of a closed
// journal has no segment any more.
func (r *reader) read() (items []string, ok bool) {
	for r.s != nil {
		entries, sealed := r.s.Entries(r.entry)
		require.Equal(r.b.t, len(entries) > 0 || sealed, r.s.Grown(r.entry))
		if len(entries) > 0 {
			r.entry++
			items = texts(entries[:1])[r.line:]
			r.line = 0
			return items, true
		}
		if !sealed {
			return nil, false
		}
		r.s, r.entry = r.b.advance(r.s), 0
	}
	return nil, false
}

// rest takes all there is.
func (r *reader) rest() (all []string) {
	for items, ok := r.read(); ok; items, ok = r.read() {
		all = append(all, items...)
	}
	return all
}

func (r *reader) release() {
	if r.s != nil {
		r.b.Release(r.s)
		r.s = nil
	}
}

// advance is Advance, nil at the end.
func (b *bench) advance(s *Segment) *Segment {
	p, err := b.Advance(context.Background(), s)
	require.NoError(b.t, err)
	return p.Segment
}

// kept reads everything the journal has, as a reader that begins there.
func (b *bench) kept(from protocol.From, filter string) []string {
	b.t.Helper()
	r := b.open(from, filter)
	defer r.release()
	return r.rest()
}

func left(name string) Entry {
	return Entry{Event: &protocol.Event{Kind: protocol.Left, Role: protocol.Publisher, Name: name}}
}
