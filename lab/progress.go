package main

import (
	"fmt"
	"os"
	"time"

	"github.com/briandowns/spinner"

	"pubsublab/lab/internal/term"
	"pubsublab/lab/topology"
)

// progress shows what is being made: one moving line on a terminal that can, one line for each
// begin and end elsewhere. It is not for concurrent use.
type progress struct {
	out     *os.File
	spinner *spinner.Spinner // nil where no line can move
	what    string           // what is being made; empty between two
}

func newProgress(out *os.File) *progress {
	p := &progress{out: out}
	if term.Moves(out) {
		p.spinner = spinner.New(spinner.CharSets[14], 100*time.Millisecond, spinner.WithWriterFile(out))
	}
	return p
}

func (p *progress) step(s topology.Step) {
	if s.Done {
		p.stop()
		fmt.Fprintf(p.out, "✔ %s: %s\n", s.What, s.Now)
		return
	}
	begins := s.What != p.what
	p.what = s.What
	switch {
	case p.spinner == nil && begins:
		fmt.Fprintf(p.out, "… %s\n", s.What)
	case p.spinner != nil:
		if begins {
			p.begin()
		}
		p.spinner.Lock()
		p.spinner.Suffix = fmt.Sprintf(" %s  %s", s.What, s.Now)
		p.spinner.Unlock()
	}
}

// begin starts the moving line anew and keeps the seconds in it going.
func (p *progress) begin() {
	began := time.Now()
	p.spinner.PreUpdate = func(s *spinner.Spinner) {
		s.Prefix = fmt.Sprintf("%3.0fs ", time.Since(began).Seconds())
	}
	p.spinner.Start()
}

// stop removes the moving line.
func (p *progress) stop() {
	p.what = ""
	if p.spinner != nil {
		p.spinner.Stop()
	}
}
