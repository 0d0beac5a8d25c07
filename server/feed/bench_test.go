package feed

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal/journaltest"
)

// An op is one line, appended in blocks of 64 KB, rendered, and passed by every cursor. The bytes
// are those that the cursors bring, in sum.
func BenchmarkCursors(b *testing.B) {
	for _, format := range []protocol.Format{protocol.Plain, protocol.TSV} {
		for _, cursors := range []int{1, 2, 20, 100} {
			b.Run(fmt.Sprintf("%s/%d", format, cursors), func(b *testing.B) { benchmarkCursors(b, format, cursors) })
		}
	}
}

func benchmarkCursors(b *testing.B, format protocol.Format, cursors int) {
	set := newRig(b, 64<<20, Config{})
	set.j.Journal.Watch(set.Set) // without a record of everything
	e := journaltest.Lines("ada: " + strings.Repeat(strings.Repeat("x", 63)+" ", 1024))
	all := make([]*Cursor, cursors)
	for i := range all {
		all[i] = set.open("", format, protocol.From{})
	}
	var bytes int
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += e.Count {
		if err := set.j.Append(context.Background(), e, func(error) {}); err != nil {
			b.Fatal(err)
		}
		for _, c := range all {
			data, err := next(c)
			if err != nil {
				b.Fatal(err)
			}
			bytes += len(data)
			c.Advance(len(data))
		}
	}
	b.StopTimer()
	rounds := (b.N + e.Count - 1) / e.Count
	b.SetBytes(int64(bytes / (rounds * e.Count)))
	for _, c := range all {
		if n := c.Close(); n != uint64(rounds*e.Count) {
			b.Fatal(n, "messages passed")
		}
	}
}

// A line costs no allocation: those of the blocks themselves are few and large.
func TestNoAllocationsPerLine(t *testing.T) {
	set := newRig(t, 64<<20, Config{})
	set.j.Journal.Watch(set.Set)
	e := journaltest.Lines("ada: " + strings.Repeat("x ", 1024))
	one, two := set.open("", protocol.TSV, protocol.From{}), set.open("", protocol.TSV, protocol.From{})
	allocs := testing.AllocsPerRun(200, func() {
		_ = set.j.Try(e)
		for _, c := range []*Cursor{one, two} {
			data, _ := next(c)
			c.Advance(len(data))
		}
	})
	require.Less(t, allocs, 20.0, "of 1,024 lines")
	require.EqualValues(t, 201*1024, one.Close())
	require.EqualValues(t, 201*1024, two.Close())
}
