package peer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/bench/dialect"
	"pubsublab/lab/bench/load"
)

func TestMissing(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("PATH", empty)
	for _, cache := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(cache, empty)
	}
	found, missing, err := Find(t.Context(), empty, []string{"redis", "nats", "mosquitto"}, func(string) {})
	require.NoError(t, err)
	assert.Empty(t, found)
	require.Len(t, missing, 3)
	assert.Equal(t, "NATS", missing[0].Title, "in the order of Keys")
	assert.Contains(t, missing[0].How, "cannot be built (go build github.com/nats-io/nats-server/v2")
	assert.Contains(t, missing[1].How, "apt-get install redis-server")
	assert.Contains(t, missing[2].How, "apt-get install mosquitto")
}

// A program that ends at once is an error that says what it said.
func TestServerThatDoesNotStart(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	p := &Peer{Key: "x", Title: "Xerxes", Dialect: dialect.Lines{}, program: self, args: func(setting) ([]string, string) {
		return []string{"-test.run=^$", "-test.v"}, ""
	}}
	_, err = p.Start(t.Context(), t.TempDir(), nil)
	assert.ErrorContains(t, err, "Xerxes: it ended at once; its last words:")
	assert.ErrorContains(t, err, "PASS")
}

func TestServer(t *testing.T) {
	dir := t.TempDir()
	found, _, err := Find(t.Context(), dir, []string{"relay"}, func(string) {})
	require.NoError(t, err)
	require.Len(t, found, 1)
	s, err := found[0].Start(t.Context(), dir, nil)
	require.NoError(t, err)
	resident, err := s.Resident()
	assert.NoError(t, err)
	assert.Positive(t, resident)
	_, err = s.CPU()
	assert.NoError(t, err)
	require.NoError(t, s.System.Try(t.Context()))
	s.Stop()
	assert.Error(t, s.System.Try(t.Context()))
	_, err = s.CPU()
	assert.ErrorContains(t, err, "relay is gone")
}

func TestClusterThatDoesNotStart(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	p := &Peer{Key: "nats", Title: "NATS", Dialect: dialect.NATS{}, program: self}
	dir := filepath.Join(t.TempDir(), "cluster")
	_, err = p.StartCluster(t.Context(), dir, 3, true)
	assert.ErrorContains(t, err, "NATS: it ended at once; its last words:")
	assert.NoDirExists(t, dir)
}

// What is read of a journal's frames is what the broker has written.
func TestFrames(t *testing.T) {
	dir := t.TempDir()
	found, _, err := Find(t.Context(), dir, []string{"lab"}, func(string) {})
	require.NoError(t, err)
	journal := filepath.Join(dir, "journal")
	_, _, err = Frames(journal, JournalEnd{})
	assert.ErrorContains(t, err, "there is no journal in")
	s, err := found[0].StartJournal(t.Context(), journal, 1<<30)
	require.NoError(t, err)
	defer func() { s.Stop() }()
	end, sizes, err := Frames(journal, JournalEnd{})
	require.NoError(t, err)
	assert.Empty(t, sizes, "who comes and goes is no message")
	for range 2 { // over a restart, too
		turns := load.OneByOne{Publishers: 1, Size: 64, Duration: 1}
		_, err = turns.Run(t.Context(), load.LineTurns(s.System))
		require.NoError(t, err)
		s.Stop() // what it writes about those who leave is written, or is not
		if end, sizes, err = Frames(journal, end); assert.NoError(t, err) {
			assert.Len(t, sizes, 2, "lines were sent one by one")
		}
		for _, size := range sizes {
			assert.Greater(t, size, 64+frameHeader)
			assert.Less(t, size, 64+frameHeader+100)
		}
		s, err = found[0].StartJournal(t.Context(), journal, 1<<30)
		require.NoError(t, err)
	}
}
