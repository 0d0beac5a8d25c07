package feed

import (
	"bytes"
	"context"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/semaphore"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var formats = []protocol.Format{protocol.Plain, protocol.Stamped, protocol.TSV, protocol.JSON, protocol.SSE}

// rig is the feeds of a journal, in memory.
type rig struct {
	*Set
	t testing.TB
	j *journaltest.Rig

	wakes sync.Map // of a *Cursor: what its wake function sends to
}

func newRig(t testing.TB, history int, cfg Config) *rig {
	j := journal.NewMemory(history)
	b := &rig{Set: NewSet(j, cfg), t: t, j: journaltest.NewRig(t, j)}
	b.held = semaphore.NewWeighted(math.MaxInt64) // one goroutine is in many blocks here
	b.j.Pass(b.Set)
	return b
}

func (b *rig) open(filter string, format protocol.Format, from protocol.From) *Cursor {
	b.t.Helper()
	return b.openCut(filter, format, from, nil)
}

// openCut opens a cursor that is cut off by that function.
func (b *rig) openCut(filter string, format protocol.Format, from protocol.From, cut func()) *Cursor {
	b.t.Helper()
	wake := make(chan struct{}, 1)
	c, err := b.Open(context.Background(), journaltest.Filter(b.t, filter), format, from, func() { wake <- struct{}{} }, cut)
	require.NoError(b.t, err)
	b.wakes.Store(c, wake)
	return c
}

// room is for so many pieces.
func room(pieces int) func() [][]byte { return func() [][]byte { return make([][]byte, 0, pieces) } }

// next is Next, of all pieces in one.
func next(c *Cursor) ([]byte, error) {
	run, err := c.Next(room(1024))
	return joined(run), err
}

func joined(run [][]byte) []byte {
	if len(run) == 1 {
		return run[0]
	}
	return bytes.Join(run, nil)
}

// next is next, but waits until there is something.
func (b *rig) next(c *Cursor) ([]byte, error) {
	for {
		data, err := next(c)
		if len(data) > 0 || err != nil {
			return data, err
		}
		wake, _ := b.wakes.Load(c)
		<-wake.(chan struct{})
	}
}

// item is one message or event as a subscriber gets it.
type item struct {
	pos     uint64
	bytes   string
	message bool
}

// render is a feed made the slow and obvious way: of all that was appended.
func (b *rig) render(filter string, format protocol.Format) (pieces []item) {
	f := journaltest.Filter(b.t, filter)
	for _, one := range journaltest.Items(b.j.Heard()...) {
		pieces = append(pieces, renderItem(&one, f, format))
	}
	return pieces
}

// renderItem renders one message or event.
func renderItem(e *journal.Entry, filter protocol.Filter, format protocol.Format) item {
	switch {
	case e.Event != nil:
		return item{e.Pos, string(format.AppendEvent(nil, e.Event)), false}
	case !filter.Match(e.Topic):
		return item{pos: e.Pos}
	}
	m := &protocol.Message{Pos: e.Pos, Time: e.Time, From: e.From, Topic: e.Topic, Line: strings.TrimSuffix(string(e.Lines), "\n")}
	return item{e.Pos, string(format.AppendMessage(nil, m)), true}
}

// from is the bytes of the pieces from a position on.
func from(pieces []item, pos uint64) string {
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

func (b *rig) take(c *Cursor) *taker {
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

// parked reports whether a cursor waits, when all else does.
func (b *rig) parked(c *Cursor) bool {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return c.parked
}

// rendered is how many entries were rendered for a cursor's feed.
func (b *rig) rendered(c *Cursor) (entries int) {
	for _, block := range c.feed.blocks {
		entries += len(block.ends)
	}
	return entries
}

// data is all that is rendered of the cursor's segment.
func (c *Cursor) data() (data []byte, complete bool) {
	c.hold()
	run, complete := c.set.read(c.block, 0, room(1024))
	return joined(run), complete
}

// rest takes what is there already; it does not wait.
func rest(t testing.TB, c *Cursor) string {
	t.Helper()
	var text strings.Builder
	for c.segment != nil {
		if data, complete := c.data(); len(c.preamble) == 0 && c.off == len(data) {
			if !complete || c.move() != nil {
				break
			}
			continue
		}
		data, err := next(c)
		require.NoError(t, err)
		require.NotEmpty(t, data, "there is something")
		text.Write(data)
		c.Advance(len(data))
	}
	return text.String()
}
