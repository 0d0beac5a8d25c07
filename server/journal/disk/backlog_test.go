package disk

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// counter reads messages, and requires that their positions follow each other, with gaps that count
// those that are missing.
type counter struct {
	t    testing.TB
	j    *Journal
	s    *journal.Segment
	at   int
	line int
	next uint64 // the position that has to come
	gaps int
}

func count(t testing.TB, j *Journal, from protocol.From) *counter {
	p, err := j.Open(t.Context(), from, protocol.Filter{})
	require.NoError(t, err)
	c := &counter{t: t, j: j, next: p.Next - p.Missing}
	c.begin(p)
	return c
}

func (c *counter) begin(p journal.Start) {
	c.s, c.at, c.line = p.Segment, p.Entry, p.Line
	if p.Missing > 0 {
		c.next += p.Missing
		c.gaps++
	}
}

// step reads a segment, and reports whether there may be more now.
func (c *counter) step() bool {
	entries, sealed := c.s.Entries(c.at)
	for _, e := range entries {
		if e.Event != nil && e.Event.Kind == protocol.Gap {
			c.next += e.Event.Missing
			c.gaps++
		}
		if e.Count > 0 {
			require.Equal(c.t, e.Pos+uint64(c.line), c.next, "positions follow each other")
			c.next = e.Pos + uint64(e.Count)
			c.line = 0
		}
		c.at++
	}
	if !sealed {
		return len(entries) > 0
	}
	p, err := c.j.Advance(c.t.Context(), c.s)
	require.NoError(c.t, err)
	c.begin(p)
	return c.s != nil
}

func (c *counter) close() { c.j.Release(c.s) }

// fill appends so many messages, 100 in an entry, and waits until they are acknowledged.
func fill(t testing.TB, j *Journal, messages int) {
	fillLines(t, j, []byte("0123456789012345678901234567890123456789\n"), messages)
}

func fillLines(t testing.TB, j *Journal, line []byte, messages int) {
	var acks sync.WaitGroup
	lines := bytes.Repeat(line, 100)
	for range messages / 100 {
		acks.Add(1)
		require.NoError(t, j.Append(context.Background(), journal.Entry{From: "ada", Topic: "news", Lines: bytes.Clone(lines), Count: 100},
			func(err error) {
				if err != nil {
					t.Error(err)
				}
				acks.Done()
			}))
	}
	acks.Wait()
}

// Files go while readers are in them, and while others come: what is missing is counted exactly.
func TestP12GapsWhileFilesGo(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	cfg := config(t)
	cfg.SyncEvery, cfg.Size, cfg.fileSize = -1, 3<<20, 128<<10
	j := open(t, cfg)
	over := make(chan struct{})
	var readers sync.WaitGroup
	gaps := make([]int, 6)
	for i := range gaps {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		readers.Go(func() {
			for {
				c := count(t, j, []protocol.From{protocol.FromFirst(), protocol.FromPosition(1 + rng.Uint64N(j.Next())), protocol.FromLast(1 + rng.Uint64N(j.Next()))}[rng.IntN(3)])
				for range rng.IntN(60) {
					if !c.step() {
						break
					}
					time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
				}
				gaps[i] += c.gaps
				c.close()
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	fill(t, j, 400_000)
	close(over)
	readers.Wait()
	files := j.segments()
	require.Greater(t, files[0].number, uint64(50), "files have gone")
	total := int64(0)
	for _, f := range files {
		total += f.size
	}
	require.LessOrEqual(t, total, cfg.Size)
	sum := 0
	for _, n := range gaps {
		sum += n
	}
	t.Logf("%d gaps", sum)
	require.Positive(t, sum, "somebody has missed something")
	c := count(t, j, protocol.FromPosition(1))
	for c.step() {
	}
	require.EqualValues(t, 400_001, c.next)
	c.close()
}

// Whoever stops in the middle of old history holds nobody up: not publishers, not those who read
// what is in memory; of others who want old history, as many as there are turns less one go on.
func TestReadersOfOldHistoryHoldNobodyUp(t *testing.T) {
	cfg := config(t)
	cfg.SyncEvery = -1
	j := open(t, cfg)
	fill(t, j, 100_000)
	var stalled []*counter
	for range maxReaders {
		c := count(t, j, protocol.FromFirst())
		require.True(t, c.step()) // it has its turn from now on
		stalled = append(stalled, c)
	}
	fill(t, j, 100_000)
	tail := count(t, j, protocol.From{})
	fill(t, j, 1000)
	for tail.step() {
	}
	require.EqualValues(t, 201_001, tail.next)
	tail.close()

	waits := count(t, j, protocol.FromFirst())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := j.Advance(ctx, waits.s)
	require.ErrorIs(t, err, context.DeadlineExceeded, "there is no turn left")
	stalled[0].close()
	waits = count(t, j, protocol.FromFirst())
	for waits.step() {
	}
	require.EqualValues(t, 201_001, waits.next)
	waits.close()
	for _, c := range stalled[1:] {
		for c.step() {
		}
		require.EqualValues(t, 201_001, c.next, "who goes on has missed nothing")
		c.close()
	}
}

// A million positions of old history are read, every one once, while lines flow.
func TestAMillionOldPositions(t *testing.T) {
	cfg := config(t)
	cfg.SyncEvery, cfg.Size, cfg.fileSize = -1, 1<<30, 4<<20
	j := open(t, cfg)
	const old = 1_000_000
	fill(t, j, old)
	var readers sync.WaitGroup
	for i := range 2 * maxReaders {
		readers.Go(func() {
			first := uint64(1 + i*1000)
			c := count(t, j, protocol.FromPosition(first))
			for c.step() || c.next < old {
			}
			require.Zero(t, c.gaps)
			c.close()
		})
	}
	fill(t, j, 100_000)
	readers.Wait()
}

// The last messages of a topic are found beyond what is in memory, and in files that begin in the
// middle of them.
func TestP12LastOfATopicOnTheDisk(t *testing.T) {
	cfg := config(t)
	j := open(t, cfg)
	b := journaltest.NewRig(t, j)
	b.Add(journaltest.Lines("eve#rare: one two three"))
	fill(t, j, 30_000)
	b.Add(journaltest.Lines("eve#rare: four"))
	fill(t, j, 30_000)
	for n, want := range map[uint64][]string{1: {"30004 eve#rare: four"}, 2: {"3 eve#rare: three", "30004 eve#rare: four"}, 9: {"1 eve#rare: one", "2 eve#rare: two", "3 eve#rare: three", "30004 eve#rare: four"}} {
		r := b.Open(protocol.FromLast(n), "rare")
		var got []string
		for items, ok := r.Read(); ok; items, ok = r.Read() {
			for _, item := range items {
				if bytes.Contains([]byte(item), []byte("#rare")) {
					got = append(got, item)
				}
			}
		}
		require.Equal(t, want, got, "P12: from=-%d", n)
		require.Equal(t, want[0], fmt.Sprintf("%d%s", r.Start.Next, want[0][len(fmt.Sprint(r.Start.Next)):]))
		r.Release()
	}
	r := b.Open(protocol.FromLast(60_000), "")
	require.EqualValues(t, 60_005-60_000, r.Start.Next)
	r.Release()
}

// How long an acknowledged line takes, without and with others who read old history from the disk
// all the time.
func BenchmarkBesideOldHistory(b *testing.B) {
	for _, readers := range []int{0, 1, maxReaders} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			cfg := config(b)
			cfg.Size, cfg.fileSize, cfg.Log = 4<<30, 64<<20, nil
			j := open(b, cfg)
			fill(b, j, 1_000_000)
			over := make(chan struct{})
			var all sync.WaitGroup
			var read [maxReaders]uint64
			for i := range readers {
				all.Go(func() {
					for {
						c := count(b, j, protocol.FromFirst())
						for c.step() && c.next < 1_000_000 {
							select {
							case <-over:
								read[i] += c.next
								c.close()
								return
							default:
							}
						}
						read[i] += c.next
						c.close()
					}
				})
			}
			b.ResetTimer()
			fill(b, j, max(b.N, 100))
			b.StopTimer()
			close(over)
			all.Wait()
			sum := uint64(0)
			for _, n := range read {
				sum += n
			}
			b.ReportMetric(float64(sum)/b.Elapsed().Seconds(), "old/s")
		})
	}
}
