package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The broker and a publisher are frozen while lines flow, and go on: nobody
// even notices. A publisher may be frozen for longer than the stall timeout:
// it takes nothing because there is nothing for it to take.
func TestGuaranteePausedBrokerAndPublisher(t *testing.T) {
	t.Parallel()
	d := throw(t)
	topo := load(t)
	crowd(topo, 2, 1, 2)
	d.scripts(topo, 3000, 40, 1000)
	topo.Spec("server").SetFlag("stall-timeout", "4s") // a machine that is slow must not freeze the others for as long
	s := open(t, topo)
	s.start()
	s.reach("subscriber-1", d.between(100, 1000))
	s.must(s.Node("publisher-2").Pause)
	s.wait("publisher-1") // nobody waits for the other one
	time.Sleep(4200 * time.Millisecond)
	s.must(s.Node("publisher-2").Unpause)
	s.more("subscriber-1", d.between(1, 300), 6000)
	s.must(s.Node("server").Pause)
	time.Sleep(time.Duration(d.between(4100, 4500)) * time.Millisecond)
	s.must(s.Node("server").Unpause)
	s.wait("publisher-2", "subscriber-1", "subscriber-2")
	s.check(6000)
	for _, spec := range topo.Specs {
		require.NotContains(t, s.said(spec.Name), "connection lost")
	}
}

// A subscriber is frozen for less than the stall timeout: publishers wait for
// it where the history is full, and nothing is lost.
func TestGuaranteePausedSubscriberHoldsPublishersUp(t *testing.T) {
	t.Parallel()
	d := throw(t)
	topo := load(t)
	crowd(topo, 2, 1, 1)
	d.scripts(topo, 6000, 2000, 0)
	topo.Spec("server").SetFlag("history", "1MiB")
	topo.Spec("server").SetFlag("stall-timeout", "1h")
	topo.Add(topo.Spec("subscriber-1").Clone("slow"))
	s := open(t, topo)
	s.start("server", "subscriber-1", "slow")
	s.hear("slow", "registered as SUBSCRIBER")
	s.hear("subscriber-1", "registered as SUBSCRIBER")
	s.must(s.Node("slow").Pause)
	s.start("publisher-1", "publisher-2")
	require.Less(t, s.settle("subscriber-1"), 12_000, "publishers wait: what the others have is all there is")
	for _, p := range []string{"publisher-1", "publisher-2"} {
		select {
		case <-s.Node(p).Done():
			require.Fail(t, "it did not wait", p)
		default:
		}
	}
	s.must(s.Node("slow").Unpause)
	s.wait("publisher-1", "publisher-2", "subscriber-1", "slow")
	s.check(12_000)
	require.NotContains(t, s.said("slow"), "connection lost")
}

// A subscriber is frozen for longer than the stall timeout: it is cut off and
// named, everyone else goes on, and it comes back by itself. While history
// reaches it has lost nothing; where it does not, it is told how much.
func TestGuaranteePausedSubscriberIsCutOff(t *testing.T) {
	t.Parallel()
	for history, reaches := range map[string]bool{"64MiB": true, "1MiB": false} {
		t.Run("history "+history, func(t *testing.T) { pausedTooLong(t, history, reaches) })
	}
}

func pausedTooLong(t *testing.T, size string, reaches bool) {
	d := throw(t)
	topo := load(t)
	crowd(topo, 2, 1, 1)
	d.scripts(topo, 6000, 2000, 0)
	topo.Spec("server").SetFlag("history", size)
	topo.Spec("server").SetFlag("stall-timeout", "4s")
	slow := topo.Spec("subscriber-1").Clone("slow")
	slow.SetFlag("name", "slow")
	slow.SetFlag("format", "tsv")
	if !reaches {
		slow.UnsetFlag("publishers") // those who come and go in a gap are missing as well
	}
	topo.Add(slow)
	s := open(t, topo)
	s.start("server", "subscriber-1", "slow")
	s.hear("slow", "registered as SUBSCRIBER")
	s.must(s.Node("slow").Pause)
	s.start("publisher-1", "publisher-2")
	s.wait("publisher-1", "publisher-2", "subscriber-1")
	s.cutOff("slow", "stalled")
	s.must(s.Node("slow").Unpause)
	if reaches {
		s.wait("slow")
		s.check(12_000)
		return
	}
	s.grows("slow", func() bool { return strings.Contains(s.file("slow"), "\n12000\t") }, "slow receives the last line")
	s.must(s.Node("slow").Stop)
	s.fails("slow")
	require.Regexp(t, `wrong: the server no longer had \d+ messages`, s.said("slow"))
	h, err := s.History()
	require.NoError(t, err)
	missing, next := 0, uint64(1)
	for i := range h.Subscribers {
		if h.Subscribers[i].Name != "slow" {
			continue
		}
		h.Subscribers[i].GapsAllowed, h.Subscribers[i].FromFirst, h.Subscribers[i].ToEnd = true, true, true
		for _, m := range h.Subscribers[i].Received {
			if m.Gap > 0 {
				missing += m.Gap
				next += uint64(m.Gap)
				continue
			}
			require.Equal(t, next, m.Pos, "what is missing is counted exactly")
			next++
		}
	}
	require.Positive(t, missing)
	require.Equal(t, uint64(12_001), next)
	report := s.judge(h)
	require.Contains(t, report.Verdict(), "missing in declared gaps, otherwise nothing lost")
}
