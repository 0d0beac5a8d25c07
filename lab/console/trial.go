package console

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

// A guess is what somebody thinks will happen.
type guess string

// The guesses there are; none is "".
const (
	nothing guess = "nothing" // nothing lost or doubled, and nobody else waits
	waits   guess = "waits"   // others wait, and nothing is lost or doubled
	lost    guess = "lost"
	doubled guess = "doubled"
)

var guesses = []guess{nothing, waits, lost, doubled}

// How long a trial goes on.
const (
	calm       = 3 * time.Second         // after all is as before
	deadTime   = 10 * time.Second        // where one stays away
	shortWait  = 1500 * time.Millisecond // which nobody calls waiting
	fewLines   = 2                       // lines that may be waited for at the pace of the scripts, likewise
	keptTrials = 20
)

// A trial is one fault: what was thought that would happen, and what did.
type trial struct {
	what  string
	row   guarantee
	guess guess
	nodes []*node // that are broken; others are watched
	began time.Time
	over  time.Time // zero: it goes on
	calm  time.Time // since when all is as before; zero: it is not

	before Tally
	after  Tally
	waited map[string]time.Duration // the longest silence of each, by name
	busy   bool                     // a scenario is at it
	failed string                   // why the scenario could not be played
}

// beginTrial begins one, and ends the one before. busy says that a scenario is at it. c.mu is held.
func (c *Console) beginTrial(what string, row guarantee, g guess, busy bool, nodes ...*node) *trial {
	c.tally, c.judged = c.window.check(), time.Now()
	t := &trial{what: what, row: row, guess: g, busy: busy, nodes: nodes, began: time.Now(), before: c.tally, after: c.tally,
		waited: map[string]time.Duration{}}
	if last := c.lastTrial(); last != nil && last.over.IsZero() {
		last.over = t.began
	}
	if c.tests = append(c.tests, t); len(c.tests) > keptTrials {
		c.tests = c.tests[1:]
	}
	return t
}

func (c *Console) lastTrial() *trial {
	if len(c.tests) == 0 {
		return nil
	}
	return c.tests[len(c.tests)-1]
}

// observe notes what happens in the trial that goes on.
func (c *Console) observe() {
	t := c.lastTrial()
	if t == nil || !t.over.IsZero() {
		return
	}
	t.after = c.tally
	normal := !t.busy
	for _, n := range c.nodes {
		if slices.Contains(t.nodes, n) {
			normal = normal && !n.frozen && !n.cut && !n.ended
		} else if waiting := c.silence(n, t.began); waiting > 0 {
			t.waited[n.as()] = max(t.waited[n.as()], waiting)
			normal = normal && time.Since(n.heard) < shortWait
		}
	}
	now := time.Now()
	switch {
	case !normal:
		t.calm = time.Time{}
	case t.calm.IsZero():
		t.calm = now
	}
	away := !t.busy && len(t.nodes) > 0 && !slices.ContainsFunc(t.nodes, func(n *node) bool { return !n.ended }) && now.Sub(t.began) > deadTime
	if away || !t.calm.IsZero() && now.Sub(t.calm) > calm && c.judged.After(t.calm) {
		t.over = now
	}
}

// silence is for how long no line of a publisher has arrived, or none at a subscriber, where that is
// longer than it takes; 0 otherwise.
func (c *Console) silence(n *node, since time.Time) time.Duration {
	client := n.got != nil || n.sent != nil && len(n.script) > 0
	if !client || n.ended || n.frozen || n.cut || c.pace.now() == 0 {
		return 0
	}
	if n.heard.After(since) {
		since = n.heard
	}
	normal := max(shortWait, time.Duration(fewLines*float64(time.Second)/c.pace.now()))
	if silent := time.Since(since); silent > normal {
		return silent
	}
	return 0
}

// A result is a trial for the page.
type result struct {
	What     string    `json:"what"`
	Failed   string    `json:"failed"` // why it could not be played
	Over     bool      `json:"over"`
	Ago      float64   `json:"ago"` // seconds since it began
	Guess    guess     `json:"guess"`
	Right    bool      `json:"right"`
	Outcome  []guess   `json:"outcome"`
	Lost     int       `json:"lost"`
	Doubled  int       `json:"doubled"`
	Waited   []string  `json:"waited"` // who, and for how long
	Other    int       `json:"other"`  // faults of other kinds
	Guaranty guarantee `json:"guarantee"`
}

// result is what has come out by now.
func (t *trial) result() result {
	r := result{What: t.what, Failed: t.failed, Over: !t.over.IsZero(), Ago: time.Since(t.began).Seconds(), Guess: t.guess, Guaranty: t.row}
	before, after := t.before.sums(), t.after.sums()
	r.Lost, r.Doubled = max(0, after.lost-before.lost), max(0, after.doubled-before.doubled)
	r.Other = max(0, after.reordered+after.invented+after.other-before.reordered-before.invented-before.other)
	for _, name := range slices.Sorted(maps.Keys(t.waited)) {
		r.Waited = append(r.Waited, fmt.Sprintf("%s (%.1f s)", name, t.waited[name].Seconds()))
	}
	if r.Lost > 0 {
		r.Outcome = append(r.Outcome, lost)
	}
	if r.Doubled > 0 {
		r.Outcome = append(r.Outcome, doubled)
	}
	if len(t.waited) > 0 && len(r.Outcome) == 0 {
		r.Outcome = append(r.Outcome, waits)
	}
	if len(r.Outcome) == 0 {
		r.Outcome = append(r.Outcome, nothing)
	}
	r.Right = slices.Contains(r.Outcome, t.guess)
	return r
}

// sums are the numbers of a tally under the names of the page.
type sums struct{ lost, doubled, reordered, invented, other int }

func (t *Tally) sums() (s sums) {
	s.lost, s.doubled = t.Lost, t.Again
	for kind, n := range t.Counts {
		switch kind {
		case history.Lost, history.Hole:
			s.lost += n
		case history.Duplicated:
			s.doubled += n
		case history.Reordered, history.Disagreement:
			s.reordered += n
		case history.Invented, history.Altered, history.Misattributed, history.Misfiltered:
			s.invented += n
		default:
			s.other += n
		}
	}
	return s
}

// whatHappens names the trial of an action.
func whatHappens(n *node, action string) string {
	verb := map[string]string{kill: "is killed", freeze: "is frozen", cut: "is cut off from the network"}[action]
	if n.Spec.Role == topology.Broker {
		return "The broker " + n.Spec.Name + " " + verb
	}
	return n.Spec.Name + " " + verb
}
