package web

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/VictoriaMetrics/metrics"

	"pubsublab/server/broker"
)

// writeMetrics writes what Prometheus reads. No label is a client's word: there would be no end of
// them.
func writeMetrics(w io.Writer, x broker.Stats, version string) {
	gauge := func(name, help string) { describe(w, name, "gauge", help) }
	counter := func(name, help string) { describe(w, name, "counter", help) }

	gauge("pubsublab_connections", "Connections by role; none is those without one.")
	roles := func(publishers, subscribers uint64) map[string]uint64 {
		return map[string]uint64{"publisher": publishers, "subscriber": subscribers}
	}
	online := roles(x.Online.Publishers, x.Online.Subscribers)
	online["none"] = uint64(max(0, x.Connections-len(x.Clients)))
	label(w, metrics.WriteGaugeUint64, "pubsublab_connections", "role", online)
	counter("pubsublab_connections_total", "Clients that were registered, by role.")
	label(w, metrics.WriteCounterUint64, "pubsublab_connections_total", "role", roles(x.Registered.Publishers, x.Registered.Subscribers))

	counter("pubsublab_messages_received_total", "Messages from publishers.")
	metrics.WriteCounterUint64(w, "pubsublab_messages_received_total", x.Received.Messages)
	counter("pubsublab_messages_sent_total", "Messages to subscribers.")
	metrics.WriteCounterUint64(w, "pubsublab_messages_sent_total", x.Sent.Messages)
	counter("pubsublab_received_bytes_total", "Bytes of messages from publishers.")
	metrics.WriteCounterUint64(w, "pubsublab_received_bytes_total", x.Received.Bytes)
	counter("pubsublab_sent_bytes_total", "Bytes to subscribers, as rendered.")
	metrics.WriteCounterUint64(w, "pubsublab_sent_bytes_total", x.Sent.Bytes)

	counter("pubsublab_disconnects_total", "Clients that have left, by reason.")
	left := map[string]uint64{}
	for why, n := range x.Left {
		left[string(why)] = n
	}
	label(w, metrics.WriteCounterUint64, "pubsublab_disconnects_total", "reason", left)

	lag := uint64(0)
	for _, c := range x.Clients {
		lag = max(lag, c.Progress.Messages)
	}
	gauge("pubsublab_subscriber_lag_messages_max", "Messages that the slowest subscriber is behind.")
	metrics.WriteGaugeUint64(w, "pubsublab_subscriber_lag_messages_max", lag)
	gauge("pubsublab_publishers_waiting", "Publishers that wait for a subscriber to make room.")
	metrics.WriteGaugeUint64(w, "pubsublab_publishers_waiting", uint64(x.Waiting))
	gauge("pubsublab_history_bytes", "Bytes of the history in memory.")
	metrics.WriteGaugeUint64(w, "pubsublab_history_bytes", uint64(x.Journal.Bytes))
	gauge("pubsublab_position", "The position of the newest message.")
	metrics.WriteGaugeUint64(w, "pubsublab_position", max(x.Journal.Next, 1)-1)
	counter("pubsublab_gaps_total", "Gaps that subscribers were told, because what they asked for is no longer kept.")
	metrics.WriteCounterUint64(w, "pubsublab_gaps_total", x.Gaps)
	gauge("pubsublab_build_info", "Always 1; the label is the version.")
	metrics.WriteGaugeUint64(w, fmt.Sprintf("pubsublab_build_info{version=%q}", version), 1)
	metrics.WriteProcessMetrics(w)
}

// describe writes what a metric is. The library does so without help, and once for each label.
func describe(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// label writes a metric with a value for each value of a label.
func label(w io.Writer, write func(io.Writer, string, uint64), name, key string, values map[string]uint64) {
	for _, value := range slices.Sorted(maps.Keys(values)) {
		write(w, fmt.Sprintf("%s{%s=%q}", name, key, value), values[value])
	}
}
