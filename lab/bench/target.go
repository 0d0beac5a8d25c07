package bench

import (
	"fmt"
	"strconv"

	"pubsublab/lab/bench/peer"
)

// target is what this project wants of its broker: a ratio to a peer, or a value.
type target struct {
	workload string
	metric   Metric
	peer     string // empty for a value
	most     bool   // want is the most, not the least
	want     float64
}

var targets = []target{
	{"2to2-64", Rate, "nats", false, 5},
	{"2to2-64", Rate, "redis", false, 5},
	{"2to20-64", Rate, "nats", false, 7},
	{"2to20-64", Rate, "redis", false, 5},
	{"2to20-64", Rate, "kernel", false, 1},
	{"1to100-64", Rate, "nats", false, 7},
	{"1to100-64", Rate, "redis", false, 5},
	{"2to2-1024", Rate, "nats", false, 1.3},
	{"2to2-1024", Rate, "redis", false, 1.3},
	{"2to20-64", CPU, "nats", true, 1. / 8},
	{"2to20-64", CPU, "redis", true, 1. / 4},
	{"latency-1000", P50, "nats", true, 1},
	{"latency-1000", P50, "redis", true, 1},
	{"latency-1000", P99, "nats", true, 1},
	{"latency-1000", P99, "redis", true, 1},
	{"memory", Resident, "", true, 5 << 10},
	{"acks-1-r3-always", Acks, directKey, false, 5},
	{"acks-10-r3-always", Acks, directKey, false, 5},
	{"acks-1-r3-default", Acks, directKey, false, 5},
	{"acks-10-r3-default", Acks, directKey, false, 5},
	{"acks-1", Acks, rawKey, false, 0.7},
	{"acks-100", Acks, rawKey, false, 0.7},
	{"acks-1", Acks, bothKey, false, 0.7},
	{"acks-100", Acks, bothKey, false, 0.7},
	{"acks-1", Acks, directKey, false, 20},
	{"acks-100", Acks, directKey, false, 20},
	{"2to20-disk", Rate, memoryKey, false, 0.7},
	{"recovery", Recover, "", true, 5e6},
	{"web-1to1", Rate, peer.Centrifugo, false, 3},
	{"web-1to100", Rate, peer.Centrifugo, false, 3},
	{"web-1to1000", Rate, peer.Centrifugo, false, 3},
	{"browsers", Resident, "", true, 12 << 10},
}

// Verdict is a target, met or missed.
type Verdict struct {
	What string  `json:"what"`
	Want string  `json:"want"`
	Got  string  `json:"got"`
	Is   float64 `json:"is"`
	Met  bool    `json:"met"`
}

// judge says which targets are met, of those that were measured.
func judge(r *Report) (verdicts []Verdict) {
	for _, t := range targets {
		ours, theirs := r.Row(t.workload, "lab"), r.Row(t.workload, t.peer)
		if ours == nil || t.peer != "" && theirs == nil {
			continue
		}
		v := Verdict{What: r.title(t.workload) + ": " + metricNames[t.metric]}
		sign := "≥"
		if t.most {
			sign = "≤"
		}
		if t.peer != "" {
			v.What += ", against " + r.peerTitle(t.peer)
		}
		show := func(x float64) string {
			switch {
			case t.peer != "":
				return strconv.FormatFloat(x, 'g', 3, 64) + "×"
			case t.metric == Recover:
				return strconv.FormatFloat(x/1e6, 'g', 3, 64) + " s"
			}
			return bytesText(int(x))
		}
		v.Want = sign + " " + show(t.want)
		is, ok := ours.Spread(t.metric)
		other, otherOK := Spread{Median: 1}, true
		if t.peer != "" {
			other, otherOK = theirs.Spread(t.metric)
		}
		switch {
		case !ok:
			v.Got = "not measured: " + ours.Problem
		case !otherOK:
			v.Got = fmt.Sprintf("not comparable: %s: %s", r.peerTitle(t.peer), theirs.Problem)
		default:
			v.Is = is.Median / other.Median
			v.Got = show(v.Is)
			v.Met = t.most == (v.Is <= t.want) || v.Is == t.want
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

var metricNames = map[Metric]string{
	Rate: "deliveries/s", CPU: "broker CPU per delivery", P50: "p50 latency", P99: "p99 latency", P999: "p99.9 latency",
	Resident: "resident memory for each", Acks: "acknowledged lines/s", Recover: "recovery",
}

func (r *Report) title(workload string) string {
	for _, w := range r.Workloads {
		if w.Name == workload {
			return w.Title
		}
	}
	return workload
}

func (r *Report) peerTitle(key string) string {
	for _, p := range r.Peers {
		if p.Key == key {
			return p.Title
		}
	}
	return key
}
