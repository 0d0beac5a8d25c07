package disk

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// A write or sync that fails ends the journal at once: nobody is told of what may not be on the
// disk. Started again, it has all that was acknowledged.
func TestFailedCallsEndTheJournal(t *testing.T) {
	for _, c := range []struct{ call, file string }{
		{"write", fileName(1) + newSuffix}, {"fsync", fileName(1) + newSuffix}, // as it was called when it was made
		{"create", fileName(2) + newSuffix}, {"write", fileName(2) + newSuffix}, {"fsync", fileName(2) + newSuffix},
		{"rename", fileName(2) + newSuffix}, {"sync", ""}, {"remove", fileName(1)},
	} {
		t.Run(c.call+" "+c.file, func(t *testing.T) {
			d := newForgetful(nil)
			cfg := Config{Dir: "memory", Size: 9000, fs: d, fileSize: 3000}
			j, err := Open(cfg)
			require.NoError(t, err)
			b := journaltest.NewRig(t, j)
			for i := range 5 {
				b.Add(journaltest.Lines(fmt.Sprint("ada: ", i)))
			}
			d.mu.Lock()
			d.fail = func(call, name string) error {
				if call == c.call && name == c.file {
					return syscall.EIO
				}
				return nil
			}
			d.mu.Unlock()
			acked := 5
			for i := 5; j.Life().Err() == nil; i++ {
				done := make(chan error, 1)
				if b.Append(t.Context(), journaltest.Lines(fmt.Sprint("ada: ", i)), func(err error) { done <- err }) != nil {
					break
				}
				if err := <-done; err != nil {
					require.ErrorIs(t, err, journal.ErrClosed)
					break
				}
				acked++
				require.Less(t, i, 1000, "it comes to that call")
			}
			<-j.Life().Done()
			require.ErrorIs(t, context.Cause(j.Life()), syscall.EIO)
			b.Close()
			require.Equal(t, 1, b.Ends(), "readers find the end")
			require.Len(t, b.Heard(), acked, "nobody has seen what was not acknowledged")
			d.mu.Lock()
			d.fail = nil
			d.mu.Unlock()
			j, err = Open(cfg)
			require.NoError(t, err)
			defer j.Close(context.Background())
			require.GreaterOrEqual(t, j.Next(), uint64(acked+1))
		})
	}
}

// While the disk is full publishers wait, and Health says why; nothing is lost when it has room
// again, or when the broker is stopped meanwhile.
func TestP16FullDisk(t *testing.T) {
	d := newForgetful(nil)
	d.room = 10_000
	cfg := Config{Dir: "memory", Size: 1 << 20, fs: d, fileSize: 3000}
	j, err := Open(cfg)
	require.NoError(t, err)
	b := journaltest.NewRig(t, j)
	sent := 0
	for ; j.Health() == nil; sent++ {
		require.Less(t, sent, 1000, "it gets full")
		done := make(chan struct{})
		require.NoError(t, b.Append(t.Context(), journaltest.Lines(fmt.Sprint("ada: ", sent)), func(error) { close(done) }))
		wait.Until(t, func() bool {
			select {
			case <-done:
				return true
			default:
				return j.Health() != nil
			}
		}, "it is acknowledged, or the disk is full")
	}
	require.EqualError(t, j.Health(), "the disk is full: publishers wait")
	require.Len(t, b.Heard(), sent-1, "nobody sees what is not on the disk")
	require.EqualValues(t, 1, b.NextLine("ada", "r"), "asking goes on")

	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	j.Close(stopped) // in the middle of it
	d.mu.Lock()
	d.room = 1 << 20
	d.mu.Unlock()
	j, err = Open(cfg)
	require.NoError(t, err)
	require.EqualValues(t, sent, j.Next(), "all that was acknowledged")
	b = journaltest.NewRig(t, j)
	d.mu.Lock()
	d.room = 0
	d.mu.Unlock()
	sent--
	for ; j.Health() == nil; sent++ {
		require.NoError(t, b.Append(t.Context(), journaltest.Bulk(journaltest.EntryOverhead+1000), func(err error) { require.NoError(t, err) }))
	}
	d.mu.Lock()
	d.room = 1 << 20
	d.mu.Unlock()
	wait.Until(t, func() bool { return j.Next() == uint64(sent)+1 }, "everything is on the disk")
	require.NoError(t, j.Health())
	b.Add(journaltest.Lines("ada: last"))
}

// What is damaged while the broker runs is found by whoever reads it: that reader's subscriber is
// cut off, and Health says why; or, with Gaps, it is told of a gap.
func TestDamagedWhileItRuns(t *testing.T) {
	for _, gaps := range []bool{false, true} {
		cfg := config(t)
		cfg.Gaps = gaps
		j := open(t, cfg)
		fill(t, j, 60_000)
		require.NoError(t, j.Health())
		file, err := os.OpenFile(filepath.Join(cfg.Dir, fileName(2)), os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = file.WriteAt([]byte("rotten"), 1000)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		p, err := j.Open(t.Context(), protocol.FromFirst(), protocol.Filter{})
		require.NoError(t, err)
		if gaps {
			c := &counter{t: t, j: j, next: 1}
			c.begin(p)
			for c.step() {
			}
			require.Equal(t, 1, c.gaps)
			require.EqualValues(t, 60_001, c.next, "the gap counts what is missing")
			c.close()
			continue
		}
		for err == nil {
			p, err = j.Advance(t.Context(), p.Segment)
		}
		var damage *DamageError
		require.ErrorAs(t, err, &damage)
		require.Equal(t, fileName(2), damage.File)
		require.ErrorIs(t, j.Health(), err)
		fill(t, j, 100) // all others go on
	}
}

func TestOneBrokerAFolder(t *testing.T) {
	cfg := config(t)
	j := open(t, cfg)
	_, err := Open(cfg)
	require.EqualError(t, err, "the folder "+cfg.Dir+" is in use by another broker")
	cfg.Wait = time.Minute
	waits, out := io.Pipe()
	cfg.Log = slog.New(slog.NewTextHandler(out, nil))
	next := make(chan *Journal)
	go func() {
		j, err := Open(cfg)
		assert.NoError(t, err)
		next <- j
	}()
	said, err := bufio.NewReader(waits).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, said, "another broker has the folder: waiting for its end")
	go io.Copy(io.Discard, waits)
	j.Close(t.Context())
	(<-next).Close(t.Context())
	require.NoError(t, out.Close())
}

func TestAnotherVersion(t *testing.T) {
	cfg := config(t)
	open(t, cfg).Close(t.Context())
	file := filepath.Join(cfg.Dir, fileName(1))
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(data), bannerText+"1", bannerText+"2", 1)), 0o600))
	for _, cfg.Gaps = range []bool{false, true} {
		_, err = Open(cfg)
		require.EqualError(t, err, "0000000001.journal is of version 2 of a journal's files, expected 1: another version of this program has made it")
	}
}

// Files that are not the journal's stay, and do no harm: a disk of its own has lost+found.
func TestOtherFiles(t *testing.T) {
	cfg := config(t)
	for _, name := range []string{"lost+found", "notes.txt", "1.journal", "0000000001.journal.bak"} {
		require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, name), []byte("mine"), 0o600))
	}
	b := journaltest.NewRig(t, open(t, cfg))
	b.Add(journaltest.Lines("ada: one"))
	b.Close()
	b = journaltest.NewRig(t, open(t, cfg))
	require.Equal(t, []string{"1 ada: one"}, b.Kept(protocol.FromFirst(), ""))
	text, err := os.ReadFile(filepath.Join(cfg.Dir, "notes.txt"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))
}
