package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"

	"pubsublab/lab/bench"
)

func fixture() *bench.Report {
	return &bench.Report{
		Began: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Took: 61.4, Command: "lab bench <b>", Rounds: 3,
		Machine: bench.Machine{CPU: "Abacus", Cores: 2, Memory: "1 GiB", System: "none", Go: "go1", Commit: "abc"},
		Peers: []bench.Peer{{Key: "lab", Title: "Pub/Sub Lab", Version: "of this checkout"}, {Key: "nats", Title: "NATS", Version: "v2"},
			{Key: "redis", Title: "Redis", Version: "7"}, {Key: "kernel", Title: "kernel", Limit: true}},
		Missing: []string{"Mosquitto: no mosquitto on the path"},
		Workloads: []bench.Workload{
			{Name: "1to10-64", Title: "1 → 10, 64 B", Kind: bench.Throughput, Publishers: 1, Subscribers: 10, Size: 64},
			{Name: "1to100-64", Title: "1 → 100, 64 B", Kind: bench.Throughput, Publishers: 1, Subscribers: 100, Size: 64},
			{Name: "latency-1000", Title: "2 → 2 at 1,000 lines/s", Kind: bench.Latency},
			{Name: "memory", Title: "2,000 idle subscribers", Kind: bench.Memory, Subscribers: 2000},
		},
		Rows: []bench.Row{
			{Workload: "1to10-64", Peer: "lab", Samples: map[bench.Metric][]float64{bench.Rate: {10e6, 12.34e6, 13e6}, bench.CPU: {30, 31, 32}}},
			{Workload: "1to10-64", Peer: "nats", Samples: map[bench.Metric][]float64{bench.Rate: {2e6}, bench.CPU: {0}}},
			{Workload: "1to10-64", Peer: "redis", Problem: "lost 12 %"},
			{Workload: "1to10-64", Peer: "kernel", Samples: map[bench.Metric][]float64{bench.Rate: {24.68e6}, bench.CPU: {15.5}}},
			{Workload: "1to100-64", Peer: "lab", Samples: map[bench.Metric][]float64{bench.Rate: {15e6}, bench.CPU: {25}}},
			{Workload: "1to100-64", Peer: "nats", Samples: map[bench.Metric][]float64{bench.Rate: {950e3}, bench.CPU: {2500}}},
			{Workload: "latency-1000", Peer: "lab", Samples: map[bench.Metric][]float64{bench.P50: {100}, bench.P99: {200}, bench.P999: {1500}}},
			{Workload: "latency-1000", Peer: "nats", Samples: map[bench.Metric][]float64{bench.P50: {50}, bench.P99: {400}, bench.P999: {1500}}},
			{Workload: "memory", Peer: "lab", Samples: map[bench.Metric][]float64{bench.Resident: {7 * 1024}}},
		},
		Verdicts: []bench.Verdict{{What: "this", Want: "≥ 7×", Got: "9.3×", Met: true}, {What: "that", Want: "≤ 1×", Got: "2×"}},
	}
}

// TestBusyMachine: that the machine was busy is said before any target is called missed.
func TestBusyMachine(t *testing.T) {
	r := fixture()
	for busy, warned := range map[float64]bool{0: false, 9: false, 10: true, 93.4: true} {
		r.Machine.Busy = busy
		for _, write := range []func(io.Writer, *bench.Report){Text, Markdown} {
			var out bytes.Buffer
			write(&out, r)
			before, _, found := strings.Cut(out.String(), "│ ✘ │ that")
			if !found {
				before, _, found = strings.Cut(out.String(), "| ✘ | that")
			}
			require.True(t, found)
			assert.Equal(t, warned, strings.Contains(before, "▲ This machine was busy"), "%v: %s", busy, before)
		}
		var page bytes.Buffer
		require.NoError(t, HTML(&page, r))
		assert.Equal(t, warned, strings.Contains(page.String(), "This machine was busy"))
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	Text(&out, fixture())
	assert.Equal(t, `
┌───────────────────────────────┬─────────────┬─────────────────┬───────┬─────────────────┐
│                               │ Pub/Sub Lab │ NATS            │ Redis │ kernel          │
├───────────────────────────────┼─────────────┼─────────────────┼───────┼─────────────────┤
│ deliveries/s                  │             │                 │       │                 │
│ 1 → 10, 64 B                  │ 12.3 M      │ 2.00 M (6.2×)   │ ✘     │ 24.7 M (0.50×)  │
│ 1 → 100, 64 B                 │ 15.0 M      │ 950 k (16×)     │ –     │ –               │
├───────────────────────────────┼─────────────┼─────────────────┼───────┼─────────────────┤
│ broker CPU per delivery       │             │                 │       │                 │
│ 1 → 10, 64 B                  │ 31.0 ns     │ 0.00 ns         │ ✘     │ 15.5 ns (0.50×) │
│ 1 → 100, 64 B                 │ 25.0 ns     │ 2.50 µs (100×)  │ –     │ –               │
├───────────────────────────────┼─────────────┼─────────────────┼───────┼─────────────────┤
│ latency                       │             │                 │       │                 │
│ 2 → 2 at 1,000 lines/s, p50   │ 100 µs      │ 50.0 µs (0.50×) │ –     │ –               │
│ 2 → 2 at 1,000 lines/s, p99   │ 200 µs      │ 400 µs (2.0×)   │ –     │ –               │
│ 2 → 2 at 1,000 lines/s, p99.9 │ 1.50 ms     │ 1.50 ms (1.0×)  │ –     │ –               │
├───────────────────────────────┼─────────────┼─────────────────┼───────┼─────────────────┤
│ resident memory for each of   │             │                 │       │                 │
│ 2,000 idle subscribers        │ 7.00 KB     │ –               │ –     │ –               │
└───────────────────────────────┴─────────────┴─────────────────┴───────┴─────────────────┘

Medians of 3. In brackets, how many times better Pub/Sub Lab is.

┌───┬────────┬────────┬──────────┐
│   │ target │ wanted │ measured │
├───┼────────┼────────┼──────────┤
│ ✔ │ this   │ ≥ 7×   │ 9.3×     │
│ ✘ │ that   │ ≤ 1×   │ 2×       │
└───┴────────┴────────┴──────────┘

✘ 1to10-64, redis: lost 12 %
Not compared: Mosquitto: no mosquitto on the path
Pub/Sub Lab of this checkout, NATS v2, Redis 7. Measured on Abacus, 2 cores, 1 GiB, none, go1 in 1m1s.
`[1:], out.String())
}

func TestMarkdown(t *testing.T) {
	var out bytes.Buffer
	Markdown(&out, fixture())
	assert.Contains(t, out.String(), "|  | Pub/Sub Lab | NATS | Redis | kernel |")
	assert.Contains(t, out.String(), "| 1 → 10, 64 B | 12.3 M<br><sub>10.0 M – 13.0 M</sub> |")
	assert.Contains(t, out.String(), "| ✔ | this | ≥ 7× | 9.3× |")
}

func TestHTML(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, HTML(&out, fixture()))
	page := out.String()
	for _, want := range []string{"lab bench &lt;b&gt;", "12.3 M", "✘ 1to10-64, redis: lost 12 %", "Not compared: Mosquitto", "What more subscribers cost"} {
		assert.Contains(t, page, want)
	}
	assert.Equal(t, 2+1+2, strings.Count(page, "<figure>"), "rates of two workloads, one latency, two by subscribers")
	for _, elsewhere := range []string{"<script", "<link", "src=", "url("} {
		assert.NotContains(t, page, elsewhere, "the page needs nothing from elsewhere")
	}
	for _, drawing := range strings.SplitAfter(page, "<svg")[1:] {
		text, _, _ := strings.Cut(drawing, "</svg>")
		decoder := xml.NewDecoder(strings.NewReader("<svg" + text + "</svg>"))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else {
				require.NoError(t, err)
			}
		}
		assert.Contains(t, text, "currentColor", "axes and words have the colour of the page's text")
		assert.NotContains(t, text, "#000000")
		assert.Contains(t, text, "viewBox")
	}
}

// What was measured of a cluster has sections of its own.
func TestCluster(t *testing.T) {
	r := fixture()
	r.Peers = []bench.Peer{{Key: "lab", Title: "Pub/Sub Lab", Version: "of this checkout"}, {Key: "jetstream", Title: "JetStream directly", Version: "v2"}}
	r.Workloads = []bench.Workload{
		{Name: "acks", Title: "1 publisher", Kind: bench.Acknowledged}, {Name: "shared", Title: "1 → 60 over 3 brokers", Kind: bench.Shared, Subscribers: 60},
	}
	r.Rows = []bench.Row{
		{Workload: "acks", Peer: "lab", Samples: map[bench.Metric][]float64{bench.Acks: {900e3}, bench.StreamCPU: {1000}, bench.CPU: {300}, bench.Read: {65.1}}},
		{Workload: "acks", Peer: "jetstream", Samples: map[bench.Metric][]float64{bench.Acks: {45e3, 45e3, 900}, bench.StreamCPU: {30e3}}},
		{Workload: "shared", Peer: "lab", Samples: map[bench.Metric][]float64{bench.Rate: {20e6}, bench.StreamCPU: {1500}, bench.CPU: {35}, bench.Read: {195}}},
	}
	r.Constants = []bench.Constant{{What: "NATS: bytes", Metric: bench.Read, Is: 65}, {What: "each core", Metric: bench.Rate, Is: 40e6}}
	var out bytes.Buffer
	Markdown(&out, r)
	for _, want := range []string{
		"| **acknowledged lines/s** |  |  |\n| 1 publisher | 900 k<br><sub>900 k – 900 k</sub> | 45.0 k (20×)<br><sub>900 – 45.0 k</sub> |",
		"| **CPU of all NATS servers per line** |  |  |\n| 1 publisher | 1.00 µs<br><sub>1.00 µs – 1.00 µs</sub> | 30.0 µs (30×)<br>",
		"| 1 publisher | 65.1 B<br><sub>65.1 B – 65.1 B</sub> | – |\n| 1 → 60 over 3 brokers | 195 B<br>",
		"| NATS: bytes | 65.0 B |\n| each core | 40.0 M |",
	} {
		assert.Contains(t, out.String(), want)
	}
	out.Reset()
	require.NoError(t, HTML(&out, r))
	assert.Equal(t, 1, strings.Count(out.String(), "<figure>"))
	for _, want := range []string{"Acknowledged lines a second", "To calculate with", "<td>65.0 B</td>", "has no broker"} {
		assert.Contains(t, out.String(), want)
	}
	assert.NotContains(t, out.String(), "is no broker")
}

// Whatever was left out, there is a report.
func TestHTMLOfLittle(t *testing.T) {
	r := fixture()
	r.Workloads, r.Rows, r.Verdicts = r.Workloads[:1], r.Rows[2:3], nil
	var out bytes.Buffer
	require.NoError(t, HTML(&out, r))
	assert.Zero(t, strings.Count(out.String(), "<figure>"))
	Text(&out, r)
}

// A single point is drawn, also at 1, below which a logarithm would be that of 0.
func TestCurveOfOnePoint(t *testing.T) {
	for _, x := range []float64{1, 20} {
		p := newPlot("subscribers", "lines/s")
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
		drawing, err := curves(fixture(), p, func(peer string) (all points) {
			if peer == "lab" {
				all = points{{x, bench.Spread{Median: 1, Min: 1, Max: 1}}}
			}
			return all
		})
		require.NoError(t, err)
		assert.Contains(t, drawing, "<svg")
	}
}
