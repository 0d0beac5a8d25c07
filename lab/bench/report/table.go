// Package report shows what was measured: as a table for a terminal, as Markdown, and as one HTML
// file with plots.
package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"

	"pubsublab/lab/bench"
)

// line is one line of the table: one metric of one workload.
type line struct {
	Title   string
	Cells   []cell // one for each peer
	First   bool   // of its section
	Section string
}

// nothing stands where the peer cannot do the workload, or the metric is not its.
const nothing = "–"

// cell is one peer's value.
type cell struct {
	Value, Range string
	Ratio        string // how many times better our broker is
	Problem      string
	Ours         bool
}

// section is a part of the table.
type section struct {
	title string
	kinds []bench.Kind
	lines []sectionLine
}

// sectionLine is what each workload of a section has a line of.
type sectionLine struct {
	metric bench.Metric
	suffix string
}

var sections = []section{
	{"acknowledged lines/s", []bench.Kind{bench.Acknowledged, bench.OneByOne}, []sectionLine{{bench.Acks, ""}}},
	{"deliveries/s", []bench.Kind{bench.Throughput, bench.History, bench.Shared}, []sectionLine{{bench.Rate, ""}}},
	{"broker CPU per delivery", []bench.Kind{bench.Throughput, bench.History, bench.Acknowledged, bench.Shared}, []sectionLine{{bench.CPU, ""}}},
	{"CPU of all NATS servers per line", []bench.Kind{bench.Acknowledged, bench.Shared}, []sectionLine{{bench.StreamCPU, ""}}},
	{"bytes read by all brokers per line", []bench.Kind{bench.Acknowledged, bench.Shared}, []sectionLine{{bench.Read, ""}}},
	{"latency", []bench.Kind{bench.Latency}, []sectionLine{{bench.P50, ", p50"}, {bench.P99, ", p99"}, {bench.P999, ", p99.9"}}},
	{"until an acknowledgement", []bench.Kind{bench.OneByOne}, []sectionLine{{bench.P50, ", p50"}, {bench.P99, ", p99"}}},
	{"recovery", []bench.Kind{bench.Recovery}, []sectionLine{{bench.Recover, ""}}},
	{"resident memory for each of", []bench.Kind{bench.Memory}, []sectionLine{{bench.Resident, ""}}},
}

// lines makes the table's lines out of a report.
func lines(r *bench.Report) (all []line) {
	for _, s := range sections {
		first := true
		for _, w := range r.Workloads {
			if !slices.Contains(s.kinds, w.Kind) {
				continue
			}
			for _, of := range s.lines {
				l := line{Section: s.title, First: first, Title: w.Title + of.suffix}
				ours := r.Row(w.Name, "lab")
				for _, p := range r.Peers {
					l.Cells = append(l.Cells, newCell(r.Row(w.Name, p.Key), ours, of.metric))
				}
				if slices.ContainsFunc(l.Cells, func(c cell) bool { return c.Value != nothing }) {
					all, first = append(all, l), false
				}
			}
		}
	}
	return all
}

func newCell(row, ours *bench.Row, metric bench.Metric) cell {
	if row == nil {
		return cell{Value: nothing}
	}
	spread, ok := row.Spread(metric)
	if !ok && row.Problem == "" {
		return cell{Value: nothing}
	}
	if !ok {
		return cell{Value: "✘", Problem: row.Problem}
	}
	c := cell{Value: format(metric, spread.Median), Range: format(metric, spread.Min) + " – " + format(metric, spread.Max)}
	if c.Ours = row == ours; c.Ours {
		return c
	}
	if mine, ok := ours.Spread(metric); ok {
		ratio := spread.Median / mine.Median
		if metric == bench.Rate || metric == bench.Acks {
			ratio = 1 / ratio
		}
		c.Ratio = times(ratio)
	}
	return c
}

// times writes a ratio; nothing where it means nothing.
func times(ratio float64) string {
	switch {
	case math.IsNaN(ratio) || math.IsInf(ratio, 0) || ratio <= 0:
		return ""
	case ratio >= 10:
		return fmt.Sprintf("%.0f×", ratio)
	case ratio >= 1:
		return fmt.Sprintf("%.1f×", ratio)
	}
	return fmt.Sprintf("%.2f×", ratio)
}

// format writes a value with three digits and its unit.
func format(metric bench.Metric, x float64) string {
	switch metric {
	case bench.Rate, bench.Acks:
		value, prefix := humanize.ComputeSI(x)
		return strings.TrimSpace(three(value) + " " + prefix)
	case bench.CPU, bench.StreamCPU:
		if x >= 1000 {
			return three(x/1000) + " µs"
		}
		return three(x) + " ns"
	case bench.Read:
		return three(x) + " B"
	case bench.Resident:
		return three(x/1024) + " KB"
	}
	switch {
	case x >= 1e6:
		return three(x/1e6) + " s"
	case x >= 1000:
		return three(x/1000) + " ms"
	}
	return three(x) + " µs"
}

func three(x float64) string {
	switch {
	case math.Abs(x) >= 100:
		return fmt.Sprintf("%.0f", x)
	case math.Abs(x) >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// Text prints the table, the targets, and what went wrong.
func Text(out io.Writer, r *bench.Report) { write(out, r, false) }

// Markdown prints the same for a document.
func Markdown(out io.Writer, r *bench.Report) { write(out, r, true) }

func write(out io.Writer, r *bench.Report, markdown bool) {
	render := func(t table.Writer) {
		t.SetStyle(table.StyleLight)
		t.Style().Format.Header = 0
		if markdown {
			fmt.Fprintf(out, "%s\n\n", t.RenderMarkdown())
		} else {
			fmt.Fprintf(out, "%s\n\n", t.Render())
		}
	}
	render(measured(r, markdown))
	fmt.Fprintln(out, legend(r)+"\n")
	if warning := r.Machine.Warning(); warning != "" {
		fmt.Fprintln(out, "▲ "+warning+"\n")
	}
	if len(r.Verdicts) > 0 {
		render(judged(r))
	}
	if len(r.Constants) > 0 {
		render(calculated(r))
	}
	for _, problem := range problems(r) {
		fmt.Fprintln(out, "✘ "+problem)
	}
	for _, m := range r.Missing {
		fmt.Fprintln(out, "Not compared: "+m)
	}
	fmt.Fprintf(out, "%s. Measured on %s in %s.\n", versions(r), r.Machine, time.Duration(r.Took*float64(time.Second)).Round(time.Second))
}

func measured(r *bench.Report, markdown bool) table.Writer {
	t := table.NewWriter()
	header := table.Row{""}
	for _, p := range r.Peers {
		header = append(header, p.Title)
	}
	t.AppendHeader(header)
	for _, l := range lines(r) {
		if l.First {
			title := l.Section
			if markdown {
				title = "**" + title + "**"
			} else {
				t.AppendSeparator()
			}
			t.AppendRow(table.Row{title})
		}
		row := table.Row{l.Title}
		for _, c := range l.Cells {
			text := c.Value
			if c.Ratio != "" {
				text += " (" + c.Ratio + ")"
			}
			if markdown && c.Range != "" {
				text += "<br><sub>" + c.Range + "</sub>"
			}
			row = append(row, text)
		}
		t.AppendRow(row)
	}
	return t
}

func judged(r *bench.Report) table.Writer {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"", "target", "wanted", "measured"})
	for _, v := range r.Verdicts {
		t.AppendRow(table.Row{sign(v.Met), v.What, v.Want, v.Got})
	}
	return t
}

func calculated(r *bench.Report) table.Writer {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"to calculate with", ""})
	for _, c := range r.Constants {
		t.AppendRow(table.Row{c.What, format(c.Metric, c.Is)})
	}
	return t
}

func sign(met bool) string {
	if met {
		return "✔"
	}
	return "✘"
}

// problems are the rows that have no result.
func problems(r *bench.Report) (all []string) {
	for _, row := range r.Rows {
		if row.Problem != "" {
			all = append(all, fmt.Sprintf("%s, %s: %s", row.Workload, row.Peer, row.Problem))
		}
	}
	return all
}

func legend(r *bench.Report) string {
	text := fmt.Sprintf("Medians of %d.", r.Rounds)
	if ours := r.Peers[0]; ours.Key == "lab" && len(r.Peers) > 1 {
		text += " In brackets, how many times better " + ours.Title + " is."
	}
	return text
}

// versions says what was compared.
func versions(r *bench.Report) string {
	var all []string
	for _, p := range r.Peers {
		if !p.Limit {
			all = append(all, p.Title+" "+p.Version)
		}
	}
	return strings.Join(all, ", ")
}
