package bench

import (
	"fmt"
	"slices"

	"github.com/dustin/go-humanize"
)

// Kind is what a workload measures.
type Kind string

const (
	Throughput Kind = "throughput" // publishers as fast as they can
	History    Kind = "history"    // late joiners who want the history
	Latency    Kind = "latency"    // publishers at a fixed rate
	Memory     Kind = "memory"     // subscribers who receive nothing

	// Of brokers that share a stream:

	Acknowledged Kind = "acknowledged" // publishers as fast as they can, until they have all acknowledgements
	Shared       Kind = "shared"       // subscribers spread over brokers

	// Of one broker with its journal on a disk, which has Acknowledged, too:

	OneByOne Kind = "one by one" // publishers that send a line when the last one is acknowledged
	Recovery Kind = "recovery"   // a start with what was written before
)

// Workload is one thing to measure with all peers that can do it.
type Workload struct {
	Name        string `json:"name"`  // to type
	Title       string `json:"title"` // to read
	Kind        Kind   `json:"kind"`
	Publishers  int    `json:"publishers"`
	Subscribers int    `json:"subscribers"`
	Size        int    `json:"size"` // of a line's text, in bytes
	Topics      bool   `json:"topics,omitempty"`
	TLS         bool   `json:"tls,omitempty"`
	Rate        int    `json:"rate,omitempty"`     // lines a second, for latency
	Brokers     int    `json:"brokers,omitempty"`  // that share a stream; 0 where there is none
	Replicas    int    `json:"replicas,omitempty"` // of the stream
	Always      bool   `json:"always,omitempty"`   // the stream is synced to disk before it acknowledges
	Kept        int64  `json:"kept,omitempty"`     // bytes of the journal, for recovery
	Written     int64  `json:"written,omitempty"`  // bytes of lines that were published to it before
}

// shapes are publishers and subscribers.
var shapes = [][2]int{{2, 2}, {2, 20}, {1, 100}, {20, 2}}

// scales are the subscribers of the workloads that show what one more costs.
var scales = []int{1, 10, 100, 1000}

// workloads returns all of them, or those that --quick has.
func workloads(full bool) (all []Workload) {
	fanOut := func(publishers, subscribers, size int) Workload {
		return Workload{
			Name:  fmt.Sprintf("%dto%d-%d", publishers, subscribers, size),
			Title: fmt.Sprintf("%d → %s, %s", publishers, humanize.Comma(int64(subscribers)), bytesText(size)),
			Kind:  Throughput, Publishers: publishers, Subscribers: subscribers, Size: size,
		}
	}
	add := func(w Workload) {
		if !slices.ContainsFunc(all, func(other Workload) bool { return other.Name == w.Name }) {
			all = append(all, w)
		}
	}
	for _, shape := range shapes {
		for _, size := range []int{16, 64, 1024, 16384} {
			if full || size == 64 || size == 1024 && shape == [2]int{2, 2} {
				add(fanOut(shape[0], shape[1], size))
			}
		}
	}
	for _, subscribers := range scales {
		if full || subscribers < 1000 {
			add(fanOut(1, subscribers, 64))
		}
	}
	topics := fanOut(20, 20, 64)
	topics.Name, topics.Title, topics.Topics = "topics-64", "20 topics, 1 → 1 each, 64 B", true
	secure := fanOut(2, 20, 64)
	secure.Name, secure.Title, secure.TLS = "tls-64", "2 → 20 over TLS, 64 B", true
	history := fanOut(2, 20, 64)
	history.Name, history.Title, history.Kind = "history-64", "20 late joiners, 64 B", History
	add(topics)
	add(secure)
	add(history)
	for _, rate := range []int{1000, 100_000} {
		add(Workload{
			Name: fmt.Sprintf("latency-%d", rate), Title: fmt.Sprintf("2 → 2 at %s lines/s", humanize.Comma(int64(rate))),
			Kind: Latency, Publishers: 2, Subscribers: 2, Size: 64, Rate: rate,
		})
	}
	return append(all, Workload{Name: "memory", Title: "2,000 idle subscribers", Kind: Memory, Subscribers: 2000})
}

// chosen returns the workloads whose names match.
func chosen(o Options) ([]Workload, error) {
	of := workloads
	switch {
	case o.Cluster:
		of = clusterWorkloads
	case o.Disk:
		of = diskWorkloads
	case o.Web:
		of = webWorkloads
	}
	if o.Only == nil {
		return of(o.Full), nil
	}
	all := of(true) // who names one wants it, quick or not
	var names []string
	for _, w := range all {
		names = append(names, w.Name)
	}
	all = slices.DeleteFunc(all, func(w Workload) bool { return !o.Only.MatchString(w.Name) })
	if len(all) == 0 {
		return nil, fmt.Errorf("no workload is called like %q; there are %v", o.Only, names)
	}
	return all, nil
}

func bytesText(n int) string { return humanize.Comma(int64(n)) + " B" }
