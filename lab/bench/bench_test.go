package bench_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/process"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/bench"
	"pubsublab/lab/bench/peer"
	"pubsublab/lab/bench/report"
)

// Every kind of workload with every peer that is there, at a small scale: all deliveries are
// counted and checked.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	var steps []bench.Step
	r, err := bench.Run(t.Context(), bench.Options{
		Only: regexp.MustCompile("^(2to2-64|topics-64|tls-64|history-64|latency-1000|memory)$"), Peers: peer.Keys, Rounds: 1,
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
	assert.Nil(t, r.Row("history-64", "relay"))
	assert.Nil(t, r.Row("topics-64", "kernel"))
	requireShown(t, r, steps)
}

func TestNoSuchWorkload(t *testing.T) {
	_, err := bench.Run(t.Context(), bench.Options{Only: regexp.MustCompile("nonsense")}, func(bench.Step) {})
	assert.ErrorContains(t, err, "2to20-64")
}

// cluster runs some workloads of a cluster, at a small scale.
func cluster(t *testing.T, ctx context.Context, only string, say func(bench.Step)) (*bench.Report, error) {
	return tidy(t, ctx, bench.Options{Cluster: true, Only: regexp.MustCompile(only), Rounds: 1, Run: time.Millisecond, Idle: 20}, say)
}

// tidy requires that a run leaves nothing behind: files and processes.
func tidy(t *testing.T, ctx context.Context, o bench.Options, say func(bench.Step)) (*bench.Report, error) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	r, err := bench.Run(ctx, o, say)
	if errors.Is(err, bench.ErrInMemory) {
		t.Skip(err)
	}
	left, globErr := filepath.Glob(filepath.Join(temporary, "*"))
	require.NoError(t, globErr)
	assert.Empty(t, left)
	self, processErr := process.NewProcess(int32(os.Getpid()))
	require.NoError(t, processErr)
	children, processErr := self.Children()
	if !errors.Is(processErr, process.ErrorNoChildren) {
		require.NoError(t, processErr)
	}
	assert.Empty(t, children)
	return r, err
}

// Every kind of workload with brokers that share a stream, and with the stream alone.
func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	var steps []bench.Step
	r, err := cluster(t, t.Context(), "^(acks-1-r1-default|acks-10-r3-always|shared-40x2|idle)$", func(s bench.Step) { steps = append(steps, s) })
	require.NoError(t, err)
	for _, row := range r.Rows {
		assert.Empty(t, row.Problem, "%s, %s", row.Workload, row.Peer)
		for metric, samples := range row.Samples {
			assert.Len(t, samples, 1, "%s, %s, %s", row.Workload, row.Peer, metric)
		}
	}
	require.Len(t, r.Rows, 2+2+1+1)
	for _, peer := range []string{"lab", "jetstream"} {
		for _, workload := range []string{"acks-1-r1-default", "acks-10-r3-always"} {
			spread, ok := r.Row(workload, peer).Spread(bench.Acks)
			assert.True(t, ok)
			assert.Greater(t, spread.Min, 10.0)
		}
	}
	read, ok := r.Row("shared-40x2", "lab").Spread(bench.Read)
	assert.True(t, ok)
	assert.InDelta(t, 2*65, read.Median, 60, "each of two brokers reads every line once")
	require.Len(t, r.Verdicts, 1)
	assert.Contains(t, r.Verdicts[0].What, "10 publishers, 3 replicas, always synced")
	requireShown(t, r, steps)
}

// requireShown requires that all steps of a run were told, and that it can be shown.
func requireShown(t *testing.T, r *bench.Report, steps []bench.Step) {
	t.Helper()
	last := steps[len(steps)-1]
	assert.Equal(t, last.All, last.Done+1)
	var out bytes.Buffer
	report.Text(&out, r)
	t.Log("\n" + out.String())
	require.NoError(t, report.HTML(&out, r))
}

func TestClusterInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := cluster(t, ctx, "^acks-1-r3-always$", func(s bench.Step) {
		if s.What == "Pub/Sub Lab, round 1 of 1" {
			cancel()
		}
	})
	assert.ErrorIs(t, err, context.Canceled)
}

// Every kind of workload of a journal on a disk, with who is there to be compared.
func TestDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	var steps []bench.Step
	r, err := tidy(t, t.Context(), bench.Options{
		Disk: true, Only: regexp.MustCompile("^(acks-1|one-100|2to20-disk|recovery|recovery-of-4)$"), Rounds: 1,
		Run: time.Millisecond, Latency: 50 * time.Millisecond, Recover: 16 << 20,
	}, func(s bench.Step) { steps = append(steps, s) })
	require.NoError(t, err)
	for _, missing := range r.Missing {
		t.Log("left out: " + missing)
	}
	for _, row := range r.Rows {
		assert.Empty(t, row.Problem, "%s, %s", row.Workload, row.Peer)
		require.NotEmpty(t, row.Samples, "%s, %s", row.Workload, row.Peer)
	}
	for _, workload := range []string{"acks-1", "one-100"} {
		for _, peer := range []string{"lab", "jetstream", "disk"} {
			spread, ok := r.Row(workload, peer).Spread(bench.Acks)
			assert.True(t, ok, "%s, %s", workload, peer)
			assert.Greater(t, spread.Min, 10.0)
		}
	}
	for _, peer := range []string{"lab", "memory"} {
		_, ok := r.Row("2to20-disk", peer).Spread(bench.Rate)
		assert.True(t, ok, peer)
	}
	_, ok := r.Row("recovery-of-4", "lab").Spread(bench.Recover)
	assert.True(t, ok)
	require.Len(t, r.Verdicts, 5)
	requireShown(t, r, steps)
}

func TestDiskInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := tidy(t, ctx, bench.Options{Disk: true, Only: regexp.MustCompile("^one-1$"), Rounds: 2, Latency: 50 * time.Millisecond}, func(s bench.Step) {
		if s.What == "the disk, round 1 of 2" {
			cancel()
		}
	})
	assert.ErrorIs(t, err, context.Canceled)
}

// What browsers get of our broker, and of Centrifugo where it is on the path: to build it takes minutes.
func TestWeb(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	t.Setenv("GOPROXY", "off") // so that it is not built
	var steps []bench.Step
	r, err := tidy(t, t.Context(), bench.Options{
		Web: true, Only: regexp.MustCompile("^(web-1to1|web-1to100|browsers)$"), Rounds: 1, Run: time.Millisecond, Idle: 20,
	}, func(s bench.Step) { steps = append(steps, s) })
	require.NoError(t, err)
	requireShown(t, r, steps)
	for _, key := range []string{"lab", peer.Centrifugo} {
		t.Run(key, func(t *testing.T) {
			if key == peer.Centrifugo && len(r.Missing) > 0 {
				t.Skip(r.Missing)
			}
			for _, workload := range []string{"web-1to1", "web-1to100"} {
				row := r.Row(workload, key)
				require.NotNil(t, row)
				assert.Empty(t, row.Problem)
				spread, ok := row.Spread(bench.Rate)
				assert.True(t, ok)
				assert.Greater(t, spread.Min, 1000.0)
			}
			_, ok := r.Row("browsers", key).Spread(bench.Resident)
			assert.True(t, ok)
		})
	}
}
