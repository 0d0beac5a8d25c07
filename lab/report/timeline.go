package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pubsublab/lab/internal/spacetime"
)

// Measures of the time line, in pixels.
const (
	lineLeft   = 130 // where the time begins
	lineWidth  = 860 // where it ends
	lineTop    = 34  // below the numbers of the faults
	laneHeight = 22
	tick       = 4 // half the height of one
)

// A lane is a node's life on the time line.
type lane struct {
	Name, Short string
	Role        string
	Y           int
	Lives       []life
	Ticks       string // the path of its lines: sent, or received
}

// A life is from when to when a node ran, in pixels.
type life struct{ X1, X2 string }

// A mark is a fault on the time line.
type mark struct {
	X      string
	Number int
	Text   string
}

// data is what the script knows.
type data struct {
	Took  int    `json:"took"`
	Left  int    `json:"left"`
	Width int    `json:"width"`
	Nodes []node `json:"nodes"`
}

// node is what the script knows of a node. Times are milliseconds since the beginning.
type node struct {
	Name  string    `json:"name"`
	Does  string    `json:"does"` // "sent" or "received"; empty: neither
	Lines []int     `json:"lines"`
	Lives [][2]int  `json:"lives"`
	Told  []toldNow `json:"told"`
}

// toldNow is what happened to a node, and when.
type toldNow struct {
	At   int    `json:"at"`
	Text string `json:"text"`
	Bad  bool   `json:"bad"`
}

// timeLine fills in the time line.
func (v *view) timeLine(all []travel) {
	d := data{Took: max(1, v.millis(v.Ended)), Left: lineLeft, Width: lineWidth, Nodes: []node{}}
	for i, n := range v.Nodes[:min(len(v.Nodes), maxLanes)] {
		l := lane{Name: n.Name, Short: spacetime.Shorten(spacetime.Clean(n.Name), 17), Role: n.Role, Y: lineTop + i*laneHeight + laneHeight/2}
		times := v.times(n, all)
		l.Ticks = v.ticks(times, l.Y)
		made := node{Name: spacetime.Clean(n.Name), Does: map[string]string{"publisher": "sent", "subscriber": "received"}[n.Role], Lines: []int{}, Told: []toldNow{}}
		for _, at := range times {
			made.Lines = append(made.Lines, v.millis(at))
		}
		for _, span := range v.lives(n.Name) {
			l.Lives = append(l.Lives, life{v.x(span[0]), v.x(span[1])})
			made.Lives = append(made.Lives, [2]int{v.millis(span[0]), v.millis(span[1])})
		}
		for _, e := range v.Events {
			if e.Node == n.Name {
				made.Told = append(made.Told, toldNow{v.millis(e.At), spacetime.Clean(e.Text), e.fault()})
			}
		}
		v.Lanes = append(v.Lanes, l)
		d.Nodes = append(d.Nodes, made)
	}
	v.Height = lineTop + len(v.Lanes)*laneHeight + 24
	for _, f := range v.Figures {
		v.Marks = append(v.Marks, mark{v.x(v.Began + f.At.Microseconds()), f.Number, strings.Join(f.Titles, "; ")})
	}
	v.Data = d
}

// times are when a node's lines got their places, or when they arrived at it, in order.
func (v *view) times(n Node, all []travel) (times []int64) {
	if n.Role == "publisher" {
		for _, t := range all {
			if t.from == n.As {
				times = append(times, t.time)
			}
		}
	}
	for _, s := range v.Subscribers {
		if s.Name == n.Name {
			for _, m := range s.Received {
				if m.Gap == 0 {
					times = append(times, seen(m))
				}
			}
		}
	}
	slices.Sort(times)
	return times
}

// ticks is a path with a mark for each time, one for those that fall together.
func (v *view) ticks(times []int64, y int) string {
	var b strings.Builder
	last := ""
	for _, at := range times {
		if x := v.x(at); x != last {
			fmt.Fprintf(&b, "M%s %dv%d", x, y-tick, 2*tick)
			last = x
		}
	}
	return b.String()
}

// lives are from when to when a node ran.
func (v *view) lives(name string) (spans [][2]int64) {
	events := slices.DeleteFunc(slices.Clone(v.Events), func(e Event) bool {
		return e.Node != name || e.Kind != End && e.Kind != Died && e.Kind != Back
	})
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	from, runs := v.Began, true
	for _, e := range events {
		switch {
		case e.Kind == Back:
			from, runs = e.At, true
		case runs:
			spans, runs = append(spans, [2]int64{from, e.At}), false
		}
	}
	if runs {
		spans = append(spans, [2]int64{from, v.Ended + 1000}) // it runs at the very end, too
	}
	return spans
}

// x is where a time is on the time line.
func (v *view) x(at int64) string {
	share := float64(at-v.Began) / float64(max(1, v.Ended-v.Began))
	return fmt.Sprintf("%.1f", lineLeft+min(max(share, 0), 1)*(lineWidth-lineLeft))
}

func (v *view) millis(at int64) int { return int(v.since(at).Milliseconds()) }
