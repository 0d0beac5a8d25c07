package bench

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func row(workload, peer string, samples map[Metric][]float64) Row {
	return Row{Workload: workload, Peer: peer, Samples: samples}
}

func TestJudge(t *testing.T) {
	r := &Report{
		Peers:     []Peer{{Key: "lab", Title: "ours"}, {Key: "nats", Title: "NATS"}, {Key: "redis", Title: "Redis"}, {Key: "kernel", Title: "kernel"}},
		Workloads: []Workload{{Name: "2to20-64", Title: "2 → 20"}, {Name: "memory", Title: "idle"}},
		Rows: []Row{
			row("2to20-64", "lab", map[Metric][]float64{Rate: {21, 28, 35}, CPU: {10, 10, 90}}),
			row("2to20-64", "nats", map[Metric][]float64{Rate: {4}, CPU: {50, 70}}),
			{Workload: "2to20-64", Peer: "redis", Samples: map[Metric][]float64{Rate: {1}}, Problem: "lost 12 %"},
			row("2to20-64", "kernel", map[Metric][]float64{Rate: {40}, CPU: {5}}),
			row("memory", "lab", map[Metric][]float64{Resident: {5121}}),
		},
	}
	require.Equal(t, []Verdict{
		{"2 → 20: deliveries/s, against NATS", "≥ 7×", "7×", 7, true},
		{"2 → 20: deliveries/s, against Redis", "≥ 5×", "not comparable: Redis: lost 12 %", 0, false},
		{"2 → 20: deliveries/s, against kernel", "≥ 1×", "0.7×", 0.7, false},
		{"2 → 20: broker CPU per delivery, against NATS", "≤ 0.125×", "0.167×", 10. / 60, false},
		{"2 → 20: broker CPU per delivery, against Redis", "≤ 0.25×", "not comparable: Redis: lost 12 %", 0, false},
		{"idle: resident memory for each", "≤ 5,120 B", "5,121 B", 5121, false},
	}, judge(r))

	r.Rows[0].Problem = "lost 1 %"
	assert.Equal(t, "not measured: lost 1 %", judge(r)[0].Got)
	r.Rows[0].Problem = ""
	r.Rows[1].Samples[CPU] = []float64{80}
	assert.True(t, judge(r)[3].Met, "exactly an eighth is enough")
}

func TestSpread(t *testing.T) {
	r := row("", "", map[Metric][]float64{Rate: {4, 1, 3, 2}, CPU: {7}})
	s, ok := r.Spread(Rate)
	assert.True(t, ok)
	assert.Equal(t, Spread{2.5, 1, 4}, s)
	s, _ = r.Spread(CPU)
	assert.Equal(t, Spread{7, 7, 7}, s)
	_, ok = r.Spread(P50)
	assert.False(t, ok)
}

func TestWorkloadsHaveOneNameEach(t *testing.T) {
	for _, full := range []bool{false, true} {
		seen := map[string]bool{}
		for _, w := range workloads(full) {
			assert.False(t, seen[w.Name], w.Name)
			seen[w.Name] = true
		}
		for _, w := range slices.Concat(clusterWorkloads(full), diskWorkloads(full), webWorkloads(full)) {
			assert.False(t, seen[w.Name], w.Name)
			seen[w.Name] = true
		}
		for _, wanted := range targets {
			assert.True(t, seen[wanted.workload], "the target %s is measured", wanted.workload)
		}
	}
	assert.Len(t, workloads(true), len(shapes)*4+len(scales)-1+6, "1 to 100 is among the shapes already")
}
