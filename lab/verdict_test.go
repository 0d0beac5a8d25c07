package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/fatih/color"
	"github.com/stretchr/testify/assert"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

func init() { color.NoColor = true }

// sketch is a demo of the publisher pub, named p, of nodes between, and of the subscribers s1 and
// s2. In received, "|" is the end of an order, and each other character a line.
type sketch struct {
	sent     string
	received [2]string
	brokers  []string
	ends     map[string]*ended // those that were not good
	gaveUp   string
	broken   bool // by Ctrl+C
}

func (k sketch) judge() *verdict {
	c := &course{gaveUp: k.gaveUp, interrupted: k.broken, took: 15 * time.Second}
	specs := []*topology.Spec{{Name: "pub", Role: topology.Publisher, Args: []string{"--name=p"}}}
	specs[0].SetScript([]byte(strings.Join(strings.Split(k.sent, ""), "\n") + "\n"))
	for _, name := range k.brokers {
		specs = append(specs, &topology.Spec{Name: name, Role: topology.Broker})
	}
	specs = append(specs, &topology.Spec{Name: "s1", Role: topology.Subscriber},
		&topology.Spec{Name: "s2", Role: topology.Subscriber, Args: []string{"--format=json"}})
	well := map[string]bool{}
	for _, s := range specs {
		e := k.ends[s.Name]
		if e == nil {
			e = &ended{after: 14 * time.Second}
		}
		e.spec = s
		c.ends = append(c.ends, e)
		if e.back > 0 {
			c.ends = append(c.ends, &ended{spec: s, after: 14 * time.Second})
		}
		well[s.Name] = c.last(s.Name).end.Code == 0
	}
	h := history.History{Publishers: []history.Publisher{{Name: "p", Sent: strings.Split(k.sent, "")}}}
	if well["pub"] {
		h.Publishers[0].Acked = len(k.sent)
	}
	for i, name := range []string{"s1", "s2"} {
		s := history.Subscriber{Name: name, FromFirst: true, ToEnd: well[name]}
		for _, line := range strings.Split(k.received[i], "") {
			if line == "|" {
				s.Received = append(s.Received, history.Message{Gap: history.Unknown})
			} else {
				s.Received = append(s.Received, history.Message{From: "p", Line: line})
			}
		}
		h.Subscribers = append(h.Subscribers, s)
	}
	return judge(h, c, specs)
}

func (v *verdict) text() string {
	var b bytes.Buffer
	v.print(&b, 80, "containers")
	return b.String()
}

func killed(after time.Duration) *ended {
	return &ended{end: topology.End{Code: 137}, after: after, early: true}
}

func exits(code int) *ended {
	return &ended{end: topology.End{Code: code}, after: 14 * time.Second, early: true}
}

func TestVerdictAllWell(t *testing.T) {
	v := sketch{sent: "ab", received: [2]string{"ab", "ab"}, brokers: []string{"server"}}.judge()
	assert.Equal(t, `
✔ Every subscriber received every line, in one order.

  pub     exit 0  sent 2 lines as p
  server  exit 0  passed them on
  s1      exit 0  received 2 of 2 lines, SHA-256 3ea5e5e9…
  s2      exit 0  received 2 of 2 lines, SHA-256 3ea5e5e9…

  ✔ Scripts compared with transcripts, line by line: nothing lost, doubled,
    reordered, altered or invented, and the same order for all.
  (containers, 15 seconds)
`, v.text())
}

// TestVerdicts: what was promised and held is green, what was not promised and happened yellow, all
// else red.
func TestVerdicts(t *testing.T) {
	three := []string{"b1", "b2", "b3"}
	restarted := &ended{end: topology.End{Code: 0}, after: 4 * time.Second, early: true, back: 5 * time.Second}
	lostMemory := killed(4 * time.Second)
	lostMemory.back = 5 * time.Second
	stopped := &ended{end: topology.End{Code: 1}, after: 4 * time.Second, early: true, back: 5 * time.Second}
	stopped2 := &ended{end: topology.End{Code: 1}, after: 4 * time.Second, early: true, back: 5 * time.Second}
	asked := func(code int) *ended { return &ended{end: topology.End{Code: code}, asked: true} }
	for name, test := range map[string]struct {
		sketch
		level level
		says  []string
		not   string
	}{
		"a broker of three killed": {sketch{sent: "abc", received: [2]string{"abc", "abc"}, brokers: three,
			ends: map[string]*ended{"b1": killed(3 * time.Second)}},
			good, []string{"✔ Nothing lost, although b1 was killed after 3.0 s.", "b1   exit 137"}, "▲"},
		"two nodes": {sketch{sent: "abc", received: [2]string{"abc", "abc"}, brokers: three,
			ends: map[string]*ended{"b1": killed(3 * time.Second), "b2": killed(12 * time.Second)}},
			good, []string{"✔ Nothing lost, although b1 was killed after 3.0 s and b2 was killed after 12 s."}, "▲"},
		"the broker restarted": {sketch{sent: "abcd", received: [2]string{"ab|cd", "ab|cd"}, brokers: []string{"server"},
			ends: map[string]*ended{"server": restarted, "s1": exits(1), "s2": exits(1)}},
			good, []string{"✔ Nothing lost, although server was restarted after 4.0 s.", "received 4 of 4 lines",
				"s1 ended with exit code 1, because it cannot know"}, "▲"},
		"the broker restarted, and a line lost": {sketch{sent: "abcd", received: [2]string{"ab|d", "ab|d"}, brokers: []string{"server"},
			ends: map[string]*ended{"server": restarted, "s1": exits(1), "s2": exits(1)}},
			bad, []string{"✘ Not everything is right.", "✘ s1 lost 1 line of p, although no broker was killed"}, "nothing lost"},
		"the broker killed, and a line lost with it": {sketch{sent: "abcd", received: [2]string{"ab|d", "ab|d"}, brokers: []string{"server"},
			ends: map[string]*ended{"server": lostMemory, "s1": exits(1), "s2": exits(1)}},
			warn, []string{"▲ Every promise was kept, but", "▲ s1 lost 1 line of p, with the memory of server"}, "✘"},
		"the broker killed, and a line doubled": {sketch{sent: "abcd", received: [2]string{"ab|bcd", "ab|bcd"}, brokers: []string{"server"},
			ends: map[string]*ended{"server": lostMemory, "s1": exits(1), "s2": exits(1)}},
			warn, []string{"▲ s2 received 1 line of p twice"}, "✘"},
		"the only broker killed": {sketch{sent: "abcd", received: [2]string{"ab", "ab"}, brokers: []string{"server"}, gaveUp: "no broker is left",
			ends: map[string]*ended{"server": killed(4 * time.Second), "pub": asked(1), "s1": asked(1), "s2": asked(1)}},
			warn, []string{"▲ server was killed by SIGKILL (exit code 137) after 4.0 s", "▲ no broker is left, so the demo was ended", "sent 2 of 4 lines as p"}, "✘"},
		"a subscriber killed": {sketch{sent: "abcd", received: [2]string{"ab", "abcd"},
			ends: map[string]*ended{"s1": killed(4 * time.Second)}},
			good, []string{"✔ Nothing lost, although s1 was killed after 4.0 s.", "exit 137  received 2 of 4 lines"}, "▲"},
		"all subscribers killed": {sketch{sent: "abcd", received: [2]string{"ab", "ab"},
			ends: map[string]*ended{"s1": killed(4 * time.Second), "s2": killed(5 * time.Second)}},
			warn, []string{"▲ no subscriber stayed to the end"}, "✘"},
		"a publisher killed": {sketch{sent: "abcd", received: [2]string{"abc", "abc"}, gaveUp: "s1 and s2 wait",
			ends: map[string]*ended{"pub": killed(4 * time.Second), "s1": asked(1), "s2": asked(1)}},
			warn, []string{"after 4.0 s: 1 line of its script\n    was never published", "sent 3 of 4 lines", "received 3 of 3 lines"}, "✘"},
		"a publisher restarted": {sketch{sent: "abcd", received: [2]string{"ababcd", "ababcd"},
			ends: map[string]*ended{"pub": restarted}},
			good, []string{"✔ Nothing lost, although pub was restarted after 4.0 s.", "received 6 of 6 lines"}, "▲"},
		"clients restarted with SIGTERM": {sketch{sent: "abcd", received: [2]string{"ababcd", "ababcd"},
			ends: map[string]*ended{"pub": stopped, "s1": stopped2}},
			good, []string{"✔ Nothing lost, although pub was restarted after 4.0 s and s1"}, "▲"},
		"a publisher failed": {sketch{sent: "abcd", received: [2]string{"", ""}, gaveUp: "pub has failed, and s1 and s2 wait for it",
			ends: map[string]*ended{"pub": {end: topology.End{Code: 1}, early: true, last: "client: no \u202e script"}, "s1": asked(1), "s2": asked(1)}},
			bad, []string{`✘ pub ended with exit code 1 after 0.0 s: client: no \u202e script`, "▲ pub has failed, and s1 and s2 wait for it, so"}, "\u202e"},
		"out of memory": {sketch{sent: "ab", received: [2]string{"a", "ab"},
			ends: map[string]*ended{"s1": {end: topology.End{Code: 137, OutOfMemory: true}, early: true}}},
			bad, []string{"✘ s1 reached its memory limit and was killed (exit code 137)"}, "Nothing lost"},
		"interrupted": {sketch{sent: "abcd", received: [2]string{"ab", "abc"}, broken: true,
			ends: map[string]*ended{"pub": asked(1), "s1": asked(1), "s2": asked(1)}},
			good, []string{"✔ Nothing lost so far. (interrupted after 15 s)", "received 2 of 3 lines"}, "▲"},
		"a lost line": {sketch{sent: "ab", received: [2]string{"ab", "a"}},
			bad, []string{"✘ Not everything is right.", "lost 1 line", "the digests of the subscribers differ"}, "nothing lost"},
		"a broker that cannot end": {sketch{sent: "ab", received: [2]string{"ab", "ab"}, brokers: []string{"server"},
			ends: map[string]*ended{"server": {end: topology.End{Code: 1}}}},
			bad, []string{"✘ server ended with exit code 1"}, "Nothing lost"},
	} {
		t.Run(name, func(t *testing.T) {
			v := test.judge()
			text := v.text()
			assert.Equal(t, test.level, v.level(), "%s", text)
			for _, says := range test.says {
				assert.Contains(t, text, says)
			}
			assert.NotContains(t, text, test.not)
			for _, line := range strings.Split(text, "\n") {
				assert.LessOrEqual(t, len([]rune(line)), 80, "%q", line)
			}
		})
	}
}

func TestVerdictGuestsAndNobody(t *testing.T) {
	h := history.History{Subscribers: []history.Subscriber{{Name: "s", ToEnd: true, Received: []history.Message{{From: "guest", Line: "x"}}}}}
	v := judge(h, &course{}, nil)
	assert.Equal(t, good, v.level())
	assert.Contains(t, v.text(), "Not judged: 1 line of others who joined in.")
	assert.Contains(t, judge(history.History{}, &course{}, nil).text(), "✘ there was no subscriber")
}

// The broker is killed twice, and one subscriber was not there between: of that order it has
// nothing, which nobody promised, and the digests differ.
func TestVerdictOfAnOrderMissed(t *testing.T) {
	lost := history.Message{Gap: history.Unknown}
	line := func(text string) history.Message { return history.Message{From: "p", Line: text} }
	v := &verdict{course: &course{}, history: history.History{Subscribers: []history.Subscriber{
		{Name: "s1", ToEnd: true, Received: []history.Message{line("a"), lost, line("b"), lost, line("c")}},
		{Name: "s2", ToEnd: true, Received: []history.Message{line("a"), lost, line("c")}},
	}}}
	for _, name := range []string{"s1", "s2"} {
		v.course.ends = append(v.course.ends, &ended{spec: &topology.Spec{Name: name, Role: topology.Subscriber}, end: topology.End{Code: 1}})
	}
	v.judgeLines()
	assert.Equal(t, warn, v.level())
	v.course.ends[0].end.Code, v.course.ends[1].end.Code = 0, 0
	v.judgeLines()
	assert.Equal(t, bad, v.level(), "without such an order it is a fault")
}
