package jetstream

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// What a line costs in a batch of so many, and what one costs that is published directly, as a
// message of its own. An operation is one acknowledged line.
func BenchmarkAcknowledged(b *testing.B) {
	line := append(bytes.Repeat([]byte{'x'}, 63), '\n')
	for _, sync := range []bool{false, true} {
		start := func(b *testing.B) *node {
			n := newNode(b)
			n.opts.SyncAlways = sync
			n.start()
			return n
		}
		b.Run(fmt.Sprintf("sync=%t/direct", sync), func(b *testing.B) {
			nc, err := nats.Connect(start(b).url)
			require.NoError(b, err)
			defer nc.Close()
			js, err := jetstream.New(nc)
			require.NoError(b, err)
			_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "direct", Subjects: []string{"direct"}, MaxBytes: 1 << 30})
			require.NoError(b, err)
			for b.Loop() {
				_, err := js.PublishAsync("direct", line, jetstream.WithStallWait(testTimeout))
				require.NoError(b, err)
			}
			<-js.PublishAsyncComplete()
			reportLines(b)
		})
		for _, lines := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("sync=%t/lines=%d", sync, lines), func(b *testing.B) {
				cfg := start(b).config()
				cfg.Size, cfg.History = 1<<30, 64<<20
				j := connect(b, cfg)
				e := journal.Entry{From: "ada", Lines: bytes.Repeat(line, lines), Count: lines}
				for i := 0; b.Loop(); i++ {
					if i%lines == 0 {
						require.NoError(b, j.Append(b.Context(), e, func(error) {}))
					}
				}
				require.NoError(b, j.sync(b.Context()))
				reportLines(b)
			})
		}
	}
}

func reportLines(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// What it takes to send a subscriber what only the stream keeps, in batches of so many lines. An
// operation is a line.
func BenchmarkReplay(b *testing.B) {
	line := append(bytes.Repeat([]byte{'x'}, 63), '\n')
	for _, lines := range []int{1, 256} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			cfg := startNode(b).config()
			j := connect(b, cfg)
			e := journal.Entry{From: "ada", Lines: bytes.Repeat(line, lines), Count: lines}
			entries := 64_000_000 / (lines*len(line) + messageOverhead)
			for range entries {
				require.NoError(b, j.Append(b.Context(), e, func(error) {}))
			}
			require.NoError(b, j.sync(b.Context()))
			b.ResetTimer()
			sent := 0
			for sent < b.N {
				p, err := j.Open(b.Context(), protocol.FromFirst(), protocol.Filter{})
				require.NoError(b, err)
				for begun := p.Segment; ; {
					read, _ := p.Segment.Entries(p.Entry)
					for i := range read {
						sent += read[i].Count
					}
					p, err = j.Advance(b.Context(), p.Segment)
					require.NoError(b, err)
					if p.Segment.Seq > 0 && begun.Seq == 0 {
						j.Release(p.Segment)
						break
					}
				}
			}
			reportLines(b)
		})
	}
}
