package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize/english"
	"github.com/fatih/color"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

// digits is how many digits of a digest are shown.
const digits = 16

// way is the order in which a line passes the nodes, and in which they are listed.
var way = []topology.Role{topology.Publisher, topology.Broker, topology.Stream, topology.Subscriber}

// A verdict says what a finished demo has shown.
type verdict struct {
	report history.Report
	rows   []string // one for each node, its cells separated by tabs
	wrong  []string // what is wrong beside the report
	guests int      // lines of publishers that are not of the topology
}

func (v *verdict) ok() bool { return v.report.OK() && len(v.wrong) == 0 }

// ended is a node and the exit code with which it ended.
type ended struct {
	spec *topology.Spec
	code int
}

// judge compares what was sent with what was received, and the nodes' exit codes with what they should be.
func judge(h history.History, nodes []ended) *verdict {
	v := &verdict{}
	v.setGuestsAside(&h)
	v.report = history.Check(h)
	if len(h.Subscribers) == 0 {
		v.wrong = append(v.wrong, "there was no subscriber")
	}
	digests := map[string]string{} // by filter
	differ := false
	for _, s := range h.Subscribers {
		digest := history.Digest(s.Received)
		if other, ok := digests[s.Filter]; ok && other != digest {
			differ = true
		}
		digests[s.Filter] = digest
	}
	if differ {
		v.wrong = append(v.wrong, "the digests of the subscribers differ")
	}
	slices.SortStableFunc(nodes, func(a, b ended) int { return slices.Index(way, a.spec.Role) - slices.Index(way, b.spec.Role) })
	for _, n := range nodes {
		if n.code != 0 {
			v.wrong = append(v.wrong, fmt.Sprintf("%s ended with exit code %d", n.spec.Name, n.code))
		}
		v.rows = append(v.rows, fmt.Sprintf("%s\t%s\texit code %d", n.spec.Name, what(n.spec, h, v.report), n.code))
	}
	return v
}

// setGuestsAside takes the lines of publishers that joined from outside out of the history: nothing is known of what
// they sent.
func (v *verdict) setGuestsAside(h *history.History) {
	known := map[string]bool{}
	for _, p := range h.Publishers {
		known[p.Name] = true
	}
	for i, s := range h.Subscribers {
		own := slices.DeleteFunc(slices.Clone(s.Received), func(m history.Message) bool { return m.Gap == 0 && !known[m.From] })
		v.guests = max(v.guests, len(s.Received)-len(own))
		h.Subscribers[i].Received = own
	}
}

// what tells in a few words what a node did.
func what(s *topology.Spec, h history.History, r history.Report) string {
	switch s.Role {
	case topology.Publisher:
		name, _ := s.Flag("name")
		for _, p := range h.Publishers {
			if p.Name == name {
				return fmt.Sprintf("sent %d lines as %s\t", len(p.Sent), name)
			}
		}
	case topology.Subscriber:
		for i, sub := range h.Subscribers {
			if sub.Name == s.Name {
				return fmt.Sprintf("received %d of %d lines, %s\tSHA-256 %s…", r.Subscribers[i].Lines, r.Lines, s.Format(),
					history.Digest(sub.Received)[:digits])
			}
		}
	}
	if s.Role == topology.Stream {
		return "kept the stream\t"
	}
	return "passed them on\t"
}

// print shows the verdict and what it rests on.
func (v *verdict) print(out io.Writer, how string) {
	headline := color.New(color.FgGreen, color.Bold).Sprint("✔ Every subscriber received every line, in one order.")
	if !v.ok() {
		headline = color.New(color.FgRed, color.Bold).Sprint("✘ Not everything is right.")
	}
	fmt.Fprintf(out, "\n%s\n\n", headline)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, row := range v.rows {
		fmt.Fprintf(table, "  %s\n", row)
	}
	table.Flush()
	fmt.Fprintln(out)
	for _, text := range v.wrong {
		fmt.Fprintf(out, "  ✘ %s\n", text)
	}
	if v.ok() {
		fmt.Fprintln(out, "  Scripts compared with transcripts, line by line: nothing lost, doubled, reordered, altered")
		fmt.Fprintln(out, "  or invented, the same order and the same digest for all, and every node ended well.")
	} else {
		fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(escapeLines(v.report.String()), "\n", "\n  "))
	}
	if v.guests > 0 {
		fmt.Fprintf(out, "  Not judged: %s of others who joined in.\n", english.Plural(v.guests, "line", ""))
	}
	fmt.Fprintf(out, "  (%s)\n", how)
}

// escapeLines is [escape] for a text of several lines.
func escapeLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	return strings.Join(lines, "\n")
}
