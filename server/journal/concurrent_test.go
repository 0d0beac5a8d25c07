package journal_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// Publishers that wait for readers, and readers that come and go: everyone sees one order without a
// gap (P9, P10).
func TestP9P10Concurrently(t *testing.T) {
	const publishers, readers, entries = 3, 4, 200
	b := newRig(t, journal.MinHistory)
	var pubs, subs sync.WaitGroup
	closed := make(chan struct{})
	for i := range publishers {
		pubs.Go(func() {
			long := strings.Repeat("x", 8000)
			for n := range entries {
				e := journal.Entry{From: fmt.Sprint("p", i), Lines: fmt.Appendf(nil, "%d\n%s\n", n, long), Count: 2}
				if !assert.NoError(t, b.Append(context.Background(), e, func(error) {})) {
					return
				}
			}
		})
	}
	read := func(from protocol.From, until uint64) (ended bool) {
		p, err := b.memory.Open(context.Background(), from, protocol.Filter{})
		if err != nil {
			return true
		}
		if from.Position() == 0 && !assert.Zero(t, p.Missing, "P12: only a position can be missing, from=%s", from) {
			return true
		}
		seen := map[string]int{}
		next, s := p.Next-uint64(p.Line), p.Segment
		for i := p.Entry; ; {
			got, sealed := s.Entries(i)
			for _, e := range got {
				var n int
				fmt.Sscan(string(e.Lines), &n)
				if before, ok := seen[e.From]; e.Pos != next || ok && n != before+1 {
					return assert.Fail(t, "P10: a gap", "from=%s: %d instead of %d, line %d of %s", from, e.Pos, next, n, e.From)
				}
				seen[e.From] = n
				next += uint64(e.Count)
			}
			i += len(got)
			switch {
			case next-p.Next > until:
				b.Release(s)
				return false
			case sealed:
				p, _ := b.memory.Advance(context.Background(), s) // nothing to fetch, so no error
				if s = p.Segment; s == nil {
					return true
				}
				i = 0
			case len(got) == 0:
				select {
				case <-closed:
				default:
					b.Release(s) // it would have to wait
					return false
				}
			}
		}
	}
	for i := range readers {
		subs.Go(func() {
			froms := []protocol.From{protocol.FromFirst(), protocol.FromLast(100_000), protocol.FromLast(60), protocol.FromPosition(1), {}}
			for n := i; !read(froms[n%len(froms)], uint64(n%7)*50); n++ {
			}
		})
	}
	pubs.Wait()
	b.Close()
	close(closed)
	subs.Wait()
	assert.Len(t, b.Heard(), publishers*entries)
}
