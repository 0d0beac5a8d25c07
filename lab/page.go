package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"pubsublab/lab/console"
	"pubsublab/lab/history"
	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// paged reports whether the demo has a page. It may be called on a nil one.
func (u *up) paged() bool { return u != nil && u.Page != "" && u.Page != "off" }

// typeScripts makes publishers send what the console types, and lets clients wait for a person who
// breaks something and mends it again. Without a page it changes nothing.
func (u *up) typeScripts(topo *topology.Topology) (map[string]console.Script, error) {
	if !u.paged() {
		return nil, nil
	}
	for _, s := range topo.Specs {
		if isClient(s) {
			s.UnsetFlag("publisher-timeout")
			s.SetFlag("retry", "1h")
			if _, named := s.Flag("name"); !named {
				s.SetFlag("name", s.Name) // by which the page knows it
			}
		}
	}
	return console.Type(topo)
}

// A livePage is the demo's page, or none.
type livePage struct {
	deployment *topology.Deployment
	console    *console.Console // nil: none
}

// openPage opens the page of a demo, whose watch then listens to it, where there is to be one, and says
// where it is.
func (u *up) openPage(engine *topology.Engine, deployment *topology.Deployment, scripts map[string]console.Script, w *watch, out shower) (p *livePage, err error) {
	p = &livePage{deployment: deployment}
	if !u.paged() {
		return p, nil
	}
	w.kept, w.joined = make(chan struct{}, 1), make(chan *topology.Node, console.MostAdded)
	config := console.Config{
		Title: "Pub/Sub Lab", Mode: string(engine.Mode()), Scripts: scripts, Keep: u.Keep, NoCut: engine.Uncuttable(),
		Start: func(ctx context.Context, s *topology.Spec) (console.Node, error) {
			if err := deployment.Start(ctx, s); err != nil {
				return console.Node{}, err
			}
			n := deployment.Node(s.Name)
			w.joined <- n
			return console.Node{Spec: s, Control: n}, nil
		},
		Tell: func(node, what string, breaks bool) {
			kind := report.Told
			if breaks {
				kind = report.Fault
			}
			w.record.Add(kind, node, what)
			w.tell(node, warn, what)
		},
		Kept: func() {
			select {
			case w.kept <- struct{}{}:
			default: // it has not looked yet
			}
		},
	}
	for _, n := range w.nodes {
		config.Nodes = append(config.Nodes, console.Node{Spec: n.Spec, Control: n})
	}
	if p.console, err = console.Open(u.Page, config); err != nil {
		return nil, err
	}
	w.keep, w.release = p.console.Keep, p.console.Release
	out.invite("The page of this demo: " + p.console.URL())
	if u.Open {
		openBrowser(p.console.URL())
	}
	return p, nil
}

// history is what is to be judged once all nodes have ended, and what was found in what came before.
func (p *livePage) history() (h history.History, passed console.Tally, err error) {
	if p.console == nil {
		h, err = p.deployment.History()
		return h, passed, err
	}
	return p.console.History(), p.console.Passed(), nil
}

// show shows the verdict to those who look.
func (p *livePage) show(ctx context.Context, v report.Verdict) {
	if p.console != nil {
		p.console.Show(ctx, v)
	}
}

// close ends the page, if there is one.
func (p *livePage) close() {
	if p != nil && p.console != nil {
		_ = p.console.Close() // the demo is over
	}
}

// openBrowser shows an address in this machine's browser.
func openBrowser(url string) {
	program := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if program == nil {
		program = []string{"xdg-open"}
	}
	browser := exec.Command(program[0], append(program[1:], url)...)
	if err := browser.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "No browser opens by itself:", err)
		return
	}
	go browser.Wait() // it is no business of the demo how it ends
}

// passed adds to the verdict what the console had found before what is still kept of a long demo.
func (v *verdict) passed(t console.Tally) {
	for kind, n := range t.Counts {
		v.note(bad, "earlier: %s %s", lines(n), kind)
	}
	if t.Lost+t.Again > 0 {
		v.note(warn, "earlier: %s lost and %s received twice, with the memory of the broker", lines(t.Lost), lines(t.Again))
	}
}
