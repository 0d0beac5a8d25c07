package peer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/bench/dialect"
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
	require.NoError(t, s.Target.Try(t.Context()))
	s.Stop()
	assert.Error(t, s.Target.Try(t.Context()))
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

func TestPorts(t *testing.T) {
	ports, err := freePorts(50)
	require.NoError(t, err)
	slices.Sort(ports)
	assert.Len(t, slices.Compact(ports), 50)
}
