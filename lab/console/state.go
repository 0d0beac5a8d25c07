package console

import (
	"math"
	"slices"
	"time"

	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// state is what the page shows, besides what it asks brokers for.
type state struct {
	Mode      string          `json:"mode"`
	Keep      bool            `json:"keep"`
	Pace      float64         `json:"pace"` // lines a second of each publisher
	Nodes     []nodeState     `json:"nodes"`
	Lines     int             `json:"lines"` // judged, and nothing was lost of them but what is counted
	Lost      int             `json:"lost"`
	Doubled   int             `json:"doubled"`
	Reordered int             `json:"reordered"`
	Invented  int             `json:"invented"`
	Other     int             `json:"other"`
	Unknown   int             `json:"unknown"`
	Faults    []string        `json:"faults"`
	Scenarios []scenarioState `json:"scenarios"`
	Running   string          `json:"running"` // key of the scenario that goes on; "": none
	Step      string          `json:"step"`
	Results   []result        `json:"results"` // the newest first
	NoCut     string          `json:"noCut"`
	Ending    bool            `json:"ending"`
	Verdict   *report.Verdict `json:"verdict"`
}

type nodeState struct {
	Name    string   `json:"name"`
	Role    string   `json:"role"`
	As      string   `json:"as"`    // a publisher's name at the broker
	State   string   `json:"state"` // running, frozen, cut or ended
	Text    string   `json:"text"`  // of the state, for people
	Failed  bool     `json:"failed"`
	Last    []string `json:"last"`    // last lines of one that failed
	Lines   int      `json:"lines"`   // sent or received
	Behind  int      `json:"behind"`  // positions that a subscriber is behind the others
	Silent  float64  `json:"silent"`  // seconds for which nothing has come, where something should
	Actions []string `json:"actions"` // possible now
	Breaks  []string `json:"breaks"`  // those of them that are faults
}

type scenarioState struct {
	Key    string `json:"key"`
	Title  string `json:"title"`
	About  string `json:"about"`
	Unable string `json:"unable"`
}

// state returns what there is to show.
func (c *Console) state() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	sums := c.tally.sums()
	s := state{
		Mode: c.config.Mode, Keep: c.keep, Pace: c.pace.now(), NoCut: c.config.NoCut, Ending: c.ending, Verdict: c.verdict,
		Lines: c.tally.Lines, Lost: sums.lost, Doubled: sums.doubled, Reordered: sums.reordered, Invented: sums.invented, Other: sums.other,
		Unknown: c.tally.Unknown, Faults: append([]string{}, c.tally.Faults...), Results: []result{},
	}
	for _, n := range c.nodes {
		s.Nodes = append(s.Nodes, c.nodeState(n))
	}
	for i := range scenarios {
		sc := &scenarios[i]
		s.Scenarios = append(s.Scenarios, scenarioState{sc.key, sc.title, sc.about, sc.unable(c)})
	}
	if c.scenario != nil {
		s.Running, s.Step = c.scenario.scenario.key, c.scenario.step
	}
	for _, t := range slices.Backward(c.tests) {
		s.Results = append(s.Results, t.result())
	}
	return s
}

func (c *Console) nodeState(n *node) nodeState {
	s := nodeState{Name: n.Spec.Name, Role: string(n.Spec.Role), State: "running", Text: "runs", Last: []string{}, Breaks: []string{}}
	switch {
	case n.ended && n.endErr != nil:
		s.State, s.Text, s.Failed = "ended", "ended, nobody knows how: "+n.endErr.Error(), true
	case n.ended && n.got != nil && n.got.told && n.end == (topology.End{Code: 1}):
		s.State, s.Text = "ended", n.end.String()+", because it cannot know what the lost history held"
	case n.ended:
		s.State, s.Text, s.Failed = "ended", n.end.String(), n.end.Failed()
	case n.frozen:
		s.State, s.Text = "frozen", "is frozen"
	case n.cut:
		s.State, s.Text = "cut", "is cut off from the network"
	case n.trouble != "":
		s.Text, s.Failed = n.trouble, true
	}
	if s.Failed {
		s.Last = append(s.Last, n.LastLines()...)
	}
	if n.sent != nil {
		s.As, s.Lines = n.sent.name, c.sentBy(n)
	}
	if n.got != nil {
		s.Lines = n.got.lines
		if !n.ended {
			s.Behind = c.behind(n)
		}
	}
	s.Silent = math.Round(c.silence(n, time.Time{}).Seconds())
	if !c.ending {
		for _, action := range c.actions(n) {
			s.Actions = append(s.Actions, action)
			if slices.Contains(faults, action) {
				s.Breaks = append(s.Breaks, action)
			}
		}
	}
	return s
}

// behind is how many positions a subscriber is behind the foremost. One that has not seen that a
// broker began anew is behind all of what came since.
func (c *Console) behind(n *node) int {
	first := n.got
	for _, s := range c.window.subs {
		if s.order > first.order || s.order == first.order && s.last > first.last {
			first = s
		}
	}
	if first.order > n.got.order {
		return int(first.last)
	}
	return int(first.last - n.got.last)
}

// isRole reports whether a node of that role may be added.
func isRole(role topology.Role) bool {
	return role == topology.Subscriber || role == topology.Publisher
}
