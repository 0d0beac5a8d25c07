package jetstream

import (
	"bytes"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"pubsublab/server/journal"
)

// What a batch of lines costs here, and lines that are published one by one. An
// operation is one acknowledged line.
func BenchmarkAcknowledged(b *testing.B) {
	line := append(bytes.Repeat([]byte{'x'}, 63), '\n')
	b.Run("direct", func(b *testing.B) {
		n := startNode(b)
		nc, err := nats.Connect(n.url)
		require.NoError(b, err)
		defer nc.Close()
		js, err := jetstream.New(nc)
		require.NoError(b, err)
		_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "direct", Subjects: []string{"direct"}, MaxBytes: 1 << 30})
		require.NoError(b, err)
		for b.Loop() {
			_, err := js.PublishAsync("direct", line, jetstream.WithStallWait(patience))
			require.NoError(b, err)
		}
		<-js.PublishAsyncComplete()
		reportLines(b)
	})
	for _, c := range []struct {
		name  string
		lines int
	}{{"journal/lines=1", 1}, {"journal/lines=64", 64}, {"journal/lines=1024", 1024}} {
		b.Run(c.name, func(b *testing.B) {
			n := startNode(b)
			cfg := n.config()
			cfg.Size, cfg.History = 1<<30, 64<<20
			j := connect(b, cfg)
			e := journal.Entry{From: "ada", Lines: bytes.Repeat(line, c.lines), Count: c.lines}
			for i := 0; b.Loop(); i++ {
				if i%c.lines == 0 {
					require.NoError(b, j.Append(b.Context(), e, func(error) {}))
				}
			}
			require.NoError(b, j.sync(b.Context()))
			reportLines(b)
		})
	}
}

func reportLines(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
