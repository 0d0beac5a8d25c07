package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/history"
	"pubsublab/lab/internal/spacetime"
	"pubsublab/lab/internal/term"
)

const (
	maxRows    = 1000 // lines whose way a page shows
	maxColumns = 8    // subscribers that have a column of their own
	maxText    = 400  // characters of a line that a page shows
	maxLanes   = 40   // nodes on the time line
)

//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var pageTemplate = template.Must(spacetime.Figures(template.New("page").Funcs(template.FuncMap{
	"clean":  spacetime.Clean,
	"lines":  term.VisibleLines,
	"style":  func() template.CSS { return spacetime.Style },
	"own":    func() template.CSS { return template.CSS(pageStyle) },
	"script": func() template.JS { return template.JS(pageScript) },
	"digest": func() string {
		sum := sha256.Sum256([]byte(pageScript))
		return base64.StdEncoding.EncodeToString(sum[:])
	},
})).Parse(pageSource))

// view is what the page shows.
type view struct {
	Run
	Mark    string
	Took    time.Duration
	Figures []figure
	Lanes   []lane
	Height  int
	Marks   []mark
	Columns []string // subscribers, unless there are too many
	Rows    []row
	All     int  // lines that anybody received
	Data    data // of the time line, for the script
}

// row is the way of one line.
type row struct {
	Pos         uint64
	At          time.Duration
	From, Topic string
	Text        string
	Cells       []cell
}

// cell says when one subscriber had a line, or how many had it.
type cell struct {
	Text  string
	Class string
}

// page makes report.html: one file that needs no other and no network.
func (r Run) page() ([]byte, error) {
	all, faults := r.travels(), r.faults()
	v := view{
		Run: r, Mark: map[string]string{"good": "✔", "warn": "▲", "bad": "✘"}[r.Verdict.Level], Took: r.since(r.Ended),
		Figures: r.figures(faults, all), All: len(all),
	}
	if len(r.Subscribers) <= maxColumns {
		for _, s := range r.Subscribers {
			v.Columns = append(v.Columns, s.Name)
		}
	} else {
		v.Columns = []string{"received by"}
	}
	focus := r.focus(faults)
	first, _ := slices.BinarySearchFunc(all, focus, func(t travel, at int64) int { return cmp.Compare(t.time, at) })
	from := max(0, min(first-maxRows/2, len(all)-maxRows))
	for _, t := range all[from:min(len(all), from+maxRows)] {
		v.Rows = append(v.Rows, r.row(t))
	}
	v.timeLine(all)
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, v)
	return b.Bytes(), err
}

// row tells the way of a line.
func (r *Run) row(t travel) row {
	made := row{Pos: t.pos, At: r.since(t.time), From: t.from, Topic: t.topic, Text: spacetime.Shorten(t.line, maxText)}
	had, wanted := 0, 0
	for i, s := range r.Subscribers {
		c := r.cell(s, t, t.arrivals[i])
		if c.Class != "not-for" {
			wanted++
		}
		if len(t.arrivals[i]) > 0 {
			had++
		}
		made.Cells = append(made.Cells, c)
	}
	if len(r.Subscribers) > maxColumns {
		made.Cells = []cell{{Text: fmt.Sprintf("%d of %d", had, wanted)}}
		if had < wanted {
			made.Cells[0].Class = "without"
		}
	}
	return made
}

// cell says when a subscriber had a line.
func (r *Run) cell(s history.Subscriber, t travel, arrivals []history.Message) cell {
	switch {
	case len(arrivals) == 0 && !history.Match(s.Filter, t.topic):
		return cell{"not for it", "not-for"}
	case len(arrivals) == 0:
		return cell{"–", "without"}
	case len(arrivals) > 1:
		return cell{fmt.Sprintf("%d times", len(arrivals)), "without"}
	case arrivals[0].Arrived == 0:
		return cell{"✔", ""}
	}
	late := time.Duration(max(0, arrivals[0].Arrived-t.time)) * time.Microsecond
	if late >= time.Second {
		return cell{fmt.Sprintf("%.1f s", late.Seconds()), "late"}
	}
	return cell{fmt.Sprintf("%.1f ms", float64(late)/float64(time.Millisecond)), ""}
}

// Headline is the verdict, or what there is where none was given.
func (v view) Headline() string { return cmp.Or(v.Verdict.Headline, "No verdict.") }

// Window says what of a large run is here; empty: all of it.
func (v view) Window() string {
	var parts []string
	if v.Cut != nil {
		parts = append(parts, fmt.Sprintf("The run was too large to keep. Kept is what got its place between %s and %s; %d messages were received in all.",
			spacetime.At(v.since(v.Cut.From)), spacetime.At(v.since(v.Cut.To)), v.Cut.Received))
	}
	if len(v.Rows) < v.All {
		parts = append(parts, fmt.Sprintf("This page shows %d of the %d lines, those around the first fault, or else the last ones. run.json has them all.", len(v.Rows), v.All))
	}
	return strings.Join(parts, " ")
}

// Since is a time of the run, counted from its beginning.
func (v view) Since(at int64) time.Duration { return v.since(at) }

// When says when the run began.
func (v view) When() string {
	return time.UnixMicro(v.Began).UTC().Format("2 January 2006, 15:04:05 UTC")
}

// Seconds is how long the run took.
func (v view) Seconds() string { return fmt.Sprintf("%.1f s", v.Took.Seconds()) }
