package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dustin/go-humanize/english"
	xterm "golang.org/x/term"

	"pubsublab/lab/history"
	"pubsublab/lab/internal/term"
	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// errVerdict says that the demo ran and the verdict, which has been printed, is not good.
var errVerdict = errors.New("the verdict is not good")

// clusterFile describes the topology of several brokers.
const clusterFile = "compose.cluster.yaml"

// durableFile changes compose.yaml: the broker's journal is on a volume.
const durableFile = "compose.durable.yaml"

// up runs the demo.
type up struct {
	File    string         `short:"f" env:"PUBSUBLAB_FILE" placeholder:"FILE" xor:"file" help:"Compose file that describes the topology (default: compose.yaml)."`
	Cluster bool           `xor:"file" help:"The demo on three brokers that share a stream of three NATS nodes: compose.cluster.yaml."`
	Durable bool           `xor:"file" help:"The demo with the broker's journal on a volume, compose.durable.yaml: kill the broker in the middle, and it is started again."`
	Nodes   string         `enum:"auto,containers,processes" default:"auto" env:"PUBSUBLAB_NODES" help:"What nodes are: ${enum}. Auto is containers where a Docker engine answers."`
	Pace    *time.Duration `env:"PUBSUBLAB_PACE" placeholder:"TIME" help:"Time between two lines of a script, such as 300ms; 0 is none (default: 1s at a terminal, elsewhere what the Compose file says)."`
	Show    string         `enum:"auto,messages,nodes" default:"auto" env:"PUBSUBLAB_SHOW" help:"What is shown: one line for each message, with who has it (messages), or every line of each node as it writes it (nodes). Auto is messages at a terminal."`
	Page    string         `default:"127.0.0.1:0" env:"PUBSUBLAB_PAGE" placeholder:"HOST:PORT" help:"Where the demo's page is (default: any free port of this machine); off for none. Its address is printed, with the token that allows to act."`
	Open    bool           `help:"Open the page in a browser."`
	Keep    bool           `help:"Keep the demo going, with its scripts in a loop, until Ctrl+C or the page ends it."`
	Out     string         `default:"lab-report" env:"PUBSUBLAB_REPORT" placeholder:"DIR" help:"Keep the run in DIR (${default}): run.json, for lab check, and report.html to look at; empty for nowhere."`
}

func (u *up) Run(s *signals) (err error) {
	topo, err := u.load()
	if err != nil {
		return err
	}
	engine, err := topology.NewEngine(s.run, topology.Mode(u.Nodes))
	if err != nil {
		return err
	}
	defer engine.Close()
	fmt.Fprintf(os.Stderr, "Nodes are %s: %s.\n", engine.Mode(), engine.Reason())

	run, broken := context.WithCancelCause(s.run)
	defer broken(nil)
	show := newProgress(os.Stderr)
	defer show.stop()
	var deployment *topology.Deployment
	out := u.prepare(topo, func(name string) *topology.Node { return deployment.Node(name) }, broken)
	scripts, err := u.typeScripts(topo)
	if err != nil {
		return err
	}
	rec := report.NewRecorder()
	output := func(l topology.Line) {
		if l.Role == topology.Subscriber && !l.Stderr {
			// The page knows when, too, but not as soon, and it has only the last of many messages.
			if format := deployment.Node(l.Node).Spec.Format(); scripts == nil || format == history.TSV {
				rec.Arrived(l.Node, format, l.Text)
			}
		}
		out.line(l)
	}
	deployment, err = engine.Open(run, topo, topology.Options{FilePorts: true, Restarts: true, Output: output, Progress: show.step})
	if err != nil {
		return err
	}
	defer out.stop()
	say := func(text string) { out.tell("", warn, text) }
	s.say.Store(&say)
	var page *livePage
	defer func() {
		defer page.close() // behind the nodes' end: until then it may be typing at one that takes nothing
		if closeErr := deployment.Close(s.force); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("something could not be removed: %w", closeErr))
		}
	}()
	began := time.Now()
	if err := deployment.Start(run); err != nil {
		return cmp.Or(context.Cause(run), err) // an interruption matters more than what it interrupted
	}
	inviteClients(out, deployment)
	w := &watch{nodes: deployment.Nodes(), tell: out.tell, guests: guestsOf(deployment), began: began, revive: u.Durable, record: rec}
	page, err = u.openPage(engine, deployment, scripts, w, out)
	if err != nil {
		return err
	}
	course, err := w.run(run, s.force)
	if err != nil {
		return err
	}
	out.stop()
	if run.Err() != nil && s.run.Err() == nil {
		return context.Cause(run) // nobody reads what would be printed
	}
	h, passed, err := page.history()
	if err != nil {
		return err
	}
	kept := rec.Run(h)
	v := judge(kept.History, course, w.specs())
	v.passed(passed)
	v.print(os.Stdout, term.Width(os.Stdout), string(engine.Mode()))
	if u.Out != "" {
		kept.Title, kept.Runtime, kept.Began = filepath.Base(topo.File), string(engine.Mode()), began.UnixMicro()
		keepRun(u.Out, v.fill(kept))
	}
	page.show(s.force, v.fill(kept).Verdict)
	switch {
	case course.interrupted:
		return context.Cause(s.run)
	case v.level() != good:
		return errVerdict
	}
	return nil
}

// load reads the topology of the demo.
func (u *up) load() (*topology.Topology, error) {
	file := cmp.Or(u.File, "compose.yaml")
	if u.Cluster {
		file = clusterFile
	}
	var changes []string
	if u.Durable {
		changes = append(changes, durableFile)
	}
	topo, err := topology.Load(file, changes...)
	if err != nil {
		return nil, err
	}
	for _, s := range topo.WithRole(topology.Publisher) {
		if _, err := s.Lines(); err != nil {
			return nil, err // else it would be one where the verdict is to be
		}
	}
	return topo, nil
}

// prepare sets up what the nodes are to write, and how fast, and returns what shows it. The nodes of
// the topology have not started.
func (u *up) prepare(topo *topology.Topology, node func(name string) *topology.Node, failed func(error)) shower {
	terminal := xterm.IsTerminal(int(os.Stdout.Fd()))
	messages := u.Show == "messages" || u.Show == "auto" && terminal
	pace := u.Pace
	if pace == nil && messages && terminal {
		readable := time.Second
		pace = &readable
	}
	for _, s := range topo.WithRole(topology.Publisher) {
		if _, scripted := s.Flag("script"); pace != nil && scripted {
			s.SetFlag("rate", rate(*pace))
		}
	}
	if !messages {
		return newPrinter(os.Stdout, terminal, topo, failed)
	}
	for _, s := range topo.Specs {
		switch s.Role {
		case topology.Broker: // a message is shown when it has arrived
			s.UnsetFlag("echo")
			s.SetFlag("log-format", "short")
		case topology.Subscriber:
			s.SetFlag("format", string(history.TSV))
		}
	}
	b := newBoard(os.Stdout, topo, func() int { return term.Columns(os.Stdout) - 1 }, node, failed)
	b.moves = term.Moves(os.Stdout)
	return b
}

// rate is how many lines a second a pace is, as the client wants it.
func rate(pace time.Duration) string {
	if pace == 0 {
		return "0"
	}
	return strconv.FormatFloat(1/pace.Seconds(), 'g', 6, 64)
}

// Validate returns what is wrong with the flags; kong calls it.
func (u *up) Validate() error {
	if u.Pace != nil && *u.Pace < 0 {
		return fmt.Errorf("--pace is %s, expected 0 or more", *u.Pace)
	}
	return nil
}

// keepRun keeps a run in a folder, and says where.
func keepRun(folder string, run report.Run) {
	if err := report.Write(folder, run); err != nil {
		fmt.Fprintln(os.Stderr, "The run is not kept:", err)
		return
	}
	fmt.Fprintf(os.Stderr, "To look at the run again: %s\nTo judge it again: go run ./lab check %s\n",
		filepath.Join(folder, report.PageFile), filepath.Join(folder, report.RunFile))
}

// inviteClients says how to join in.
func inviteClients(out shower, deployment *topology.Deployment) {
	if host, port, err := net.SplitHostPort(deployment.Addr()); err == nil {
		if all := brokers(deployment); len(all) > 1 {
			out.invite("The brokers are at " + english.WordSeries(all, "and"))
		}
		out.invite(fmt.Sprintf("Join in from another terminal: go run ./client %s %s", host, port))
	}
}

// brokers returns the addresses of the brokers.
func brokers(deployment *topology.Deployment) (addresses []string) {
	for _, n := range deployment.Nodes() {
		if n.Spec.Role == topology.Broker {
			addresses = append(addresses, n.Addr())
		}
	}
	return addresses
}
