package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

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
