package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// The demo as it is: it ends by itself, and proves itself.
func TestDemo(t *testing.T) {
	t.Parallel()
	s := open(t, load(t))
	s.start()
	s.wait("publisher-1", "publisher-2", "subscriber-1", "subscriber-2", "server")
	lines := 0
	for _, spec := range s.topo.WithRole(topology.Publisher) {
		script, err := spec.Lines()
		require.NoError(t, err)
		assert.Greater(t, len(script), 30, "%s has something to say", spec.Name)
		lines += len(script)
	}
	h := s.check(lines)
	digest := history.Digest(h.Subscribers[0].Received)
	require.Equal(t, digest, history.Digest(h.Subscribers[1].Received), "both received the same")
	for _, node := range []string{"subscriber-1", "subscriber-2"} {
		want := fmt.Sprintf("summary: %d lines from 2 publishers, in order, 0 missing, 0 duplicates, sha256 %s", lines, digest)
		require.Contains(t, strings.Join(s.output[node], "\n"), want, "%s says so itself", node)
	}

	run := s.run() // what is kept where this fails
	require.Len(t, run.Nodes, 5)
	require.Len(t, run.Events, 5)
	for _, e := range run.Events {
		require.Equal(t, report.End, e.Kind, "%s %s", e.Node, e.Text)
	}
	for _, sub := range run.Subscribers {
		for _, m := range sub.Received {
			require.NotZero(t, m.Time, sub.Name)
			require.NotZero(t, m.Arrived, sub.Name)
		}
	}
}

// Five publishers of 2,000 lines and five subscribers, all at once.
func TestCrowd(t *testing.T) {
	t.Parallel()
	topo := load(t)
	crowd(topo, 5, 2000, 5)
	s := open(t, topo)
	s.start()
	s.wait(names(topo, topology.Publisher)...)
	s.wait(names(topo, topology.Subscriber)...)
	h := s.check(10_000)
	for _, sub := range h.Subscribers {
		require.Len(t, sub.Received, 10_000, sub.Name)
	}
}

// Subscribers that join late with history, leave in the middle and come back.
func TestJoinLateLeaveComeBack(t *testing.T) {
	t.Parallel()
	topo := load(t)
	crowd(topo, 0, 0, 1)
	first := topo.Spec("subscriber-1")
	first.SetFlag("publishers", "2")
	first.SetFlag("format", "tsv")
	add := func(name, from string) *topology.Spec {
		spec := first.Clone(name)
		spec.SetFlag("from", from)
		topo.Add(spec)
		return spec
	}
	add("late", "first")
	add("new", "new")
	leaver := add("leaver", "first")
	leaver.UnsetFlag("publishers")
	leaver.SetFlag("count", "300")
	s := open(t, topo)
	s.start("server")
	watch := join(t, s.Addr(), "SUBSCRIBER format=tsv")
	come := func(name string) { // returns when it is registered, not only started
		s.start(name)
		watch.until("\tSUBSCRIBER\t", "#joined")
	}
	come("subscriber-1")
	come("leaver")
	pubs := []*scripted{joinScripted(t, s.Addr(), "p1", 1000), joinScripted(t, s.Addr(), "p2", 1000)}
	for _, p := range pubs {
		p.publish(250)
	}
	s.wait("leaver")
	left := s.transcript("leaver")
	require.Len(t, left, 300, "it left after --count lines")
	back := leaver.Clone("back")
	back.UnsetFlag("count")
	back.SetFlag("publishers", "2")
	back.SetFlag("from", strconv.FormatUint(left[299].Pos+1, 10))
	topo.Add(back)
	for _, name := range []string{"late", "new", "back"} {
		come(name)
	}
	for _, p := range pubs {
		p.publish(750)
		p.finish()
	}

	s.wait("subscriber-1", "late", "new", "back")
	h, err := s.History()
	require.NoError(t, err)
	for _, p := range pubs {
		h.Publishers = append(h.Publishers, history.Publisher{Name: p.name, Sent: p.lines, Acked: len(p.lines)})
	}
	h.Subscribers = joined(h.Subscribers, "leaver", "back")
	report := history.Check(h)
	require.True(t, report.OK(), "%s", report)
	for _, sub := range h.Subscribers {
		if sub.Name == "new" {
			require.Len(t, sub.Received, 1500, "it came late, and did not ask for history")
		} else {
			require.Len(t, sub.Received, 2000, sub.Name)
		}
	}
}

// joined puts what a subscriber received before it left and after it came back
// together.
func joined(subs []history.Subscriber, before, after string) []history.Subscriber {
	var out []history.Subscriber
	var whole history.Subscriber
	for _, s := range subs {
		switch s.Name {
		case before:
			s.Received = append(s.Received, whole.Received...)
			s.ToEnd = true
			whole = s
		case after:
			whole.Received = append(whole.Received, s.Received...)
		default:
			out = append(out, s)
		}
	}
	return append(out, whole)
}

// Topics and wildcards; four formats at once.
func TestTopicsAndFormats(t *testing.T) {
	t.Parallel()
	topo := load(t)
	crowd(topo, 3, 300, 1)
	topics := []string{"news.sport", "news.weather.sea", "gossip"}
	for i, p := range topo.WithRole(topology.Publisher) {
		p.Args = append(p.Args[:len(p.Args)-1:len(p.Args)-1], topics[i])
	}
	sub := topo.Spec("subscriber-1")
	want := map[string]int{"subscriber-1": 900}
	for i, c := range []struct {
		filter, format string
		publishers     int
	}{
		{"news.>", "tsv", 2}, {"news.*", "json", 1}, {"*", "stamped", 1}, {">", "plain", 3}, {"news.weather.sea", "json", 1},
	} {
		spec := sub.Clone(fmt.Sprintf("filtered-%d", i+1))
		spec.Args = append(spec.Args, c.filter)
		spec.SetFlag("format", c.format)
		spec.SetFlag("publishers", fmt.Sprint(c.publishers)) // those that its filter lets through
		topo.Add(spec)
		want[spec.Name] = 300 * c.publishers
	}
	s := open(t, topo)
	s.start()
	s.wait(names(topo, topology.Publisher)...)
	s.wait(names(topo, topology.Subscriber)...)
	for _, sub := range s.check(900).Subscribers {
		require.Len(t, sub.Received, want[sub.Name], "%s with filter %q", sub.Name, sub.Filter)
	}
}

// A typed publisher joins the running demo, by hand.
func TestByHand(t *testing.T) {
	t.Parallel()
	s := open(t, load(t))
	s.start("server", "subscriber-1", "subscriber-2", "publisher-1", "publisher-2")
	hand := dial(t, s.Addr())
	hand.send("PUBLISHER name=hand\n")
	hand.line()
	hand.send("Is anybody there?\nterminate\n")
	hand.end()
	s.wait("publisher-1", "publisher-2", "subscriber-1", "subscriber-2", "server")
	require.Len(t, s.transcript("subscriber-1"), 81, "everything of the three")
	for _, node := range []string{"subscriber-1", "subscriber-2"} {
		require.True(t, slices.ContainsFunc(s.transcript(node), func(m history.Message) bool {
			return m.From == "hand" && m.Line == "Is anybody there?"
		}), "%s has what was typed", node)
	}
}
