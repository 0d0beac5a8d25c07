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

// Whatever was left out, there is a report.
func TestHTMLOfLittle(t *testing.T) {
	r := fixture()
	r.Workloads, r.Rows, r.Verdicts = r.Workloads[:1], r.Rows[2:3], nil
	var out bytes.Buffer
	require.NoError(t, HTML(&out, r))
	assert.Zero(t, strings.Count(out.String(), "<figure>"))
	Text(&out, r)
}
