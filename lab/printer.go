package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fatih/color"

	"pubsublab/lab/topology"
)

// palette holds the nodes' colours, in the order of the topology. Red is left for what is wrong.
var palette = []color.Attribute{color.FgCyan, color.FgYellow, color.FgGreen, color.FgMagenta, color.FgBlue,
	color.FgHiCyan, color.FgHiYellow, color.FgHiGreen, color.FgHiMagenta, color.FgHiBlue}

// A printer shows the lines of nodes, each after the node's name in its colour.
type printer struct {
	out      io.Writer
	terminal bool // control characters are escaped
	names    map[string]string
	failed   func(error) // told once when out takes no more
}

func newPrinter(out io.Writer, terminal bool, topo *topology.Topology, failed func(error)) *printer {
	width := 0
	for _, s := range topo.Specs {
		width = max(width, len(s.Name))
	}
	p := &printer{out: out, terminal: terminal, names: map[string]string{}, failed: failed}
	for i, s := range topo.Specs {
		p.names[s.Name] = color.New(palette[i%len(palette)]).Sprintf("%-*s |", width, s.Name)
	}
	return p
}

func (p *printer) line(l topology.Line) {
	if l.Role == topology.Stream && (!natsError.MatchString(l.Text) || natsRoute.MatchString(l.Text)) {
		return
	}
	text := l.Text
	if p.terminal {
		text = escape(text)
	}
	if _, err := fmt.Fprintf(p.out, "%s %s\n", p.names[l.Node], text); err != nil {
		p.failed(err)
	}
}

// Of a NATS node only errors are shown: it logs a page when it starts and another when it ends. And no error are those
// about nodes that have not started yet.
var (
	natsError = regexp.MustCompile(`\[(ERR|FTL)\] `)
	natsRoute = regexp.MustCompile(`Error trying to connect to route`)
)

// escape shows control characters and broken UTF-8 as text, so that what a publisher sends cannot drive the terminal.
func escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r != '\t' && unicode.IsControl(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
