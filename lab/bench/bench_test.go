package bench_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/bench"
	"pubsublab/lab/bench/peer"
	"pubsublab/lab/bench/report"
)

// present are the peers that need not be built for minutes.
func present(t *testing.T) []string {
	return slices.DeleteFunc(slices.Clone(peer.Keys), func(key string) bool {
		if key != "nats" {
			return false // those that are missing are reported
		}
		cache, err := os.UserCacheDir()
		require.NoError(t, err)
		built, err := filepath.Glob(filepath.Join(cache, "pubsublab", "nats-server-"+peer.NATSVersion, "nats-server*"))
		require.NoError(t, err)
		if _, err := exec.LookPath("nats-server"); err != nil && len(built) == 0 {
			t.Log("left out: nats-server is neither on the path nor built yet (go run ./lab bench builds it)")
			return true
		}
		return false
	})
}

// Every kind of workload with every peer that is there, at a small scale: all deliveries are counted and checked.
func TestRun(t *testing.T) {
	var steps []bench.Step
	r, err := bench.Run(t.Context(), bench.Options{
		Only: regexp.MustCompile("^(2to2-64|topics-64|tls-64|replay-64|latency-1000|memory)$"), Peers: present(t), Rounds: 1,
		Run: time.Millisecond, Latency: 300 * time.Millisecond, Idle: 20, History: 1 << 20,
	}, func(s bench.Step) { steps = append(steps, s) })
	require.NoError(t, err)
	for _, missing := range r.Missing {
		t.Log("left out: " + missing)
	}
	require.Len(t, r.Workloads, 6)
	for _, row := range r.Rows {
		assert.Empty(t, row.Problem, "%s, %s", row.Workload, row.Peer)
		require.NotEmpty(t, row.Samples, "%s, %s", row.Workload, row.Peer)
		for metric, samples := range row.Samples {
			assert.Len(t, samples, 1, "%s, %s, %s", row.Workload, row.Peer, metric)
		}
	}
	for _, key := range []string{"lab", "relay", "kernel"} {
		spread, ok := r.Row("2to2-64", key).Spread(bench.Rate)
		assert.True(t, ok)
		assert.Greater(t, spread.Min, 1000.0)
	}
	assert.Nil(t, r.Row("replay-64", "relay"))
	assert.Nil(t, r.Row("topics-64", "kernel"))
	last := steps[len(steps)-1]
	assert.Equal(t, last.All, last.Done+1)

	var out bytes.Buffer
	report.Text(&out, r)
	t.Log("\n" + out.String())
	require.NoError(t, report.HTML(&out, r))
}

func TestNoSuchWorkload(t *testing.T) {
	_, err := bench.Run(t.Context(), bench.Options{Only: regexp.MustCompile("nonsense")}, func(bench.Step) {})
	assert.ErrorContains(t, err, "2to20-64")
}
