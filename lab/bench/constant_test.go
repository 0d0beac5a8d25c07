package bench

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What the constants say of these workloads is what they were made of: 0.2 µs for a line to be
// taken in, 0.1 µs for one to be read back only, 25 ns for a delivery; NATS takes 1 µs for a line,
// and 0.3 µs and 65 bytes for each broker that reads it.
func TestConstants(t *testing.T) {
	r := &Report{}
	for name, of := range map[string][2]float64{"shared-20x1": {20, 1}, "shared-60x1": {60, 1}, "shared-60x3": {60, 3}} {
		subscribers, brokers := of[0], of[1]
		assert.Nil(t, constants(r), "not everything was measured")
		r.Workloads = append(r.Workloads, Workload{Name: name, Kind: Shared, Subscribers: int(subscribers), Brokers: int(brokers)})
		r.Rows = append(r.Rows, row(name, "lab", map[Metric][]float64{
			CPU:       {(200 + 100*(brokers-1) + 25*subscribers) / subscribers},
			StreamCPU: {1000 + 300*brokers},
			Read:      {65 * brokers},
		}))
	}
	var got []float64
	for _, c := range constants(r) {
		got = append(got, c.Is)
	}
	assert.InDeltaSlice(t, []float64{1300, 300, 65, 200, 100, 25, 40e6}, got, 1e-6)
	r.Rows[0].Problem = "lost 1 %"
	assert.Nil(t, constants(r))
}
