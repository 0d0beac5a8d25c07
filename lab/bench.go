package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"pubsublab/lab/bench"
	"pubsublab/lab/bench/peer"
	"pubsublab/lab/bench/report"
	"pubsublab/lab/internal/term"
)

// errBench says that our broker was not measured well, which has been printed.
var errBench = errors.New("not everything could be measured")

// measure is lab bench: it measures the broker beside others.
type measure struct {
	Quick    bool     `xor:"length" help:"The workloads that tell most, in short runs: less than two minutes (default)."`
	Full     bool     `xor:"length" help:"All workloads, in runs of more than a second: about half an hour, with --cluster a third of that, with --disk a few minutes."`
	Cluster  bool     `xor:"who" help:"Measure brokers that share a stream of three NATS servers, and JetStream used directly."`
	Disk     bool     `xor:"who" help:"Measure a broker with its journal on a disk, beside JetStream, Redis Streams and the disk itself."`
	Web      bool     `xor:"who" help:"Measure what browsers get of a broker, beside Centrifugo, which is built first where it is not on the path."`
	Only     string   `placeholder:"REGEXP" help:"Only workloads with such names; the names are shown when none matches."`
	Peers    []string `xor:"who" placeholder:"NAME" help:"What to measure: lab, nats, redis, mosquitto, relay, kernel (default: all that are found)."`
	Before   string   `type:"existingfile" placeholder:"PROGRAM" help:"An earlier build of the server, measured as a peer in the same rounds: what a change has done."`
	Rounds   int      `placeholder:"N" help:"Samples of each workload with each peer (default: 3, with --full 5)."`
	Out      string   `default:"bench-report" placeholder:"DIR" help:"Write report.html and results.json there (default: ${default})."`
	Markdown bool     `help:"Print the tables as Markdown."`
}

// Validate tells what is wrong with the flags, for kong.
func (m *measure) Validate() error {
	for _, key := range m.Peers {
		if !slices.Contains(peer.Keys, key) {
			return fmt.Errorf("--peers has %q, expected some of %s", key, strings.Join(peer.Keys, ", "))
		}
	}
	if m.Before != "" && (m.Cluster || m.Disk || m.Web) {
		return errors.New("--before is for brokers that run alone, not for --cluster, --disk and --web")
	}
	if m.Rounds < 0 {
		return fmt.Errorf("--rounds is %d, expected 1 or more", m.Rounds)
	}
	if _, err := regexp.Compile(m.Only); err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	return nil
}

func (m *measure) Run(s *signals) error {
	show := newMeter(os.Stderr)
	r, err := bench.Run(s.run, m.options(), show.step)
	show.stop()
	if err != nil {
		return err
	}
	r.Command = "lab " + strings.Join(os.Args[1:], " ")
	if m.Markdown {
		report.Markdown(os.Stdout, r)
	} else {
		report.Text(os.Stdout, r)
	}
	if err := m.write(r); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row.Peer == "lab" && row.Problem != "" {
			return errBench
		}
	}
	return nil
}

func (m *measure) options() bench.Options {
	o := bench.Options{
		Full: m.Full, Cluster: m.Cluster, Disk: m.Disk, Web: m.Web, Peers: m.Peers, Before: m.Before, Rounds: 3,
		Run: 250 * time.Millisecond, Latency: 800 * time.Millisecond, History: 32 << 20,
	}
	if m.Full {
		o.Rounds, o.Run, o.Latency = 5, 1200*time.Millisecond, 5*time.Second
	}
	if o.Cluster {
		o.Run *= 2 // so that what is on its way does not count for much
	}
	if m.Rounds > 0 {
		o.Rounds = m.Rounds
	}
	if len(o.Peers) == 0 {
		o.Peers = peer.Keys
	}
	if m.Only != "" {
		o.Only = regexp.MustCompile(m.Only)
	}
	return o
}

// write makes the files.
func (m *measure) write(r *bench.Report) error {
	if err := os.MkdirAll(m.Out, 0o755); err != nil {
		return err
	}
	for _, file := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"results.json", func(out io.Writer) error {
			encoder := json.NewEncoder(out)
			encoder.SetIndent("", "  ")
			return encoder.Encode(r)
		}},
		{"report.html", func(out io.Writer) error { return report.HTML(out, r) }},
	} {
		path := filepath.Join(m.Out, file.name)
		out, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := errors.Join(file.write(out), out.Close()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintln(os.Stderr, "Wrote "+path)
	}
	return nil
}

// meter shows how far the benchmark is: a bar on a terminal, one line for each workload elsewhere.
type meter struct {
	out      *os.File
	bar      *progressbar.ProgressBar // nil where out is no terminal that can move
	workload string
}

func newMeter(out *os.File) *meter {
	m := &meter{out: out}
	if term.Moves(out) {
		m.bar = progressbar.NewOptions(1, progressbar.OptionSetWriter(out), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	}
	return m
}

func (m *meter) step(s bench.Step) {
	switch {
	case m.bar != nil:
		m.bar.ChangeMax(max(1, s.All))
		m.bar.Describe(fmt.Sprintf("%-60s", strings.TrimPrefix(s.Workload+": "+s.What, ": "))) // so that the bar stays where it is
		m.bar.Set(s.Done)
	case s.Workload == "":
		fmt.Fprintln(m.out, s.What)
	case s.Workload != m.workload:
		m.workload = s.Workload
		fmt.Fprintf(m.out, "%d%% %s\n", 100*s.Done/s.All, s.Workload)
	}
}

func (m *meter) stop() {
	if m.bar != nil {
		m.bar.Finish()
	}
}
