package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"pubsublab/lab/bench"
)

//go:embed report.html.tmpl
var page string

// figure is one plot.
type figure struct {
	Title string
	Plot  template.HTML
}

// hue is what a peer looks like in plots.
type hue struct{ Title, Colour string }

// view is what the page shows.
type view struct {
	*bench.Report
	Versions, Legend           string
	Took                       time.Duration
	Lines                      []line
	Problems                   []string
	Key                        []hue
	Acknowledged               []figure
	Throughput, Latency, Scale []figure
}

// HTML writes one page that needs nothing else.
func HTML(out io.Writer, r *bench.Report) error {
	parsed, err := template.New("report").Funcs(template.FuncMap{"format": format}).Parse(page)
	if err != nil {
		return err
	}
	v := view{
		Report: r, Versions: versions(r), Legend: legend(r), Lines: lines(r), Problems: problems(r),
		Took: time.Duration(r.Took * float64(time.Second)).Round(time.Second),
	}
	for _, p := range r.Peers {
		c := colours[p.Key]
		v.Key = append(v.Key, hue{p.Title, fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)})
	}
	add := func(to *[]figure, title string, plot template.HTML, failed error) {
		if failed != nil {
			err = failed
		} else if plot != "" {
			*to = append(*to, figure{title, plot})
		}
	}
	for _, w := range r.Workloads {
		switch w.Kind {
		case bench.Throughput, bench.History:
			plot, failed := bars(r, w, bench.Rate)
			add(&v.Throughput, w.Title, plot, failed)
		case bench.Acknowledged, bench.OneByOne:
			plot, failed := bars(r, w, bench.Acks)
			add(&v.Acknowledged, w.Title, plot, failed)
		case bench.Latency:
			plot, failed := percentiles(r, w)
			add(&v.Latency, w.Title, plot, failed)
		}
	}
	for _, g := range []struct {
		title, label string
		metric       bench.Metric
	}{
		{"deliveries/s, 1 publisher, 64-byte lines", "deliveries/s", bench.Rate},
		{"broker CPU per delivery, 1 publisher, 64-byte lines", "ns", bench.CPU},
	} {
		plot, failed := growth(r, g.metric, g.label)
		add(&v.Scale, g.title, plot, failed)
	}
	if err != nil {
		return err
	}
	return parsed.Execute(out, v)
}
