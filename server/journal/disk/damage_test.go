package disk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal/journaltest"
)

// short is a journal of two files in memory, and what is in it.
type short struct {
	cfg   Config
	disk  *forgetful
	files []*inode
	ends  []int // where the frames of each file end
	texts []string
	total uint64 // messages
}

func newShort(t *testing.T) *short {
	s := &short{disk: newForgetful(rand.New(rand.NewPCG(1, 1)))}
	s.cfg = Config{Dir: "memory", Size: 1 << 20, fs: s.disk, fileSize: 300}
	j, err := Open(s.cfg)
	require.NoError(t, err)
	b := journaltest.NewRig(t, j)
	b.Add(journaltest.Joined("ada"))
	b.Add(journaltest.OfRun("r", 1, "ada#news: one two"))
	b.Add(journaltest.Rejected("ada", "r", 3), journaltest.Lines("bob: three four"))
	b.Add(journaltest.Lines("bob: five"))
	b.Add(journaltest.OfRun("r", 4, "ada#news: six"))
	b.Close()
	require.Len(t, j.files, 2)
	for i := range j.files {
		s.files = append(s.files, s.disk.names[fileName(uint64(i+1))])
	}
	s.ends = []int{int(j.files[0].end), int(j.off)}
	s.texts, s.total = journaltest.Texts(b.Heard()), 6
	require.Len(t, s.texts, 7)
	return s
}

// with returns the journal with another content of one file.
func (s *short) with(file int, data []byte, gaps bool) (*Journal, error) {
	d := newForgetful(s.disk.rng)
	for i, n := range s.files {
		d.names[fileName(uint64(i+1))] = &inode{data: slices.Clone(n.data)}
	}
	d.names[fileName(uint64(file+1))].data = data
	cfg := s.cfg
	cfg.fs, cfg.Gaps = d, gaps
	return Open(cfg)
}

func kept(t *testing.T, j *Journal) []string {
	defer j.Close(context.Background())
	b := &crashRun{t: t}
	return b.memory(j)
}

// A last file that ends anywhere is one that a crash has torn: what is in memory then is a first
// part of what was written. An earlier file that does so is damaged.
func TestCutAtEveryByte(t *testing.T) {
	s := newShort(t)
	for file, n := range s.files {
		for size := range s.ends[file] {
			j, err := s.with(file, slices.Clone(n.data[:size]), false)
			if err != nil {
				var damage *DamageError
				require.ErrorAs(t, err, &damage, "file %d cut at %d", file+1, size)
				require.Equal(t, fileName(uint64(file+1)), damage.File)
				require.LessOrEqual(t, damage.Offset, int64(size))
				if file == 1 {
					require.Less(t, size, 200, "only the beginning of the last file was there before its name")
				}
				continue
			}
			require.Equal(t, 1, file, "an earlier file that was cut at %d is damaged", size)
			got := kept(t, j)
			require.LessOrEqual(t, len(got), len(s.texts))
			require.Equal(t, s.texts[:len(got)], got, "cut at %d", size)
		}
	}
}

// With any bit flipped, the journal is refused with the place that is damaged, unless nothing is
// lost by it. With Gaps it goes on: all that is there is right, and gaps count what is not.
func TestEveryBitFlipped(t *testing.T) {
	s := newShort(t)
	whole := 0
	for file, n := range s.files {
		for bit := range 8 * (s.ends[file] + 60) {
			data := slices.Clone(n.data)
			data[bit/8] ^= 1 << (bit % 8)
			what := fmt.Sprintf("bit %d of file %d", bit, file+1)
			j, err := s.with(file, data, false)
			if err == nil {
				require.Equal(t, s.texts, kept(t, j), what)
				require.GreaterOrEqual(t, bit/8, s.ends[file]-(file*headerSize), "%s is in what was written", what)
				whole++
			} else if !strings.Contains(err.Error(), "is of version") {
				var damage *DamageError
				require.ErrorAs(t, err, &damage, what)
				require.Equal(t, fileName(uint64(file+1)), damage.File, what)
				require.LessOrEqual(t, damage.Offset, int64(bit/8), what)
			}
			if j, err = s.with(file, data, true); err == nil {
				s.exact(t, j, what)
			} else {
				require.Regexp(t, "is of version|Nothing behind it says how much is gone", err.Error(), what)
			}
		}
	}
	require.Greater(t, whole, 1000, "flips behind what was written")
}

// exact requires that what is there is right, and that gaps count the rest of the messages.
func (s *short) exact(t *testing.T, j *Journal, what string) {
	defer j.Close(context.Background())
	p, err := j.Open(context.Background(), protocol.FromPosition(1), protocol.Filter{})
	require.NoError(t, err, what)
	messages := p.Missing
	for _, text := range (&crashRun{t: t}).rest(j, p) {
		var pos, missing uint64
		if n, _ := fmt.Sscanf(text, "%d gap %d", &pos, &missing); n == 2 {
			messages += missing
			continue
		}
		require.Contains(t, s.texts, text, what)
		if !strings.HasSuffix(text, " joined") {
			messages++
		}
	}
	require.Equal(t, s.total, messages, "%s: messages and those missing are all there were", what)
	require.Equal(t, s.total+1, j.Next(), what)
}

// A file that is gone is damage, too.
func TestMissingFile(t *testing.T) {
	cfg := Config{Dir: "memory", Size: 1 << 20, fs: newForgetful(nil), fileSize: 400}
	j, err := Open(cfg)
	require.NoError(t, err)
	b := journaltest.NewRig(t, j)
	for i := range 30 {
		b.Add(journaltest.Lines(fmt.Sprint("ada: ", i)))
	}
	b.Close()
	require.Greater(t, len(j.files), 3)
	missing := j.files[2].first - j.files[1].first
	require.NoError(t, cfg.fs.Remove(fileName(2)))
	_, err = Open(cfg)
	require.EqualError(t, err, "the journal is damaged: 0000000002.journal at offset 0: the file is missing")
	cfg.Gaps = true
	j, err = Open(cfg)
	require.NoError(t, err)
	require.Contains(t, kept(t, j), fmt.Sprintf("%d gap %d", j.files[1].first, missing))
}

// What a crash has left behind the end must not come back when others are written there.
func TestWhatWasCutOffStaysAway(t *testing.T) {
	d := newForgetful(nil)
	cfg := Config{Dir: "memory", Size: 1 << 20, SyncEvery: -1, fs: d, fileSize: 4 << 10}
	j, err := Open(cfg)
	require.NoError(t, err)
	b := journaltest.NewRig(t, j)
	torn := j.off
	b.Add(journaltest.Lines("ada: one"))
	b.Add(journaltest.Lines("ada: two"))
	d.crashed = true
	b.Close()
	d.kill()
	d.names[fileName(1)].data[torn]++ // the crash has torn the first, and not the second
	j, err = Open(cfg)
	require.NoError(t, err)
	b = journaltest.NewRig(t, j)
	require.Empty(t, b.Kept(protocol.FromFirst(), ""))
	b.Add(journaltest.Lines("ada: new")) // as long as the one that was there
	d.crashed = true
	b.Close()
	d.kill()
	j, err = Open(cfg)
	require.NoError(t, err)
	require.Equal(t, []string{"1 ada: new"}, kept(t, j))
}
