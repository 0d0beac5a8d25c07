package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

// lostHistory stands, in a tsv transcript, where the order of one broker ends
// and that of another begins.
const lostHistory = "#gap\t0\n"

// The broker is killed, with a memory journal, and another one takes its place.
// Publishers send again what was not acknowledged. What was acknowledged and
// not yet delivered is lost, and every subscriber is told so: in its place in
// the transcript, in the summary and by the exit code. All else is there.
func TestGuaranteeBrokerKilled(t *testing.T) {
	t.Parallel()
	s := flowing(t, "nameless")
	s.must(s.Node("server").Pause) // so that lines are under way
	time.Sleep(300 * time.Millisecond)
	s.must(s.Node("server").Kill)
	s.replaceServer()
	s.wait("publisher-1", "publisher-2")

	s.fails("nameless") // it cannot know what to send again
	require.Regexp(t, `client: \d+ lines? not acknowledged by the server: `, s.said("nameless"))
	for _, p := range []string{"publisher-1", "publisher-2"} {
		require.Contains(t, s.said(p), "the server has lost its history: subscribers miss what they had not read of it (acknowledged ")
	}
	for _, c := range s.restarted() {
		t.Logf("%s of %s: %d received of the first broker, sent again from line %d", c.publisher, c.subscriber, c.before, c.again)
	}
}

// The broker is stopped and another one takes its place: what it had accepted
// was acknowledged and delivered (P17), so that nothing is lost or doubled.
// The subscribers cannot know that: they say that they may have lost something.
func TestGuaranteeBrokerRestarted(t *testing.T) {
	t.Parallel()
	s := flowing(t)
	s.must(s.Node("server").Stop)
	code, err := s.Node("server").Wait(s.ctx)
	require.NoError(t, err)
	require.Zero(t, code, "P17: the exit code")
	s.replaceServer()
	s.wait("publisher-1", "publisher-2")
	for _, c := range s.restarted() {
		require.Equal(t, c.before+1, c.again, "%s received of %s all that was not sent again, and nothing else", c.subscriber, c.publisher)
	}
}

// flowing is a topology in the middle of its work, with more publishers that
// have no names.
func flowing(t *testing.T, nameless ...string) *testbed {
	d := throw(t)
	topo := load(t)
	crowd(topo, 2, 1, 2)
	for _, node := range nameless {
		p := topo.Spec("publisher-1").Clone(node)
		p.UnsetFlag("name")
		topo.Add(p)
	}
	d.scripts(topo, 12_000, 40, 1000) // however slow this test is, they are not done before the fault
	for _, node := range nameless {
		topo.Spec(node).SetScript(d.script(endless, 40)) // it does not survive the fault, and need not come to an end
	}
	for _, sub := range topo.WithRole(topology.Subscriber) {
		sub.SetFlag("format", "tsv")
	}
	s := open(t, topo)
	s.start()
	for _, p := range topo.WithRole(topology.Publisher) {
		s.hear(p.Name, "registered as PUBLISHER") // one that is not yet there loses nothing with the broker
	}
	s.reach("subscriber-1", d.between(100, 2000))
	return s
}

// replaceServer starts another broker in the place of the one that has ended.
func (s *testbed) replaceServer() {
	s.t.Helper()
	second := s.topo.Spec("server").Replacement("second")
	s.topo.Add(second)
	s.start("second")
}

// comeback is what a subscriber received of a publisher on both sides of a
// restart.
type comeback struct {
	subscriber, publisher string
	before                int // lines of the publisher's, from its first on
	again                 int // number of the first line that the second broker had; all up to the last followed
}

// restarted judges both orders, and that nobody passed from one to the other
// in silence.
func (s *testbed) restarted() (found []comeback) {
	s.t.Helper()
	var first, second history.History
	for _, p := range []string{"publisher-1", "publisher-2"} {
		sent := s.sent(p)
		second.Publishers = append(second.Publishers, sent)
		sent.Acked = 0
		first.Publishers = append(first.Publishers, sent)
	}
	for _, node := range []string{"subscriber-1", "subscriber-2"} {
		s.fails(node)
		require.Contains(s.t, s.said(node), "wrong: the server lost its history, and an unknown number of messages with it")
		before, after, told := strings.Cut(s.file(node), lostHistory)
		require.True(s.t, told, "%s was told of the loss in its place", node)
		sub := whole(node, s.tsv(before).Messages)
		sub.ToEnd = false
		for _, m := range sub.Received {
			if !slices.ContainsFunc(first.Publishers, func(p history.Publisher) bool { return p.Name == m.From }) {
				nameless := s.sent("nameless") // others know it by its address
				nameless.Name, nameless.Acked = m.From, 0
				first.Publishers = append(first.Publishers, nameless)
			}
		}
		first.Subscribers = append(first.Subscribers, sub)
		second.Subscribers = append(second.Subscribers, whole(node, s.tsv(after).Messages))
	}
	for i, p := range second.Publishers {
		again := len(p.Sent) - of(p.Name, second.Subscribers[0])
		for j, sub := range second.Subscribers {
			found = append(found, comeback{sub.Name, p.Name, of(p.Name, first.Subscribers[j]), again + 1})
		}
		second.Publishers[i].Sent = p.Sent[again:]
		second.Publishers[i].Acked = len(p.Sent) - again
	}
	s.judge(first)
	s.judge(second)
	return found
}

// of is how many lines of a publisher a subscriber received.
func of(publisher string, sub history.Subscriber) (n int) {
	for _, m := range sub.Received {
		if m.From == publisher {
			n++
		}
	}
	return n
}
