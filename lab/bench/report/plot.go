package report

import (
	"bytes"
	"html/template"
	"image/color"
	"math"
	"regexp"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"pubsublab/lab/bench"
)

// colours of the peers can be told apart by most colour-blind people, on white and on black.
var colours = map[string]color.RGBA{
	"lab":        {0xe6, 0x9f, 0x00, 0xff},
	"nats":       {0x1c, 0x8f, 0xd4, 0xff},
	"jetstream":  {0x1c, 0x8f, 0xd4, 0xff},
	"streams":    {0xd5, 0x5e, 0x00, 0xff},
	"memory":     {0xb5, 0x6b, 0x9b, 0xff},
	"disk":       {0x74, 0x80, 0x8c, 0xff},
	"redis":      {0xd5, 0x5e, 0x00, 0xff},
	"mosquitto":  {0xb5, 0x6b, 0x9b, 0xff},
	"relay":      {0x74, 0x80, 0x8c, 0xff},
	"kernel":     {0xb5, 0xaa, 0x8f, 0xff},
	"centrifugo": {0x1c, 0x8f, 0xd4, 0xff},
}

func newPlot(xLabel, yLabel string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	p.X.Label.Text, p.Y.Label.Text = xLabel, yLabel
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 11}
		axis.Tick.Label.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 10}
	}
	return p
}

// fixed are what the plotting library says about sizes and colours that the page decides better.
var fixed = regexp.MustCompile(`(?s)^.*?<svg width="[^"]*" height="[^"]*"`)

// svg draws a plot so that it takes the page's width and colour of text.
func svg(p *plot.Plot, width, height vg.Length) (template.HTML, error) {
	canvas := vgsvg.New(width, height)
	p.Draw(draw.New(canvas))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return "", err
	}
	text := fixed.ReplaceAll(out.Bytes(), []byte("<svg"))
	text = bytes.ReplaceAll(text, []byte("fill:#000000"), []byte("fill:currentColor"))
	text = bytes.ReplaceAll(text, []byte("stroke:#000000"), []byte("stroke:currentColor"))
	return template.HTML(text), nil
}

// point is one value with its spread.
type point struct {
	x      float64
	spread bench.Spread
}

// points draw themselves with error bars.
type points []point

func (p points) Len() int                { return len(p) }
func (p points) XY(i int) (x, y float64) { return p[i].x, p[i].spread.Median }
func (p points) YError(i int) (low, up float64) {
	s := p[i].spread
	return s.Median - s.Min, s.Max - s.Median
}

// bars draws one workload's rates, of which metric is one: a bar for each peer, the best known
// limit at the bottom.
func bars(r *bench.Report, w bench.Workload, metric bench.Metric) (template.HTML, error) {
	p := newPlot("million "+string(metric), "")
	var names []string
	for _, peer := range slices.Backward(r.Peers) {
		spread, ok := r.Row(w.Name, peer.Key).Spread(metric)
		if !ok {
			continue
		}
		at := float64(len(names))
		bar, err := plotter.NewBarChart(plotter.Values{spread.Median / 1e6}, 14)
		if err != nil {
			return "", err
		}
		bar.Horizontal, bar.XMin, bar.Color, bar.LineStyle.Width = true, at, colours[peer.Key], 0
		whisker, err := plotter.NewXErrorBars(across{{at, bench.Spread{Median: spread.Median / 1e6, Min: spread.Min / 1e6, Max: spread.Max / 1e6}}})
		if err != nil {
			return "", err
		}
		p.Add(bar, whisker)
		names = append(names, peer.Title)
	}
	if len(names) == 0 {
		return "", nil
	}
	p.NominalY(names...)
	p.X.Min, p.X.Max = 0, 1.06*p.X.Max // room for the last label
	p.Y.Min, p.Y.Max = -0.6, float64(len(names))-0.4
	return svg(p, 12*vg.Centimeter, vg.Length(2+0.72*float64(len(names)))*vg.Centimeter)
}

// across is points the other way round.
type across []point

func (a across) Len() int                       { return len(a) }
func (a across) XY(i int) (x, y float64)        { return a[i].spread.Median, a[i].x }
func (a across) XError(i int) (low, up float64) { return points(a).YError(i) }

// curves draws one line for each peer; at says where its points are.
func curves(r *bench.Report, p *plot.Plot, at func(peer string) points) (template.HTML, error) {
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	p.Add(faintGrid())
	drawn := 0
	for _, peer := range r.Peers {
		all := at(peer.Key)
		if len(all) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(all)
		if err != nil {
			return "", err
		}
		line.Color, line.Width = colours[peer.Key], 2
		dots.Color, dots.Shape, dots.Radius = colours[peer.Key], draw.CircleGlyph{}, 3
		whiskers, err := plotter.NewYErrorBars(all)
		if err != nil {
			return "", err
		}
		whiskers.Color = colours[peer.Key]
		p.Add(line, dots, whiskers)
		drawn++
	}
	if drawn == 0 {
		return "", nil
	}
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		if axis.Min == axis.Max { // the library would take one off: of 1 that leaves 0, which has no logarithm
			axis.Min, axis.Max = axis.Min/2, axis.Max*2
		}
	}
	return svg(p, 15*vg.Centimeter, 9*vg.Centimeter)
}

func faintGrid() *plotter.Grid {
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = color.RGBA{0x8c, 0x8c, 0x8c, 0x50}
	return grid
}

// percentiles draws the latencies at one rate.
func percentiles(r *bench.Report, w bench.Workload) (template.HTML, error) {
	metrics := []bench.Metric{bench.P50, bench.P99, bench.P999}
	p := newPlot("percentile", "µs")
	p.X.Tick.Marker = plot.ConstantTicks{{Value: 0, Label: "50"}, {Value: 1, Label: "99"}, {Value: 2, Label: "99.9"}}
	p.X.Min, p.X.Max = -0.2, 2.2
	return curves(r, p, func(peer string) (all points) {
		for i, metric := range metrics {
			if spread, ok := r.Row(w.Name, peer).Spread(metric); ok {
				all = append(all, point{float64(i), positive(spread)})
			}
		}
		return all
	})
}

// growth draws a metric by the number of subscribers, for the workloads with one publisher.
func growth(r *bench.Report, metric bench.Metric, label string) (template.HTML, error) {
	p := newPlot("subscribers", label)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	return curves(r, p, func(peer string) (all points) {
		for _, w := range r.Workloads {
			if w.Kind != bench.Throughput || w.Publishers != 1 || w.Size != 64 {
				continue
			}
			if spread, ok := r.Row(w.Name, peer).Spread(metric); ok {
				all = append(all, point{float64(w.Subscribers), positive(spread)})
			}
		}
		slices.SortFunc(all, func(a, b point) int { return int(a.x - b.x) })
		return all
	})
}

// positive makes a spread fit for a logarithmic scale: the clock of CPU time ticks slowly, so a
// short run may cost nothing.
func positive(s bench.Spread) bench.Spread {
	return bench.Spread{Median: max(s.Median, 1), Min: max(s.Min, 1), Max: max(s.Max, 1)}
}

// decades labels a logarithmic scale at 1, 10, 100 ... and marks 2 to 9 between.
type decades struct{}

func (decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for decade := math.Pow(10, math.Floor(math.Log10(low))); 0 < decade && decade <= high; decade *= 10 {
		for i := 1.0; i < 10; i++ {
			tick := plot.Tick{Value: i * decade}
			if i == 1 {
				tick.Label = label(decade)
			}
			if tick.Value >= low && tick.Value <= high {
				ticks = append(ticks, tick)
			}
		}
	}
	return ticks
}

func label(x float64) string {
	switch {
	case x >= 1e6:
		return strconv.FormatFloat(x/1e6, 'g', 3, 64) + " M"
	case x >= 1e3:
		return strconv.FormatFloat(x/1e3, 'g', 3, 64) + " k"
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
