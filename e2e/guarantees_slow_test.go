package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

// A subscriber that never reads, beside ten that do. The ten receive
// everything. The one is cut off and named: after the stall timeout, or as soon
// as publishers would wait for it. It is sent much more than the broker may
// hold: the broker's memory stays bounded.
func TestGuaranteeSubscriberThatNeverReads(t *testing.T) {
	t.Parallel()
	// The ten must not seem to be like the one, on a machine that is slow.
	t.Run("slow block", func(t *testing.T) {
		t.Parallel()
		neverReads(t, "block", "10s", 1)
	})
	// Here publishers wait for nobody. So that the ten are never too slow, on any
	// machine, the publisher waits for them after each burst.
	t.Run("slow disconnect", func(t *testing.T) {
		t.Parallel()
		neverReads(t, "disconnect", "1h", 10)
	})
}

func neverReads(t *testing.T, policy, stall string, bursts int) {
	const (
		lines = 3000     // of 8,000 bytes on average
		bound = 80 << 20 // of the broker's memory
	)
	d := throw(t)
	topo := load(t)
	crowd(topo, 1, 1, 2)
	server := topo.Spec("server")
	server.SetFlag("history", "8MiB")
	server.SetFlag("slow", policy)
	server.SetFlag("stall-timeout", stall)
	two := names(topo, topology.Subscriber) // of the ten; the others are sockets, of which a machine can have more
	sleeper := topo.Spec("subscriber-1").Clone("sleeper")
	sleeper.SetFlag("name", "sleeper")
	topo.Add(sleeper)
	s := open(t, topo)
	s.start("server")
	s.start("sleeper")
	s.hear("sleeper", "registered as SUBSCRIBER")
	s.must(s.Node("sleeper").Pause) // for good: a process that does not read
	s.start(two...)
	var eight []*reader
	for i := range 8 {
		eight = append(eight, s.reader(fmt.Sprint("reader-", i+1)))
	}

	most := s.peak("server")
	began := time.Now()
	pub := join(t, s.Addr(), "PUBLISHER ack=yes name=p")
	sent := history.Publisher{Name: "p", Acked: lines}
	bytes := 0
	for i := range bursts {
		burst := d.lines(lines/bursts, 8000)
		pub.send(strings.Join(burst, ""))
		for _, line := range burst {
			sent.Sent = append(sent.Sent, strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
			bytes += len(line)
		}
		pub.until("", fmt.Sprintf("ack %d", lines/bursts*(i+1)))
		for _, node := range two {
			s.reach(node, lines/bursts*(i+1))
		}
		for _, r := range eight {
			wait.Until(t, func() bool {
				require.Empty(t, r.received, "%s is not cut off", r.name)
				return r.lines.Load() >= int64(lines/bursts*(i+1))
			}, "%s receives all of burst %d", r.name, i+1)
		}
	}
	pub.send("terminate\n")
	pub.end()
	s.wait(two...)
	s.cutOff("sleeper", "stalled")
	t.Logf("%s were published in %v; the broker's memory was at most %s", humanize.IBytes(uint64(bytes)),
		time.Since(began).Round(100*time.Millisecond), humanize.IBytes(most()))
	require.Less(t, most(), uint64(bound), "the broker's memory")
	s.must(s.Node("sleeper").Kill)
	h, err := s.History()
	require.NoError(t, err)
	for _, r := range eight {
		h.Subscribers = append(h.Subscribers, whole(r.name, s.tsv(wait.For(t, r.received, "%s receives to the end", r.name)).Messages))
	}
	h.Publishers = []history.Publisher{sent}
	s.judge(h)
}
