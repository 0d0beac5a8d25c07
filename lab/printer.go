package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"

	"github.com/fatih/color"

	"pubsublab/lab/internal/term"
	"pubsublab/lab/topology"
)

// A level is how good something is.
type level int

const (
	good level = iota
	warn       // nobody promised otherwise
	bad
)

// marks are what stands before a text of each level, for those who see no colours.
var marks = [...]string{good: "✔", warn: "▲", bad: "✘"}

// paint shows a text in the colour of its level.
func (l level) paint(bold bool, text string) string {
	c := [...]*color.Color{good: term.Good, warn: term.Warn, bad: term.Bad}[l]
	if bold {
		c = term.Bold(c)
	}
	return c.Sprint(text)
}

// A shower shows a demo while it runs. Any goroutine may call it.
type shower interface {
	line(l topology.Line)                   // what a node has written
	tell(node string, l level, text string) // what has become of a node, or of the demo where node is empty
	invite(line string)                     // what is to be kept in sight
	stop()                                  // nothing more follows
}

// A printer shows the lines of nodes, each after the node's name in its colour. Any goroutine may
// call it.
type printer struct {
	terminal bool // control characters are escaped
	width    int  // of the longest name
	names    map[string]string
	failed   func(error) // told when out takes no more

	mu  sync.Mutex
	out io.Writer
}

func newPrinter(out io.Writer, terminal bool, topo *topology.Topology, failed func(error)) *printer {
	width := 0
	for _, s := range topo.Specs {
		width = max(width, len(s.Name))
	}
	p := &printer{out: out, terminal: terminal, width: width, names: map[string]string{"": fmt.Sprintf("%-*s |", width, "lab")}, failed: failed}
	for i, s := range topo.Specs {
		p.names[s.Name] = term.Palette[i%len(term.Palette)].Sprintf("%-*s |", width, s.Name)
	}
	return p
}

// tell says what has become of a node, or of the demo where node is empty.
func (p *printer) tell(node string, l level, text string) {
	p.print(node, l.paint(false, marks[l]+" "+term.Visible(text)))
}

// invite says it apart from what nodes write.
func (p *printer) invite(line string) { fmt.Fprintln(os.Stderr, line) }

func (p *printer) stop() {}

func (p *printer) print(node, text string) {
	name, known := p.names[node]
	if !known { // it was added to the demo
		name = fmt.Sprintf("%-*s |", p.width, node)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := fmt.Fprintf(p.out, "%s %s\n", name, text); err != nil {
		p.failed(err)
	}
}

// hidden reports whether a line is none that anybody wants to see.
func hidden(l topology.Line) bool {
	return l.Role == topology.Stream && (!natsError.MatchString(l.Text) || natsRoute.MatchString(l.Text))
}

func (p *printer) line(l topology.Line) {
	if hidden(l) {
		return
	}
	text := l.Text
	if p.terminal {
		text = term.Visible(text)
	}
	p.print(l.Node, text)
}

// Of a NATS node only errors are shown: it logs a page when it starts and another when it ends. And
// no error are those about nodes that have not started yet.
var (
	natsError = regexp.MustCompile(`\[(ERR|FTL)\] `)
	natsRoute = regexp.MustCompile(`Error trying to connect to route`)
)
