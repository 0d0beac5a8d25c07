package durable

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The server is killed at drawn moments, while it starts too, and started again: publishers and
// subscribers go on by themselves, as if it had only been slow. Nothing acknowledged or delivered
// is lost, doubled or moved; who comes late is sent everything from the disk.
func TestServerIsKilled(t *testing.T) {
	for _, sync := range []string{"always", "1s", "never"} {
		t.Run(sync, func(t *testing.T) {
			t.Parallel()
			rng := throw(t)
			s := newSite(t, pace, "--sync="+sync, "--history=1MiB", "--journal-size=10GiB")
			s.start()
			first := s.welcome()
			require.Equal(t, sync, first.Sync, "P4")
			for i := range 3 {
				s.Publish(fmt.Sprint("p", i), 1+rng.IntN(500))
			}
			s.subscribe("early")
			for i := range rounds(6, 24) {
				s.flow(1 + rng.Int64N(2000))
				if rng.IntN(4) == 0 {
					require.NoError(t, s.server.Process.Signal(os.Interrupt))
					require.Zero(t, s.ended(), "P17")
				} else {
					s.kill()
				}
				for range rng.IntN(3) { // in the middle of its start
					s.launch()
					time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
					s.kill()
				}
				s.start()
				if i%3 == 2 {
					s.subscribe(fmt.Sprint("late", i))
				}
			}
			require.Equal(t, first.Journal, s.welcome().Journal, "the order is the same")
			s.Judge()
		})
	}
}
