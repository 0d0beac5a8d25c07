package disk

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config is that of a journal in a folder of its own, with small files.
func config(t testing.TB) Config {
	cfg := Config{Dir: t.TempDir(), Size: 64 << 20, History: journal.MinHistory, fileSize: 256 << 10}
	if testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return cfg
}

// open is Open, and a Close at the end of the test.
func open(t testing.TB, cfg Config) *Journal {
	t.Helper()
	j, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { j.Close(context.Background()) })
	return j
}

func TestJournal(t *testing.T) {
	journaltest.Run(t, func(t *testing.T, history int) journal.Journal {
		cfg := config(t)
		cfg.History = history
		return open(t, cfg)
	})
}

func BenchmarkAcknowledged(b *testing.B) {
	for _, publishers := range []int{1, 100} {
		b.Run(fmt.Sprint(publishers), func(b *testing.B) {
			cfg := config(b)
			cfg.fileSize, cfg.Size, cfg.History = 0, 1<<30, 64<<20
			cfg.Log = nil
			j := open(b, cfg)
			line := []byte(strings.Repeat("x", 63) + "\n")
			lines := bytes.Repeat(line, 100)
			b.SetBytes(64)
			b.ResetTimer()
			var all sync.WaitGroup
			for p := range publishers {
				all.Go(func() {
					var acks sync.WaitGroup
					for i := 0; i < b.N/publishers/100+1; i++ {
						acks.Add(1)
						j.Append(context.Background(), journal.Entry{From: fmt.Sprint("p", p), Lines: bytes.Clone(lines), Count: 100}, func(error) { acks.Done() })
					}
					acks.Wait()
				})
			}
			all.Wait()
		})
	}
}

// How long a start takes, by what the folder keeps.
func BenchmarkOpen(b *testing.B) {
	for _, size := range []int64{64 << 20, 256 << 20, 1 << 30} {
		b.Run(fmt.Sprint(size>>20, "MiB"), func(b *testing.B) {
			cfg := config(b)
			cfg.fileSize, cfg.Size, cfg.History, cfg.SyncEvery, cfg.Log = 64<<20, 8<<30, 64<<20, -1, nil
			j := open(b, cfg)
			line := []byte(strings.Repeat("x", 63) + "\n")
			for int64(j.Next())*64 < size {
				fillLines(b, j, line, 100_000)
			}
			j.Close(b.Context())
			b.SetBytes(size)
			for b.Loop() {
				open(b, cfg).Close(b.Context())
			}
		})
	}
}
