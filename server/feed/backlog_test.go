package feed

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// fetching is a journal that has to fetch what it has forgotten.
type fetching struct {
	journal.Journal
	backlog *backlog
}

func (f *fetching) Open(ctx context.Context, from protocol.From, filter protocol.Filter) (journal.Start, error) {
	p, err := f.Journal.Open(ctx, from, filter)
	if err == nil && p.Missing > 0 {
		f.Release(p.Segment)
		p = journal.Start{Segment: journal.NewBacklog(nil, f.backlog), Next: from.Position()}
	}
	return p, err
}

// backlog has the entries that were given to it, and then those in the journal's memory from the
// position on. It waits for each.
type backlog struct {
	j       journal.Journal
	entries chan []journal.Entry
	from    uint64
	err     error
	closed  bool
}

func (p *backlog) Next(ctx context.Context) (journal.Start, error) {
	select {
	case entries, ok := <-p.entries:
		switch {
		case ok:
			return journal.Start{Segment: journal.NewBacklog(entries, p)}, nil
		case p.err != nil:
			return journal.Start{}, p.err
		}
		return p.j.Open(ctx, protocol.FromPosition(p.from), protocol.Filter{})
	case <-ctx.Done():
		return journal.Start{}, context.Cause(ctx)
	}
}

func (p *backlog) Close() { p.closed = true }

// remember fills a journal until it has forgotten its first entries, which its backlog gets to
// know, and returns what a feed of all of it is.
func remember(t *testing.T, filter string) (b *rig, p *backlog, ctx context.Context, stop context.CancelFunc, all string) {
	b = newRig(t, journal.MinHistory, Config{})
	b.j.Add(journaltest.Lines("ada#news: one two"), journaltest.Joined("bob"), journaltest.Lines("bob: three"), journaltest.Lines("ada#news: four"))
	for range 20 {
		b.j.Add(journaltest.Bulk(journaltest.Eighth))
	}
	p = &backlog{j: b.j.Journal, entries: make(chan []journal.Entry, 10), from: 7}
	b.journal = &fetching{b.j.Journal, p}
	p.entries <- b.j.Heard()[:1]
	p.entries <- b.j.Heard()[1:3]
	p.entries <- b.j.Heard()[3:6]
	ctx, stop = context.WithCancel(t.Context())
	return b, p, ctx, stop, from(b.render(filter, protocol.TSV), 1)
}

// What a journal has to fetch comes first, and then what it has in memory.
func TestP12Backlog(t *testing.T) {
	for _, filter := range []string{"", "news"} {
		synctest.Test(t, func(t *testing.T) {
			b, p, ctx, stop, all := remember(t, filter)
			defer stop()
			wake := make(chan struct{}, 1)
			close(p.entries)
			oldest := b.j.Open(protocol.FromFirst(), "")
			oldest.Release()
			gap := string(protocol.TSV.AppendEvent(nil, &protocol.Event{Kind: protocol.Gap, Missing: oldest.Start.Next - p.from}))
			inMemory := from(b.render(filter, protocol.TSV), oldest.Start.Next)
			fetched := strings.TrimSuffix(all, from(b.render(filter, protocol.TSV), p.from))
			want := fetched + gap + inMemory

			c, err := b.Open(ctx, journaltest.Filter(t, filter), protocol.TSV, protocol.FromPosition(1), func() { wake <- struct{}{} }, nil)
			require.NoError(t, err)
			b.wakes.Store(c, wake)
			require.EqualValues(t, 1, c.Start())
			k := b.take(c)
			require.Equal(t, want, k.taken())
			b.j.Add(journaltest.Lines("ada#news: later"))
			later := k.taken()
			require.Contains(t, later, "later", "it goes on like any other")
			c.Interrupt(errors.New("enough"))
			synctest.Wait()
			text := "\n" + want + later
			require.EqualValues(t, strings.Count(text, "\n")-1-strings.Count(text, "\n#"), c.Close(), "messages")
		})
	}
}

// A cursor whose journal fetches something is not held by that.
func TestBacklogIsInterrupted(t *testing.T) {
	enough := errors.New("enough")
	broken := errors.New("broken")
	for name, end := range map[string]func(p *backlog, c *Cursor, stop func()) error{
		"interrupted": func(_ *backlog, c *Cursor, stop func()) error {
			c.Interrupt(enough)
			stop()
			return enough
		},
		"ctx": func(_ *backlog, _ *Cursor, stop func()) error {
			stop()
			return context.Canceled
		},
		"cannot fetch": func(p *backlog, _ *Cursor, _ func()) error {
			p.err = broken
			close(p.entries)
			return broken
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, p, ctx, stop, all := remember(t, "")
				defer stop()
				c, err := b.Open(ctx, protocol.Filter{}, protocol.TSV, protocol.FromPosition(1), func() {}, nil)
				require.NoError(t, err)
				b.wakes.Store(c, make(chan struct{}))
				k := b.take(c)
				require.True(t, len(k.taken()) < len(all), "it waits for more")
				want := end(p, c, stop)
				synctest.Wait()
				require.ErrorIs(t, k.err, want)
				c.Close()
			})
		})
	}
}

// Who leaves in the middle lets go of what fetches.
func TestBacklogIsClosed(t *testing.T) {
	b, p, ctx, stop, _ := remember(t, "")
	defer stop()
	c, err := b.Open(ctx, protocol.Filter{}, protocol.TSV, protocol.FromPosition(1), func() {}, nil)
	require.NoError(t, err)
	data, err := next(c)
	require.NoError(t, err)
	c.Advance(len(data))
	require.EqualValues(t, 2, c.Close())
	require.True(t, p.closed)
}
