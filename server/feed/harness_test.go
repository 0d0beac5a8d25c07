package feed

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var formats = []protocol.Format{protocol.Plain, protocol.Stamped, protocol.TSV, protocol.JSON}

// bench is the feeds of a journal, and all that was ever appended to it.
type bench struct {
	*Set
	t   testing.TB
	j   *journal.Memory
	log *log

	wakes sync.Map // of a *Cursor: what its wake function sends to
}

// log is a Watcher that writes down what is appended, and passes it on.
type log struct {
	journal.Watcher
	entries []journal.Entry
}

func (l *log) Appended(e *journal.Entry) {
	l.entries = append(l.entries, *e)
	l.Watcher.Appended(e)
}

func newBench(t testing.TB, history int, cfg Config) *bench {
	j := journal.NewMemory(history)
	set := NewSet(j, cfg)
	b := &bench{Set: set, t: t, j: j, log: &log{Watcher: set}}
	j.Watch(b.log)
	return b
}

// lines is an entry of messages: "ada#news: one two" is two of them.
func lines(text string) journal.Entry {
	from, messages, _ := strings.Cut(text, ": ")
	from, topic, _ := strings.Cut(from, "#")
	words := strings.Fields(messages)
	return journal.Entry{From: from, Topic: topic, Lines: []byte(strings.Join(words, "\n") + "\n"), Count: len(words)}
}

func joined(name string) journal.Entry {
	return journal.Entry{Event: &protocol.Event{Kind: protocol.Joined, Role: protocol.Publisher, Name: name}}
}

// eighth takes up an eighth of the smallest history, and a segment of its own.
func eighth() journal.Entry {
	const overhead = 256 // what the journal counts for an entry besides its lines
	return journal.Entry{From: "bulk", Lines: []byte(strings.Repeat("x", journal.MinHistory/8-overhead-1) + "\n"), Count: 1}
}

// add appends what needs no waiting.
func (b *bench) add(entries ...journal.Entry) {
	b.t.Helper()
	for _, e := range entries {
		require.NoError(b.t, b.try(e))
	}
}

// try appends, if there is no need to wait.
func (b *bench) try(e journal.Entry) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return b.j.Append(ctx, e, func(error) {})
}

func (b *bench) open(filter string, format protocol.Format, from protocol.From) *Cursor {
	b.t.Helper()
	return b.openCut(filter, format, from, nil)
}

// openCut opens a cursor that is cut off by that function.
func (b *bench) openCut(filter string, format protocol.Format, from protocol.From, cut func()) *Cursor {
	b.t.Helper()
	wake := make(chan struct{}, 1)
	c, err := b.Open(context.Background(), parseFilter(b.t, filter), format, from, func() { wake <- struct{}{} }, cut)
	require.NoError(b.t, err)
	b.wakes.Store(c, wake)
	return c
}

// next is Next, but waits until there is something.
func (b *bench) next(c *Cursor) ([]byte, error) {
	for {
		data, err := c.Next()
		if len(data) > 0 || err != nil {
			return data, err
		}
		wake, _ := b.wakes.Load(c)
		<-wake.(chan struct{})
	}
}

func parseFilter(t testing.TB, filter string) protocol.Filter {
	t.Helper()
	if filter == "" {
		return protocol.Filter{}
	}
	f, err := protocol.ParseFilter(filter)
	require.NoError(t, err)
	return f
}

// piece is one message or event as a subscriber gets it.
type piece struct {
	pos     uint64
	bytes   string
	message bool
}

// render is a feed made the slow and obvious way: of all that was appended.
func (b *bench) render(filter string, format protocol.Format) (pieces []piece) {
	f := parseFilter(b.t, filter)
	for _, e := range b.log.entries {
		if e.Event != nil {
			pieces = append(pieces, piece{e.Pos, string(format.AppendEvent(nil, e.Event)), false})
			continue
		}
		pos := e.Pos
		for line := range strings.Lines(string(e.Lines)) {
			p := piece{pos: pos}
			if f.Match(e.Topic) {
				m := &protocol.Message{Pos: pos, Time: e.Time, From: e.From, Topic: e.Topic, Line: strings.TrimSuffix(line, "\n")}
				p = piece{pos, string(format.AppendMessage(nil, m)), true}
			}
			pieces = append(pieces, p)
			pos++
		}
	}
	return pieces
}

// from is the bytes of the pieces from a position on.
func from(pieces []piece, pos uint64) string {
	var text strings.Builder
	for _, p := range pieces {
		if p.pos >= pos {
			text.WriteString(p.bytes)
		}
	}
	return text.String()
}

// taker is a goroutine that takes all that a cursor brings.
type taker struct {
	c    *Cursor
	text strings.Builder
	err  error // what it ended with
}

func (b *bench) take(c *Cursor) *taker {
	k := &taker{c: c}
	go func() {
		for {
			data, err := b.next(c)
			if err != nil {
				k.err = err
				return
			}
			k.text.Write(data)
			c.Advance(len(data))
		}
	}()
	return k
}

// taken is what was taken until everything fell silent.
func (k *taker) taken() string {
	synctest.Wait()
	text := k.text.String()
	k.text.Reset()
	return text
}

// parked tells whether a cursor waits, when all else does.
func (b *bench) parked(c *Cursor) bool {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return c.slot >= 0
}

// rendered is how many entries of its segment were rendered for a parked cursor's feed.
func (b *bench) rendered(c *Cursor) int { return len(c.feed.blocks[c.segment.Seq].marks) }

// rest takes what is there already; it does not wait.
func rest(t testing.TB, c *Cursor) string {
	t.Helper()
	var text strings.Builder
	for c.segment != nil {
		if data, complete := c.set.read(c.block); len(c.preamble) == 0 && c.off == len(data) {
			if !complete || c.move() != nil {
				break
			}
			continue
		}
		data, err := c.Next()
		require.NoError(t, err)
		require.NotEmpty(t, data, "there is something")
		text.Write(data)
		c.Advance(len(data))
	}
	return text.String()
}
