package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/bench"
	"pubsublab/lab/bench/peer"
)

func TestBenchUsage(t *testing.T) {
	for want, m := range map[string]measure{
		`--peers has "nat", expected some of lab, nats`: {Peers: []string{"nat"}},
		"--rounds is -1": {Rounds: -1},
		"--only":         {Only: "("},
	} {
		assert.ErrorContains(t, m.Validate(), want)
	}
	m := measure{Full: true, Only: "^2to2-", Rounds: 7}
	require.NoError(t, m.Validate())
	o := m.options()
	assert.Equal(t, 7, o.Rounds)
	assert.Equal(t, peer.Keys, o.Peers)
	assert.True(t, o.Only.MatchString("2to2-64"))
	assert.Less(t, (&measure{}).options().Run, o.Run)
}

func TestBenchOfAClusterHasNoPeers(t *testing.T) {
	parse := func(args ...string) error {
		_, err := kong.Must(&cli{}, kong.Vars{"version": ""}).Parse(append([]string{"bench", "--cluster"}, args...))
		return err
	}
	assert.ErrorContains(t, parse("--peers=nats"), "--cluster and --peers can't be used together")
	assert.ErrorContains(t, parse("--disk"), "--cluster and --disk can't be used together")
	assert.NoError(t, parse("--full", "--only=acks", "--rounds=2", "--markdown"))
}

// The command with processes, as it is typed but for what makes it long.
func TestBenchOfACluster(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	m := measure{Cluster: true, Quick: true, Only: "^shared-20x1$", Rounds: 1, Out: t.TempDir()}
	err := m.Run(&signals{run: t.Context()})
	if errors.Is(err, bench.ErrInMemory) {
		t.Skip(err)
	}
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(m.Out, "results.json"))
	require.NoError(t, err)
	var r bench.Report
	require.NoError(t, json.Unmarshal(data, &r))
	require.Len(t, r.Rows, 1)
	for _, metric := range []bench.Metric{bench.Rate, bench.CPU, bench.StreamCPU, bench.Read} {
		spread, ok := r.Row("shared-20x1", "lab").Spread(metric)
		assert.True(t, ok, metric)
		assert.Positive(t, spread.Min, metric)
	}
}

func TestBenchFiles(t *testing.T) {
	m := measure{Out: filepath.Join(t.TempDir(), "new", "folder")}
	r := &bench.Report{Rounds: 3, Peers: []bench.Peer{{Key: "lab", Title: "ours"}}, Rows: []bench.Row{{Workload: "w", Peer: "lab", Problem: "lost 1 %"}}}
	require.NoError(t, m.write(r))
	data, err := os.ReadFile(filepath.Join(m.Out, "results.json"))
	require.NoError(t, err)
	var read bench.Report
	require.NoError(t, json.Unmarshal(data, &read))
	assert.Equal(t, *r, read)
	assert.FileExists(t, filepath.Join(m.Out, "report.html"))
}
