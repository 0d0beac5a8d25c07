package spacetime

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Measures of a diagram, in pixels.
const (
	gutter     = 62  // for the times, at the left
	first      = 88  // where the first lifeline is
	margin     = 84  // from the last one to the edge
	paperWidth = 860 // what the lifelines are spread over, as far as it goes
	nearest    = 160 // least distance of two lifelines
	farthest   = 400 // greatest distance of two lifelines
	headHeight = 46
	stepHeight = 36
	gapHeight  = 26
	glyph      = 7 // width of a character
)

// longestParticipant is how many characters of a participant's name are shown.
const longestParticipant = 24

// longWait is the time between two steps from which on a gap is shown.
const longWait = 500 * time.Millisecond

// A diagram is a space-time diagram of a slice: a lifeline for each participant,
// time downwards. The steps stand at equal distances, since a wait of seconds
// and a message's microseconds do not fit one scale; long waits are marked.
type diagram struct {
	Width, Height int
	Lanes         []*lane
	Rows          []drawn
	Gaps          []gap
}

// lane is the lifeline of a participant.
type lane struct {
	Name, Short    string
	X, Top, Bottom int
}

// drawn is a step as it is drawn: an arrow, a mark on a lifeline, or a remark.
type drawn struct {
	Kind     Kind
	Y        int
	Time     string // empty where it is that of the step before
	Sentence string // all of it
	Text     string // as much of it as there is room for
	TextX    int
	Anchor   string // "start", "middle" or "end", of the text
	Arrow    bool
	Mark     bool // on a lifeline
	X1, X2   int  // from where to where; the same for a mark
	HeadX    int  // where the arrow's head begins
}

// gap is a wait between two steps.
type gap struct {
	Y    int
	Text string
}

func newDiagram(slice []Step) *diagram {
	d := &diagram{Lanes: lanes(slice)}
	step := 0
	d.Width = paperWidth
	if n := len(d.Lanes); n > 1 {
		step = min(max((paperWidth-first-margin)/(n-1), nearest), farthest)
		d.Width = first + margin + step*(n-1)
	}
	for i, l := range d.Lanes {
		l.X, l.Top = first+i*step, headHeight
		l.Short = Shorten(l.Name, longestParticipant)
	}
	y := headHeight
	for i, s := range slice {
		if i > 0 && s.At-slice[i-1].At >= longWait {
			d.Gaps = append(d.Gaps, gap{y + gapHeight/2 + 4, fmt.Sprintf("+ %.1f s", (s.At - slice[i-1].At).Seconds())})
			y += gapHeight
		}
		y += stepHeight
		row := d.draw(s, y)
		if i == 0 || At(s.At) != At(slice[i-1].At) {
			row.Time = At(s.At)
		}
		d.Rows = append(d.Rows, row)
	}
	d.Height = y + stepHeight/2
	d.endLanes(slice)
	return d
}

// lanes returns the participants in the order in which a message passes them:
// publishers, servers, and the others.
func lanes(slice []Step) []*lane {
	var found []*lane
	for _, s := range slice {
		for _, name := range []string{s.From, s.To} {
			if name != "" && !slices.ContainsFunc(found, func(l *lane) bool { return l.Name == Clean(name) }) {
				found = append(found, &lane{Name: Clean(name)})
			}
		}
	}
	place := func(name string) int {
		switch {
		case strings.Contains(name, "publisher"):
			return 0
		case strings.HasPrefix(name, "server"), strings.HasPrefix(name, "broker"):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(found, func(a, b *lane) int { // "publisher 2" before "publisher 10"
		return cmp.Or(place(a.Name)-place(b.Name), len(a.Name)-len(b.Name), cmp.Compare(a.Name, b.Name))
	})
	return found
}

// lane returns the place of a participant among the lanes, or -1.
func (d *diagram) lane(name string) int {
	return slices.IndexFunc(d.Lanes, func(l *lane) bool { return l.Name == Clean(name) })
}

// draw places a step at the height y.
func (d *diagram) draw(s Step, y int) drawn {
	row := drawn{Kind: s.Kind, Y: y, Sentence: Sentence(s)}
	from, to := d.lane(s.From), d.lane(s.To)
	room := 0
	switch {
	case from >= 0 && to >= 0 && from != to:
		row.Arrow = true
		row.X1, row.X2 = d.Lanes[from].X, d.Lanes[to].X
		row.HeadX = row.X2 - 8
		if to < from {
			row.HeadX = row.X2 + 8
		}
		row.TextX, row.Anchor = (row.X1+row.X2)/2, "middle"
		room = max(row.X1-row.X2, row.X2-row.X1) - 24
	case from >= 0:
		row.Mark = s.Kind != Notes
		row.X1, row.X2 = d.Lanes[from].X, d.Lanes[from].X
		row.TextX, row.Anchor = row.X1+12, "start"
		room = d.Width - row.X1 - 24
		if left := row.X1 - gutter - 24; left > room {
			row.TextX, row.Anchor, room = row.X1-12, "end", left
		}
	default:
		row.TextX, row.Anchor = (gutter+d.Width)/2, "middle"
		room = d.Width - gutter - 24
	}
	row.Text = caption(s, room/glyph)
	return row
}

// caption is what is written at a step, in at most n characters.
func caption(s Step, n int) string {
	verb := map[Kind]string{
		Connects: "connects", Closes: "closes", Resets: "resets",
		Missing: "missing:", Wrong: "wrong:", Prints: "prints", Exits: "ends",
	}[s.Kind]
	data := payload(s)
	if lines := slices.Collect(strings.Lines(string(s.Data))); s.Kind == Prints && len(lines) > 1 {
		verb, data = "prints …", quote(lines[len(lines)-1]) // the last line of a stack trace says what went wrong
	}
	if verb == "" || data == "" {
		return Shorten(verb+data, n)
	}
	return verb + " " + Shorten(data, max(n-utf8.RuneCountInString(verb)-1, 3))
}

// endLanes lets the lifeline of who ended and did not come back end there. That
// its connections are closed then is not its doing.
func (d *diagram) endLanes(slice []Step) {
	for _, l := range d.Lanes {
		l.Bottom = d.Height
		for i, s := range slice {
			concerned := Clean(s.From) == l.Name || Clean(s.To) == l.Name
			if !concerned || s.Kind == Closes || s.Kind == Resets || s.Kind == Notes {
				continue
			}
			l.Bottom = d.Height
			if s.Kind == Exits {
				l.Bottom = d.Rows[i].Y
			}
		}
	}
}
