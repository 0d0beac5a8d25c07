package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
)

// endless is how many lines a publisher has that is not to finish: at a
// thousand lines a second, more than a test waits for.
const endless = 130_000

// A publisher and a subscriber are killed with SIGKILL, and come back. Of the
// publisher, a first part of its lines was accepted: everyone received exactly
// that. As a new process it is a new run, and all of its lines are delivered.
// The subscriber goes on from its last position, and misses nothing.
func TestGuaranteeKilledClientsComeBack(t *testing.T) {
	t.Parallel()
	d := throw(t)
	topo := load(t)
	crowd(topo, 2, 1, 1)
	d.scripts(topo, 3000, 40, 1000)
	topo.Spec("publisher-1").SetScript(d.script(endless, 40))
	topo.Spec("publisher-2").SetScript(d.script(10_000, 40)) // who must still be there when a slow machine has killed the first
	sub := topo.Spec("subscriber-1")
	sub.SetFlag("format", "tsv")
	topo.Add(sub.Clone("comes"))
	again := topo.Spec("publisher-1").Clone("again") // under the same --name
	again.SetScript(d.script(500, 40))
	s := open(t, topo)
	topo.Add(again)
	s.start("server", "subscriber-1", "comes", "publisher-1", "publisher-2")

	s.reach("comes", d.between(100, 1000))
	s.must(s.Node("comes").Kill)
	s.reach("subscriber-1", d.between(1200, 3000))
	s.must(s.Node("publisher-1").Kill)
	before := s.tsv(s.file("comes"))
	back := sub.Clone("back")
	back.SetFlag("from", fmt.Sprint(before.Messages[len(before.Messages)-1].Pos+1))
	topo.Add(back)
	s.start("back", "again")
	s.wait("publisher-2", "again", "subscriber-1", "back")

	all := s.tsv(s.file("subscriber-1"))
	killed, second := s.sent("publisher-1"), s.sent("again")
	accepted := left(t, all, "publisher-1")
	killed.Sent = append(killed.Sent[:accepted:accepted], second.Sent...)
	killed.Acked = len(killed.Sent)
	s.judge(history.History{
		Publishers: []history.Publisher{killed, s.sent("publisher-2")},
		Subscribers: []history.Subscriber{
			whole("subscriber-1", all.Messages),
			whole("comes", append(before.Messages, s.tsv(s.file("back")).Messages...)),
		},
	})
}

// left is how many lines a publisher's first connection has brought, in the
// broker's words.
func left(t *testing.T, seen history.Transcript, name string) int {
	t.Helper()
	for _, e := range seen.Events {
		if e.Kind == "left" && e.Role == "PUBLISHER" && e.Name == name {
			require.Contains(t, []string{"reset", "takeover"}, e.Reason)
			return e.Lines
		}
	}
	require.Fail(t, "nobody saw the publisher leave", name)
	return 0
}

// Of two publishers with one name the second takes the name over (P5). The
// first ends and says so; what it was acknowledged is delivered once.
func TestGuaranteeNamesakes(t *testing.T) {
	t.Parallel()
	d := throw(t)
	topo := load(t)
	crowd(topo, 1, 1, 1)
	d.scripts(topo, endless, 40, 1000)
	sub := topo.Spec("subscriber-1")
	sub.SetFlag("format", "tsv")
	namesake := topo.Spec("publisher-1").Clone("namesake")
	namesake.SetScript(d.script(500, 40))
	s := open(t, topo)
	topo.Add(namesake)
	s.start("server", "subscriber-1", "publisher-1")
	s.reach("subscriber-1", d.between(100, 1500))
	s.start("namesake")
	s.fails("publisher-1")
	require.Contains(t, s.said("publisher-1"), "another client has connected with this name and taken it over")
	s.wait("namesake", "subscriber-1")
	all := s.tsv(s.file("subscriber-1"))
	first, second := s.sent("publisher-1"), s.sent("namesake")
	accepted := left(t, all, "publisher-1")
	require.Less(t, accepted, len(first.Sent))
	first.Sent = append(first.Sent[:accepted:accepted], second.Sent...)
	first.Acked = len(first.Sent)
	s.judge(history.History{
		Publishers:  []history.Publisher{first},
		Subscribers: []history.Subscriber{whole("subscriber-1", all.Messages)},
	})
}
