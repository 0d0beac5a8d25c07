package pubsub

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQueueKeepsEveryLineUntilAcknowledged drives a queue at random beside a model of it that is
// two slices.
func TestQueueKeepsEveryLineUntilAcknowledged(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		var q queue
		var lines []string // all of them
		var sent []string  // handed out since the last rewind, behind those that were acknowledged then
		base := 0
		for step := range 1000 {
			switch random.IntN(10) {
			case 0, 1, 2, 3, 4, 5:
				line := strings.Repeat("x", random.IntN(9)*random.IntN(9)*random.IntN(200))
				if random.IntN(3) == 0 {
					line += "\r"
				}
				q.add(line)
				lines = append(lines, line)
			case 6, 7:
				for l := range strings.Lines(string(q.next())) {
					l = strings.TrimSuffix(l, "\n")
					l = strings.TrimSuffix(l, "\r")
					sent = append(sent, l)
				}
				require.True(t, slices.Equal(lines[base:base+len(sent)], sent), "seed %d: what is handed out is what was added", seed)
				require.EqualValues(t, base+len(sent), q.sent, "seed %d: number of the last line handed out", seed)
			case 8:
				q.ack(q.acked + random.Uint64N(q.sent-q.acked+1))
			case 9:
				if random.IntN(10) == 0 {
					q.rewind()
					base, sent = int(q.acked), nil
				}
			}
			if step%50 > 0 {
				continue
			}
			size := 0
			for _, l := range lines[q.acked:] {
				size += len(l) + 1
				if strings.HasSuffix(l, "\r") {
					size++
				}
			}
			require.Equal(t, size, q.size, "seed %d: bytes kept", seed)
		}
		require.True(t, slices.Equal(lines[q.acked:], q.undelivered()), "seed %d: undelivered", seed)
		for n := q.acked + 1; n <= q.lines; n += 10 {
			require.Equal(t, lines[n-1], q.text(n), "seed %d: line %d", seed, n)
		}
		assert.Empty(t, q.text(q.lines+1))
	}
}
