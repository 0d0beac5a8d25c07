package bench

import (
	"slices"
	"time"
)

// Metric is what one sample is of.
type Metric string

const (
	Rate     Metric = "deliveries/s"
	CPU      Metric = "broker CPU ns/delivery"
	P50      Metric = "p50 µs"
	P99      Metric = "p99 µs"
	P999     Metric = "p99.9 µs"
	Resident Metric = "resident bytes/subscriber"

	Recover Metric = "recovery µs" // from the start of the process until it lets a client in

	// Of brokers that share a stream. CPU is that of all of them.

	Acks      Metric = "acknowledged lines/s"
	StreamCPU Metric = "NATS CPU ns/line"           // of all servers
	Read      Metric = "bytes read by brokers/line" // of messages, by all of them
)

// Report is everything that was measured. It is what results.json holds.
type Report struct {
	Began     time.Time  `json:"began"`
	Took      float64    `json:"tookSeconds"`
	Command   string     `json:"command"`
	Machine   Machine    `json:"machine"`
	Rounds    int        `json:"rounds"`
	Peers     []Peer     `json:"peers"`
	Missing   []string   `json:"missing,omitempty"`
	Workloads []Workload `json:"workloads"`
	Rows      []Row      `json:"rows"`
	Verdicts  []Verdict  `json:"targets"`
	Constants []Constant `json:"constants,omitempty"`
}

// Peer is one that was measured.
type Peer struct {
	Key     string `json:"key"`
	Title   string `json:"title"`
	Version string `json:"version"`
	Limit   bool   `json:"limit,omitempty"` // it does less than any broker
}

// Row is one workload with one peer.
type Row struct {
	Workload string               `json:"workload"`
	Peer     string               `json:"peer"`
	Samples  map[Metric][]float64 `json:"samples,omitempty"` // one for each round
	Problem  string               `json:"problem,omitempty"` // what went wrong in a round; its samples are left out
}

func (r *Row) add(m Metric, value float64) {
	if r.Samples == nil {
		r.Samples = map[Metric][]float64{}
	}
	r.Samples[m] = append(r.Samples[m], value)
}

// Spread is of the samples of one metric.
type Spread struct{ Median, Min, Max float64 }

// Spread tells the median and the extremes, unless there is no good sample or the row has a
// problem.
func (r *Row) Spread(m Metric) (Spread, bool) {
	if r == nil || r.Problem != "" || len(r.Samples[m]) == 0 {
		return Spread{}, false
	}
	s := slices.Sorted(slices.Values(r.Samples[m]))
	middle := len(s) / 2
	median := s[middle]
	if len(s)%2 == 0 {
		median = (s[middle-1] + s[middle]) / 2
	}
	return Spread{median, s[0], s[len(s)-1]}, true
}

// Row returns one, or nil where the peer was not measured with the workload.
func (r *Report) Row(workload, peer string) *Row {
	for i := range r.Rows {
		if r.Rows[i].Workload == workload && r.Rows[i].Peer == peer {
			return &r.Rows[i]
		}
	}
	return nil
}
