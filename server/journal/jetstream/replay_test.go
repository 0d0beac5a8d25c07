package jetstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// forgetful is the configuration of a broker with much less memory than the stream.
func forgetful(n *node) Config {
	cfg := n.config()
	cfg.every = 256 << 10
	cfg.search = testTimeout
	return cfg
}

// attentive is that of one with more, on the same stream.
func attentive(n *node) Config {
	cfg := forgetful(n)
	cfg.History = 256 << 20
	return cfg
}

// talk appends entries of a few lines each, from several publishers with topics, and events between
// them, of about 256 KiB a hundred.
func talk(t *testing.T, j *Journal, entries int) {
	t.Helper()
	done := make(chan error, entries)
	for n := range entries {
		e := journaltest.Lines(fmt.Sprintf("p%d: %s", n%7, strings.Repeat(fmt.Sprintf("%d-%s ", n, strings.Repeat("x", 600)), 1+n%4)))
		switch {
		case n%10 == 9:
			e = journaltest.Joined(fmt.Sprintf("c%d", n))
		case n%20 == 0:
			e.Topic = "rare"
		case n%2 == 0:
			e.Topic = "even"
		}
		require.NoError(t, j.Append(t.Context(), e, func(err error) { done <- err }))
	}
	for range entries {
		require.NoError(t, <-done)
	}
}

// readUp reads from a place up to a position, and events behind it that are there.
func readUp(t *testing.T, j *Journal, from protocol.From, filter string, end uint64) (items []string, place journal.Start) {
	t.Helper()
	var f protocol.Filter
	var err error
	if filter != "" {
		f, err = protocol.ParseFilter(filter)
		require.NoError(t, err)
	}
	ctx := wait.Context(t)
	place, err = j.Open(ctx, from, f)
	require.NoError(t, err)
	p := place
	next := p.Next
	for {
		entries, sealed := p.Segment.Entries(p.Entry)
		items = append(items, journaltest.Texts(entries)[p.Line:]...)
		for _, e := range entries {
			next = max(next, e.Pos+uint64(e.Count))
		}
		if next >= end && !sealed {
			j.Release(p.Segment)
			return items, place
		}
		if !sealed {
			require.NoError(t, ctx.Err(), "up to %d of %d", next, end)
			p.Entry, p.Line = p.Entry+len(entries), 0
			time.Sleep(time.Millisecond)
			continue
		}
		p, err = j.Advance(ctx, p.Segment)
		require.NoError(t, err)
		require.Zero(t, p.Missing)
	}
}

// Who asks for more than a broker has in memory is sent the same as at a broker that has it, events
// too (P12).
func TestP12OlderThanMemory(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	all, few := connect(t, attentive(n)), connect(t, forgetful(n))
	for range 6 {
		talk(t, all, 300)
		all.saved(t)
	}
	sameState(t, all, few)
	end := all.Next()
	inMemory, err := few.Mirror.Open(t.Context(), protocol.FromFirst(), protocol.Filter{})
	require.NoError(t, err)
	few.Release(inMemory.Segment)
	require.Greater(t, inMemory.Next, end/2, "most is no longer in memory")
	froms := []protocol.From{protocol.FromFirst(), protocol.FromPosition(1), protocol.FromLast(end), protocol.FromLast(end - inMemory.Next + 1)}
	for range 10 {
		froms = append(froms, protocol.FromPosition(1+rand.Uint64N(end)), protocol.FromLast(1+rand.Uint64N(end)))
	}
	for _, from := range froms {
		for _, filter := range []string{"", "even", "rare"} {
			want, wantPlace := readUp(t, all, from, filter, end)
			got, place := readUp(t, few, from, filter, end)
			require.Equal(t, wantPlace.Next, place.Next, "from=%s of %q", from, filter)
			require.Zero(t, place.Missing, "from=%s of %q", from, filter)
			require.Equal(t, want, got, "from=%s of %q", from, filter)
		}
	}
}

// While more is published than fits into memory, and NATS goes away and comes back, those who read
// what is old miss nothing and get nothing twice.
func TestP10CatchesUp(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	all, few := connect(t, attentive(n)), connect(t, forgetful(n))
	talk(t, all, 2000)
	const readers = 2 * maxReplays // some have to wait
	type result struct {
		items []string
		err   error
	}
	results := make(chan result, readers)
	end := make(chan uint64)
	ctx := wait.Context(t)
	for range readers {
		p, err := few.Open(t.Context(), protocol.FromFirst(), protocol.Filter{})
		require.NoError(t, err)
		go func() {
			var r result
			var last, next uint64
			for {
				entries, sealed := p.Segment.Entries(p.Entry)
				r.items = append(r.items, journaltest.Texts(entries)[p.Line:]...)
				p.Entry, p.Line = p.Entry+len(entries), 0
				for _, e := range entries {
					next = max(next, e.Pos+uint64(e.Count))
				}
				if sealed {
					p, r.err = few.Advance(ctx, p.Segment)
					if r.err == nil && p.Missing > 0 {
						r.err = fmt.Errorf("%d are missing", p.Missing)
					}
					if r.err != nil {
						break
					}
				} else if last > 0 && next >= last {
					few.Release(p.Segment)
					break
				} else if last == 0 {
					select {
					case last = <-end:
					case <-time.After(time.Millisecond):
					}
				} else {
					time.Sleep(time.Millisecond)
				}
			}
			results <- r
		}()
	}
	talk(t, all, 1000)
	n.stop()
	n.start()
	talk(t, all, 1000)
	for range readers {
		select {
		case end <- all.Next():
		case <-ctx.Done():
			require.Fail(t, context.Cause(ctx).Error(), "nobody has caught up")
		}
	}
	want, _ := readUp(t, all, protocol.FromFirst(), "", all.Next())
	for range readers {
		r := <-results
		require.NoError(t, r.err)
		require.Equal(t, want, r.items)
	}
}

// What the stream forgets while it is read is a gap of the right size.
func TestP12ForgottenMeanwhile(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	cfg := forgetful(n)
	cfg.Size = 4 << 20
	j := connect(t, cfg)
	for range 4 {
		talk(t, j, 300)
		j.saved(t)
	}
	p, err := j.Open(t.Context(), protocol.FromPosition(2), protocol.Filter{})
	require.NoError(t, err)
	require.Zero(t, p.Missing, "it is there yet")
	for range 25 { // often enough for all names of snapshots to be taken by later ones
		talk(t, j, 300)
		j.saved(t)
	}
	oldest, err := j.beginnings(t.Context())
	require.NoError(t, err)
	next, gaps := uint64(2), 0
	for end := j.Next(); next < end; {
		entries, sealed := p.Segment.Entries(p.Entry)
		require.True(t, sealed || len(entries) > 0)
		for i := range entries {
			e := entries[i]
			if i == 0 && p.Line > 0 {
				require.True(t, e.StartAt(e.Pos+uint64(p.Line)))
			}
			if e.Event != nil && e.Event.Kind == protocol.Gap {
				gaps++
				next += e.Event.Missing
				require.Equal(t, oldest[0].next, next, "P12: no more than the stream has forgotten")
			}
			require.Equal(t, next, e.Pos, "P12: in its place")
			next += uint64(e.Count)
		}
		if next < end {
			require.True(t, sealed)
			p, err = j.Advance(t.Context(), p.Segment)
			require.NoError(t, err)
		}
	}
	require.Equal(t, 1, gaps)
	j.Release(p.Segment)

	p, err = j.Open(t.Context(), protocol.FromPosition(2), protocol.Filter{})
	require.NoError(t, err)
	require.Positive(t, p.Missing)
	require.Equal(t, p.Next, 2+p.Missing, "P12: what is no longer kept is counted")
	j.Release(p.Segment)
}

// While a subscriber waits for its messages to be found, publishers do not wait for it.
func TestP16SearchHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	cfg := forgetful(n)
	cfg.search = testTimeout
	j := connect(t, cfg)
	talk(t, j, 1000)
	for range maxSearches {
		j.searches <- struct{}{} // others look for theirs
	}
	opened := make(chan error, 1)
	go func() {
		filter, err := protocol.ParseFilter("rare")
		if err == nil {
			var p journal.Start
			if p, err = j.Open(context.Background(), protocol.FromLast(1000), filter); err == nil {
				j.Release(p.Segment)
			}
		}
		opened <- err
	}()
	talk(t, j, 2000)
	select {
	case err := <-opened:
		require.Fail(t, "it did not wait", "%v", err)
	default:
	}
	for range maxSearches {
		<-j.searches
	}
	require.NoError(t, <-opened)
}

// The stream does not answer: whoever asks waits, for as long as they want to.
func TestP12WaitsForTheStream(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	j := connect(t, forgetful(n))
	talk(t, j, 1000)
	n.stop()
	ctx, cancel := context.WithTimeout(t.Context(), consumerTimeout/10)
	defer cancel()
	_, err := j.Open(ctx, protocol.FromPosition(1), protocol.Filter{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	opened := make(chan error, 1)
	go func() {
		p, err := j.Open(context.Background(), protocol.FromPosition(1), protocol.Filter{})
		if err == nil && p.Next != 1 {
			err = fmt.Errorf("it begins at %d", p.Next)
		}
		if err == nil {
			j.Release(p.Segment)
		}
		opened <- err
	}()
	n.start()
	require.NoError(t, <-opened)
}

// A journal that closes lets those who are behind catch up, and no longer than it may.
func TestP17CatchesUpAtTheEnd(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	for name, patient := range map[string]bool{"patient": true, "impatient": false} {
		t.Run(name, func(t *testing.T) {
			cfg := forgetful(n)
			cfg.Stream = name
			j := connect(t, cfg)
			talk(t, j, 1000)
			end := j.Next()
			p, err := j.Open(t.Context(), protocol.FromFirst(), protocol.Filter{})
			require.NoError(t, err)
			p, err = j.Advance(t.Context(), p.Segment)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if !patient {
				cancel()
			}
			closed := make(chan struct{})
			go func() {
				j.Close(ctx)
				close(closed)
			}()
			if !patient {
				<-closed
			}
			next := uint64(1)
			for p.Segment != nil {
				entries, sealed := p.Segment.Entries(p.Entry)
				for _, e := range entries {
					next = max(next, e.Pos+uint64(e.Count))
				}
				if p.Entry += len(entries); !sealed {
					time.Sleep(time.Millisecond)
				} else if p, err = j.Advance(t.Context(), p.Segment); err != nil {
					break
				}
			}
			<-closed
			if patient {
				require.NoError(t, err)
				require.Equal(t, end, next, "P17: everything")
			} else if err != nil {
				require.True(t, errors.Is(err, journal.ErrClosed), "%v", err)
			}
		})
	}
}
