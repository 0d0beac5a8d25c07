package jetstream

import (
	crand "crypto/rand"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

func from(producer string, number uint64, entries ...journal.Entry) *message {
	return &message{producer: producer, number: number, entries: entries}
}

func TestSequencerAcceptsWhatFollows(t *testing.T) {
	t.Parallel()
	o := newSequencer(format, snapshotEvery)
	now := time.Now().UTC()
	for i, c := range []struct {
		producer string
		number   uint64
		accepted bool
	}{
		{"a", 2, false}, {"a", 1, true}, {"a", 1, false}, {"b", 1, true}, {"a", 3, false}, {"a", 2, true}, {"a", 3, true},
		{"b", 3, false}, {"a", 2, false}, {"", 0, false}, {"b", 2, true},
	} {
		entries := o.take(now, from(c.producer, c.number, journaltest.Lines("ada: one two")), 100)
		assert.Equal(t, c.accepted, len(entries) == 1, "message %d", i)
		assert.True(t, !c.accepted || entries[0].Count == 2)
	}
	assert.EqualValues(t, 11, o.next)
	assert.EqualValues(t, 11, o.seq)
}

// Entries that share a message are accepted one by one: what is sent again need not be in the same
// company.
func TestSequencerAcceptsApartOfAMessage(t *testing.T) {
	t.Parallel()
	o := newSequencer(format, snapshotEvery)
	entries := func(from, to int) (list []journal.Entry) {
		for n := from; n <= to; n++ {
			list = append(list, journaltest.Lines(fmt.Sprintf("ada: %d", n)))
		}
		return list
	}
	var got []string
	for _, c := range []struct{ from, to, accepted int }{
		{1, 3, 3}, {2, 3, 0}, {2, 5, 2}, {7, 9, 0}, {6, 6, 1}, {1, 8, 2}, {4, 8, 0}, {8, 9, 1}, {10, 9, 0},
	} {
		accepted := o.take(time.Now(), from("a", uint64(c.from), entries(c.from, c.to)...), 100)
		require.Len(t, accepted, c.accepted, "%v", c)
		got = append(got, journaltest.Texts(accepted)...)
	}
	require.Equal(t, []string{
		"1 ada: 1", "2 ada: 2", "3 ada: 3", "4 ada: 4", "5 ada: 5", "6 ada: 6", "7 ada: 7", "8 ada: 8", "9 ada: 9",
	}, got)
}

func TestSequencerTimesNeverRunBackwards(t *testing.T) {
	t.Parallel()
	o := newSequencer(format, snapshotEvery)
	now := time.Now().UTC()
	for i, at := range []time.Duration{0, time.Second, -time.Hour, 2 * time.Second} {
		entries := o.take(now.Add(at), from("a", uint64(i+1), journaltest.Lines("ada: one")), 100)
		assert.Equal(t, now.Add([]time.Duration{0, time.Second, time.Second, 2 * time.Second}[i]), entries[0].Time)
	}
}

// An order that was saved and loaded at any message goes on like one that was not, and all save the
// same bytes.
func TestSequencerIsAPureFunction(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	o := newSequencer(format, 5*(100+messageOverhead))
	loaded := newSequencer(format, o.every)
	now := time.Now().UTC()
	due := 0
	for range 2000 {
		e := journaltest.OfRun(fmt.Sprint("r", rng.IntN(2)), 1+rng.Uint64N(50), fmt.Sprintf("p%d: one two", rng.IntN(5)))
		producer := fmt.Sprint("b", rng.IntN(3))
		m := from(producer, o.last(producer)+rng.Uint64N(3), slices.Repeat([]journal.Entry{e}, rng.IntN(4))...)
		now = now.Add(time.Duration(rng.IntN(5)-1) * time.Millisecond)
		again := *m
		again.entries = slices.Clone(m.entries)
		want, got := o.take(now, m, 100), loaded.take(now, &again, 100)
		require.Equal(t, want, got)
		require.Equal(t, o.save("id"), loaded.save("id"))
		if o.due {
			due++
		}
		if rng.IntN(4) == 0 {
			var err error
			loaded, err = loadSequencer(loaded.save("id"), "id", format, o.every)
			require.NoError(t, err)
		}
	}
	require.EqualValues(t, due, o.snapshots)
	require.Greater(t, due, 300)
}

func TestLoadSequencer(t *testing.T) {
	saved := newSequencer(format, 1).save("id")
	_, err := loadSequencer(saved, "other", format, 1)
	require.ErrorContains(t, err, "it is of journal id in format 4, expected other in 4")
	_, err = loadSequencer(saved[:len(saved)-1], "id", format, 1)
	require.Error(t, err)
}

// ofTheLastVersion is a snapshot as the version before wrote it.
const ofTheLastVersion = `{"Format":3,"Journal":"theorder","Seq":2,"Next":8,"Time":"2026-11-25T10:15:04.123456Z","Since":728,"Due":false,"Checkpoints":0,` +
	`"Runs":[{"Name":"ada","Run":"y","Next":4},{"Name":"a.name.of.more.than.twenty-six.characters","Run":"r","Next":2},` +
	`{"Name":"bob","Run":"r","Next":2}],"Producers":[{"ID":"A","Last":3},{"ID":"B","Last":1}]}`

// An order that the version before began goes on as it would there, and is written down so that it
// can be read there.
func TestSequencerOfTheLastVersion(t *testing.T) {
	t.Parallel()
	o, err := loadSequencer([]byte(ofTheLastVersion), "theorder", lastRunOnly, snapshotEvery)
	require.NoError(t, err)
	require.Equal(t, ofTheLastVersion, string(o.save("theorder")))
	accepted := o.take(time.Now(), from("A", 4,
		journaltest.OfRun("r", 1, "a.name.of.more.than.twenty-six.characters: 1 2"),
		journaltest.OfRun("y", 3, "ada: y3 y4"), journaltest.OfRun("x", 2, "ada: x2"), journaltest.OfRun("y", 4, "ada: y4"),
	), 100)
	require.Equal(t, []string{
		"8 a.name.of.more.than.twenty-six.characters: 2", "9 ada: y4", "10 ada: x2", "11 ada: y4",
	}, journaltest.Texts(accepted), "one run of a name is remembered: the last")
}

// ofThisFormat is a snapshot as the first broker with this format wrote it.
const ofThisFormat = "/4R/AwEBCmNoZWNrcG9pbnQB/4AAAQoBBkZvcm1hdAEEAAEHSm91cm5hbAEMAAEDU2VxAQYAAQROZXh0AQYAAQRUaW1lAf+CAAEFU2luY2UBBA" +
	"ABA0R1ZQECAAELQ2hlY2twb2ludHMBBgABBFJ1bnMB/4YAAQlQcm9kdWNlcnMB/4oAAAAQ/4EFAQEEVGltZQH/ggAAACP/hQIBARRbXWpldHN0" +
	"cmVhbS5zYXZlZFJ1bgH/hgAB/4QAADD/gwMBAQhzYXZlZFJ1bgH/hAABAwEETmFtZQEMAAEDUnVuAQwAAQROZXh0AQYAAAAo/4kCAQEZW11qZX" +
	"RzdHJlYW0uc2F2ZWRQcm9kdWNlcgH/igAB/4gAACv/hwMBAQ1zYXZlZFByb2R1Y2VyAf+IAAECAQJJRAEMAAEETGFzdAEGAAAARP+AAQgBCHRo" +
	"ZW9yZGVyAQEBAwEPAQAAAA7imKwoB1vKAP//Af4BSAMBAQNhZGEBAXIBAwABAQEIcHJvZHVjZXIBAQAA"

// Brokers of one stream may be of several builds: whatever becomes of the names in the code, what
// is stored stays as it was.
func TestSnapshotIsWrittenAsEver(t *testing.T) {
	stored, err := base64.StdEncoding.DecodeString(ofThisFormat)
	require.NoError(t, err)
	s, err := loadSequencer(stored, "theorder", format, snapshotEvery)
	require.NoError(t, err)
	require.EqualValues(t, []uint64{1, 3, 3, 1}, []uint64{s.seq, s.next, s.nextLine("ada", "r"), s.last("producer")})
	saved := s.save("theorder")
	require.Len(t, saved, len(stored)) // type numbers may differ
	for _, name := range []string{"checkpoint", "Checkpoints", "Runs", "savedRun", "savedProducer"} {
		require.Contains(t, string(saved), name)
	}
}

// Whatever clients call themselves, their number and their runs, a snapshot has no more bytes than
// it may, and long names and runs are told apart all the same.
func TestSnapshotSize(t *testing.T) {
	t.Parallel()
	o := newSequencer(format, snapshotEvery)
	long := strings.Repeat("x", protocol.MaxName-8)
	last := uint64(math.MaxUint64 - 1)
	for n := range journal.MaxRuns + 1 {
		// All that are not remembered by a digest, or all that are, or both.
		name, run := fmt.Sprintf("%026d", n), fmt.Sprintf("r%025d", n)
		if n%3 > 0 {
			name = fmt.Sprintf("%s%08d", long, n)
		}
		if n%3 > 1 {
			run = fmt.Sprintf("%s%08d", long, n)
		}
		o.take(time.Now(), from(crand.Text(), 1, journaltest.Rejected(name, run, last)), 100)
	}
	data := o.save("0123456789abcdef")
	require.Less(t, len(data), maxSnapshot)
	require.Greater(t, len(data), maxSnapshot*3/4, "the bound is no larger than it has to be")
	loaded, err := loadSequencer(data, "0123456789abcdef", format, snapshotEvery)
	require.NoError(t, err)
	for n := 1; n <= journal.MaxRuns; n += 3 {
		require.Equal(t, last+1, loaded.nextLine(fmt.Sprintf("%s%08d", long, n), fmt.Sprintf("r%025d", n)))
		require.EqualValues(t, 1, loaded.nextLine(fmt.Sprintf("%s%08d", long, n), fmt.Sprintf("r%025d", n+1)))
	}
}
