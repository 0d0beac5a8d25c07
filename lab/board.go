package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/dustin/go-humanize/english"
	"github.com/jedib0t/go-pretty/v6/text"

	"pubsublab/lab/history"
	"pubsublab/lab/internal/term"
	"pubsublab/lab/topology"
)

const (
	inviteEvery = 25 // messages between two invitations, where nothing can be kept in sight
	maxMarks    = 12 // subscribers that have a mark of their own at a message
	maxLegend   = 4  // subscribers that are named below
)

// A board shows a demo to people: one line for each message, with who has it by now, and below
// that, where the terminal can, what is to be kept in sight. Any goroutine may call it.
//
//	  12 keeper  Moved the bucket. The drip moved too.                         1 2
//	▸ 13 cook    Knödel for table three. Knödel under table three.             1 ·
//	1 subscriber-1: 13 · 2 subscriber-2: 12, 1 behind
//	Join in from another terminal: go run ./client 127.0.0.1 5000
type board struct {
	// static after construction
	out     io.Writer
	failed  func(error)                      // told when out takes no more
	columns func() int                       // of a line
	node    func(name string) *topology.Node // nil: it has not started
	names   map[string]string                // of nodes and publishers, in their colours
	width   int                              // of the longest name of a publisher
	total   int                              // lines of all scripts
	moves   bool                             // out is a terminal where lines can be kept in sight

	// guarded by mu
	mu          sync.Mutex
	foot        *term.Foot // nil: nothing is kept in sight
	crowd       crowd
	invitations []string
	shown       int // messages that have scrolled away
}

func newBoard(out io.Writer, topo *topology.Topology, columns func() int, node func(string) *topology.Node, failed func(error)) *board {
	b := &board{out: out, failed: failed, columns: columns, node: node, names: map[string]string{"": "lab"}}
	for i, s := range topo.Specs {
		colour := term.Palette[i%len(term.Palette)]
		b.names[s.Name] = colour.Sprint(s.Name)
		if name, ok := s.Flag("name"); ok && s.Role == topology.Publisher {
			b.names[name] = colour.Sprint(name)
			b.width = max(b.width, len(name))
		}
		if script, err := s.Lines(); err == nil && s.Role == topology.Publisher {
			b.total += len(script)
		}
		if s.Role == topology.Subscriber {
			b.crowd.add(s)
		}
	}
	b.crowd.ended = func(name string) bool {
		n := node(name)
		if n == nil {
			return false
		}
		select {
		case <-n.Done():
			return true
		default:
			return false
		}
	}
	return b
}

// failing tells of the first write that failed.
type failing struct {
	io.Writer
	failed func(error)
}

func (f failing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err != nil {
		f.failed(err)
	}
	return n, err
}

// print shows a line, cut to the columns there are. The caller holds mu.
func (b *board) print(line string) {
	line = text.Snip(line, b.columns(), "…")
	if b.foot != nil {
		b.foot.Print(line)
		return
	}
	if _, err := fmt.Fprintln(b.out, line); err != nil {
		b.failed(err)
	}
}

// tell says what has become of a node, or of the demo where node is empty. It is not cut.
func (b *board) tell(node string, l level, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if node != "" {
		what = node + " " + what
	}
	for i, line := range strings.Split(page{nil, b.columns()}.wrap(what, 2), "\n") {
		mark := "  "
		if i == 0 {
			mark = marks[l] + " "
		}
		b.print(l.paint(true, mark+line))
	}
	b.draw()
}

// invite keeps a line in sight, or says it again and again.
func (b *board) invite(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.invitations = append(b.invitations, line)
	switch {
	case !b.moves:
		b.print(line)
	case b.foot == nil:
		b.foot = term.NewFoot(failing{b.out, b.failed}, "")
	}
	b.draw()
}

// stop shows all that is still open, and takes away the foot.
func (b *board) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.crowd.open) > 0 {
		b.scroll()
	}
	if b.foot != nil {
		b.foot.Close("")
		b.foot = nil
	}
}

// line shows what a node has written: a subscriber's message as such, and its log as it is.
func (b *board) line(l topology.Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case l.Role == topology.Subscriber && !l.Stderr:
		if n := b.node(l.Node); n != nil {
			b.crowd.add(n.Spec)
		}
		m, event, err := history.Parse(l.Text, history.TSV)
		switch {
		case err != nil:
			b.log(l)
		case m.Gap != 0:
			b.print(fmt.Sprintf("%s is told that %s missing here", b.names[l.Node], gap(m.Gap)))
		case !event:
			b.crowd.received(l.Node, m)
			for b.crowd.settled() {
				b.scroll()
			}
		}
	case hidden(l), strings.HasPrefix(l.Text, "registered as "): // which the broker says, too
		return
	default:
		b.log(l)
	}
	b.draw()
}

func gap(n int) string {
	if n < 0 {
		return "nobody knows how many messages are"
	}
	return english.Plural(n, "message", "") + map[bool]string{true: " is", false: " are"}[n == 1]
}

// log shows a line of a node's log, whose columns would be too wide behind a name.
func (b *board) log(l topology.Line) {
	b.print(b.name(l.Node) + "  " + columnGaps.ReplaceAllString(term.Visible(l.Text), "  "))
}

var columnGaps = regexp.MustCompile(` {3,}`)

func (b *board) name(name string) string {
	if shown, ok := b.names[name]; ok {
		return shown
	}
	return term.Visible(name)
}

// scroll shows the oldest open message for good.
func (b *board) scroll() {
	b.print(b.row(" ", b.crowd.open[0]))
	b.crowd.open = b.crowd.open[1:]
	b.shown++
	if b.foot == nil && b.shown%inviteEvery == 0 {
		for _, line := range b.invitations {
			b.print(line)
		}
	}
}

// row is a message on one line, with the marks of those who have it at its end.
func (b *board) row(before string, m *message) string {
	marks := b.marks(m)
	head := fmt.Sprintf("%s%4d %s  ", before, m.Pos, text.Pad(text.Snip(b.name(m.From), max(b.width, 8), "…"), b.width, ' '))
	room := b.columns() - text.StringWidthWithoutEscSequences(head+marks) - 2
	return head + text.Pad(text.Snip(term.Visible(m.Line), room, "…"), room, ' ') + "  " + marks
}

// marks are the numbers of those who have a message; a dot is one who is still to have it.
func (b *board) marks(m *message) string {
	var marks []string
	has, wants := 0, 0
	for i, r := range b.crowd.readers {
		mark := " "
		switch {
		case m.has[r]:
			mark = b.paint(r.name, fmt.Sprint(i+1))
			has++
			wants++
		case b.crowd.waits(r, m.Message):
			mark = "·"
			wants++
		}
		marks = append(marks, mark)
	}
	if len(marks) > maxMarks {
		return fmt.Sprintf("%d/%d", has, wants)
	}
	return strings.Join(marks, " ")
}

// paint shows a text in the colour of a node.
func (b *board) paint(node, s string) string { return strings.Replace(b.name(node), node, s, 1) }

// draw shows the foot anew. The caller holds mu.
func (b *board) draw() {
	if b.foot == nil {
		return
	}
	columns := b.columns()
	var pinned []string
	for _, m := range b.crowd.open {
		pinned = append(pinned, b.row("▸", m))
	}
	pinned = append(pinned, strings.Repeat("─", columns), b.legend())
	b.foot.Set(columns, append(pinned, b.invitations...), b.progress())
}

// progress says how far the scripts are. Guests may have published as well.
func (b *board) progress() string {
	if b.crowd.seen > b.total {
		return lines(b.crowd.seen) + ". Ctrl+C ends it."
	}
	return fmt.Sprintf("%d of %s. Ctrl+C ends it.", b.crowd.seen, lines(b.total))
}

// legend says who the marks are, and who is behind.
func (b *board) legend() string {
	var all, late []string
	for i, r := range b.crowd.readers {
		who := fmt.Sprintf("%s %s", b.paint(r.name, fmt.Sprint(i+1)), b.name(r.name))
		text := fmt.Sprintf("%s has %d", who, r.has)
		if r.behind > 0 && !b.crowd.ended(r.name) {
			text += fmt.Sprintf(", %d behind", r.behind)
			late = append(late, fmt.Sprintf("%s is %d behind", who, r.behind))
		}
		all = append(all, text)
	}
	switch {
	case len(all) <= maxLegend:
		return strings.Join(all, " · ")
	case len(late) > 0:
		return strings.Join(late, " · ")
	}
	return fmt.Sprintf("%d subscribers, none is behind", len(all))
}
