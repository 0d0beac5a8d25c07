package main

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"

	"pubsublab/lab/topology"
)

// TestUpDurable: a broker whose journal is on a volume is killed while lines flow, is started again,
// and nothing is lost: not for publishers, nor for subscribers, who end with exit code 0.
func TestUpDurable(t *testing.T) {
	t.Parallel()
	for _, mode := range []topology.Mode{topology.Processes, topology.Containers} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			if forced := os.Getenv(topology.ModeVariable); forced != "" && forced != string(mode) {
				t.Skip(topology.ModeVariable, " asks for ", forced)
			}
			d := newDemo(t, "compose.yaml", durableFile)
			d.mode, d.revive = mode, true
			for _, s := range d.topo.WithRole(topology.Publisher) {
				s.SetFlag("rate", "4") // there must be something left to send after the restart
			}
			v, output := d.run(func(context.CancelFunc) { d.kill("server") })
			assert.Equal(t, good, v.level())
			has(t, output, "server       | ▲ was killed by SIGKILL (exit code 137) after ")
			has(t, output, "server       | ▲ runs again after ")
			has(t, output, "✔ Nothing lost, although server was restarted after ")
			has(t, output, "subscriber-1  exit 0  received 80 of 80 lines")
			has(t, output, "subscriber-2  exit 0  received 80 of 80 lines")
		})
	}
}
