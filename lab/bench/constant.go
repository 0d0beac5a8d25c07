package bench

// Constant is what something costs, worked out of the medians of several workloads, to calculate
// with on paper.
type Constant struct {
	What   string  `json:"what"`
	Metric Metric  `json:"metric"` // its unit
	Is     float64 `json:"is"`
}

// constants works them out, if all that they take was measured. A line that is published costs its
// broker something to take in, each broker something to read back, and its broker something for
// each delivery.
func constants(r *Report) (all []Constant) {
	type sample struct{ brokers, stream, read float64 } // of one line, with all brokers
	measured := map[string]sample{}
	for _, w := range r.Workloads {
		row := r.Row(w.Name, "lab")
		brokers, _ := row.Spread(CPU)
		stream, _ := row.Spread(StreamCPU)
		if read, ok := row.Spread(Read); ok && w.Kind == Shared {
			measured[w.Name] = sample{brokers.Median * float64(w.Subscribers), stream.Median, read.Median}
		}
	}
	few, many, three := measured["shared-20x1"], measured["shared-60x1"], measured["shared-60x3"]
	if few.read == 0 || many.read == 0 || three.read == 0 {
		return nil
	}
	delivery := (many.brokers - few.brokers) / (60 - 20)
	return []Constant{
		{"NATS: CPU of a line, all servers, read by one broker", StreamCPU, many.stream},
		{"NATS: CPU of a line for each further broker", StreamCPU, (three.stream - many.stream) / 2},
		{"NATS: bytes of a line sent to each broker", Read, three.read / 3},
		{"broker: CPU of a line that is published there", CPU, few.brokers - 20*delivery},
		{"broker: CPU of a line that is published elsewhere", CPU, (three.brokers - many.brokers) / 2},
		{"broker: CPU of a delivery", CPU, delivery},
		{"broker: deliveries a second for each core", Rate, 1e9 / delivery},
	}
}
