package disk

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// runs is how many runs of each kind are drawn; PUBSUBLAB_SEEDS=N repeats one, and N-M runs others.
const runs = 300

func seeds(t *testing.T) (first, last uint64) {
	first = rand.Uint64() >> 1
	last = first + runs - 1
	if text := os.Getenv("PUBSUBLAB_SEEDS"); text != "" {
		from, to, several := strings.Cut(text, "-")
		var err error
		first, err = strconv.ParseUint(from, 10, 64)
		if last = first; several && err == nil {
			last, err = strconv.ParseUint(to, 10, 64)
		}
		require.NoError(t, err, "PUBSUBLAB_SEEDS")
	}
	t.Logf("PUBSUBLAB_SEEDS=%d-%d", first, last)
	return first, last
}

// The machine, or the broker alone, dies in any call that changes something on the disk, again and
// again. What was acknowledged or could be read is there afterwards, once, at its position; of the
// rest there is a first part; and runs go on behind exactly that.
func TestNothingIsLostInACrash(t *testing.T) {
	for _, c := range []struct {
		name   string
		every  time.Duration
		size   int64
		sparse bool // a file system that makes no room in advance
	}{
		{"always", 0, 1 << 30, false},
		{"always, the oldest goes", 0, 8 << 10, false},
		{"always, without room in advance", 0, 1 << 30, true},
		{"never", -1, 1 << 30, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first, last := seeds(t)
			crashes := 0
			for seed := first; seed <= last; seed++ {
				r := &crashRun{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0))}
				r.disk = newForgetful(rand.New(rand.NewPCG(seed, 1)))
				r.disk.sparse = c.sparse
				r.cfg = Config{Dir: "memory", SyncEvery: c.every, Size: c.size, fs: r.disk, fileSize: 2 << 10}
				for range 4 {
					r.cfg.Size = c.size * (1 + int64(r.rng.IntN(3)))
					if r.live() {
						crashes++
					}
				}
			}
			require.GreaterOrEqual(t, crashes, int(last-first)/2, "crashes")
		})
	}
}

// crashRun is a journal on a disk that forgets, and all that was appended to it.
type crashRun struct {
	t    *testing.T
	seed uint64
	rng  *rand.Rand
	disk *forgetful
	cfg  Config

	all  []journal.Entry // in the order of the calls, as long as they may be there
	sure int             // how many of them have to be there
	base int             // how many were there when the journal was opened
	id   string
	time time.Time
}

// live opens the journal, looks at what is there, and appends until the machine crashes, the broker
// is killed or it is stopped.
func (r *crashRun) live() (crashed bool) {
	r.disk.mu.Lock()
	r.disk.calls = 0
	if r.rng.IntN(4) > 0 {
		r.disk.crashAt = 1 + r.rng.IntN(40)
	}
	r.disk.mu.Unlock()
	j, err := Open(r.cfg)
	if err == nil {
		r.look(j)
		r.append(j)
	} else {
		require.ErrorIs(r.t, err, errCrashed, "seed=%d", r.seed)
	}
	crashed = r.disk.crashed
	switch {
	case crashed && r.rng.IntN(3) == 0:
		r.disk.kill()
		return true
	case crashed && r.cfg.SyncEvery != 0:
		r.sure = r.base
	}
	r.disk.restart()
	return crashed
}

// append appends for a while, and closes the journal. All that is acknowledged, and all that could
// be read, is sure.
func (r *crashRun) append(j *Journal) {
	heard := &journaltest.Recorder{}
	j.Watch(heard)
	x := r.expect(r.all)
	var acked atomic.Int64
	for range r.rng.IntN(40) {
		e := r.entry(x.model)
		if j.Append(context.Background(), e, func(err error) {
			if err == nil {
				acked.Add(1)
			}
		}) != nil {
			break
		}
		x.model.Add(e)
		r.all = append(r.all, e)
		for r.rng.IntN(3) == 0 && len(r.all) > r.base+int(acked.Load()) && j.ctx.Err() == nil { // so that it may become a frame
			time.Sleep(20 * time.Microsecond)
		}
	}
	j.Close(context.Background())
	r.sure = r.base + int(acked.Load())
	read := append(x.texts, journaltest.Texts(heard.Heard())...)
	all := r.expect(r.all).texts
	require.LessOrEqual(r.t, len(read), len(all), "seed=%d", r.seed)
	r.equal(all[:len(read)], read, "what could be read is what was appended")
	for len(r.expect(r.all[:r.sure]).texts) < len(read) {
		r.sure++
	}
	for _, e := range heard.Heard() {
		require.False(r.t, e.Time.Before(r.time), "seed=%d: P13: times do not run backwards", r.seed)
		r.time = e.Time
	}
}

// entry is like the model's, but small.
func (r *crashRun) entry(m *journaltest.Model) journal.Entry {
	for {
		if e := m.RandomEntry(r.rng); len(e.Lines) < 1500 {
			if e.Run != "" && e.Count == 0 {
				e.First += uint64(r.rng.IntN(2)) // a rejected line
			}
			return e
		}
	}
}

// expectation is what is there when these entries are.
type expectation struct {
	model *journaltest.Model
	texts []string
}

func (r *crashRun) expect(entries []journal.Entry) expectation {
	m := journaltest.NewModel()
	for _, e := range entries {
		m.Add(e)
	}
	return expectation{m, journaltest.Texts(m.Items)}
}

// look compares what is in the journal with what may be there, and takes that for what was
// appended: now it was shown, and must not go any more.
func (r *crashRun) look(j *Journal) {
	if r.id == "" {
		r.id = j.ID()
	}
	require.Equal(r.t, r.id, j.ID(), "seed=%d: the order is the same", r.seed)
	onDisk := r.files(j)
	dropping := r.cfg.Size < 1<<20
	if inMemory := r.memory(j); !dropping || len(inMemory) < len(onDisk) {
		r.equal(onDisk[max(0, len(onDisk)-len(inMemory)):], inMemory, "what is in memory is in the files")
	}
	for n := len(r.all); n >= r.sure; n-- {
		x := r.expect(r.all[:n])
		if x.model.Next == j.Next() && len(x.texts) >= len(onDisk) && (dropping || len(x.texts) == len(onDisk)) &&
			slices.Equal(x.texts[len(x.texts)-len(onDisk):], onDisk) && r.sameRuns(j, x.model) {
			r.all, r.sure, r.base = r.all[:n:n], n, n
			return
		}
	}
	require.Fail(r.t, "lines were lost, doubled or changed", "seed=%d: of %d entries at least %d have to be there, and all runs likewise\n%s\nis not a part of\n%s",
		r.seed, len(r.all), r.sure, strings.Join(onDisk, "\n"), strings.Join(r.expect(r.all).texts, "\n"))
}

func (r *crashRun) equal(want, got []string, what string) {
	if !slices.Equal(want, got) {
		require.Equal(r.t, want, got, "seed=%d: %s", r.seed, what)
	}
}

func (r *crashRun) sameRuns(j *Journal, m *journaltest.Model) bool {
	for _, name := range []string{"p0", "p1", "p2"} {
		for _, id := range []string{"r", "q"} {
			next, err := j.NextLine(context.Background(), name, id)
			require.NoError(r.t, err)
			if next != m.Seen[journaltest.RunID{Name: name, ID: id}]+1 {
				return false
			}
		}
	}
	return true
}

// memory returns all that is in memory.
func (r *crashRun) memory(j *Journal) (all []string) {
	p, err := j.Mirror.Open(context.Background(), protocol.FromFirst(), protocol.Filter{})
	require.NoError(r.t, err)
	return r.rest(j, p)
}

// files returns all that is in the files, as somebody reads it for whom nothing is in memory.
func (r *crashRun) files(j *Journal) []string {
	files := j.segments()
	b := newBacklog(j, files, files[0].first)
	for {
		b.exact = false // or it would go on in memory
		p, there, err := b.more(context.Background())
		require.NoError(r.t, err, "seed=%d", r.seed)
		if there {
			require.Empty(r.t, r.rest(j, p), "seed=%d", r.seed)
			return journaltest.Texts(b.left)
		}
	}
}

// rest reads from a place on.
func (r *crashRun) rest(j *Journal, p journal.Start) (all []string) {
	for s, i := p.Segment, p.Entry; ; i = 0 {
		entries, sealed := s.Entries(i)
		all = append(all, journaltest.Texts(entries)[p.Line:]...)
		if !sealed {
			j.Release(s)
			return all
		}
		next, err := j.Advance(context.Background(), s)
		require.NoError(r.t, err)
		s, p.Line = next.Segment, 0
	}
}
