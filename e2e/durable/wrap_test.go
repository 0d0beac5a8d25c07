package durable

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/wait"
	"pubsublab/protocol"
)

// The journal is as large as it may be while lines flow: the oldest files go. Who has kept up has
// everything; who comes late and wants the first line is told exactly how many are missing, and has
// all from there on.
func TestJournalIsFull(t *testing.T) {
	rng := throw(t)
	s := newSite(t, rate.Inf, "--history=1MiB", "--journal-size=16MiB", "--sync=1s")
	s.start()
	s.subscribe("early")
	for i := range 3 {
		s.Publish(fmt.Sprint("p", i), 300+rng.IntN(300))
	}
	first := filepath.Join(s.dir, "0000000001.journal")
	wait.Until(t, func() bool {
		_, err := os.Stat(first)
		return os.IsNotExist(err)
	}, "the first file goes")
	s.gaps = true
	for i := range 3 {
		s.subscribe(fmt.Sprint("late", i))
		s.flow(5000)
	}
	cfg := s.Config("exact")
	cfg.From = protocol.FromPosition(1)
	sub, err := pubsub.DialSubscriber(wait.Context(t), s.addr(), cfg)
	require.NoError(t, err)
	missing := uint64(0)
	for next := uint64(1); next < 50_000; {
		item, err := sub.Next(wait.Context(t))
		require.NoError(t, err)
		switch {
		case item.Event == nil:
			require.Equal(t, next, item.Pos, "P12: positions and gaps are all there is")
			next++
		case item.Event.Kind == protocol.Gap:
			missing += item.Event.Missing
			next += item.Event.Missing
		}
	}
	require.Positive(t, missing)
	sub.Close()
	s.Judge()
	files, err := filepath.Glob(filepath.Join(s.dir, "*.journal"))
	require.NoError(t, err)
	total := int64(0)
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		total += info.Size()
	}
	require.LessOrEqual(t, total, int64(16<<20))
}
