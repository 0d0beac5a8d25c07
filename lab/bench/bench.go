// Package bench measures this project's broker beside others and beside what the machine can do at
// most: the same clients, the same payloads, in turn, several rounds, and every delivery counted.
package bench

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"pubsublab/lab/bench/peer"
)

// Options say what to measure and for how long.
type Options struct {
	Full   bool           // all workloads; otherwise those that tell most
	Only   *regexp.Regexp // of workload names, whether Full or not; nil for all
	Peers  []string       // keys of peer.Keys; not with Cluster, Disk or Web
	Before string         // program of an earlier build of our broker, which is a peer too; empty for none
	Rounds int            // samples of each workload with each peer

	// Cluster measures brokers that share a stream of a NATS cluster, and that stream used
	// directly, instead of what runs alone.
	Cluster bool

	// Disk measures a broker with its journal on a disk, beside others that sync what they are sent
	// before they acknowledge it.
	Disk bool

	// Web measures the HTTP side of a broker, beside another one that sends events to browsers.
	Web bool

	Run     time.Duration // of a throughput run, about
	Latency time.Duration // of a latency run
	Idle    int           // subscribers for memory; 0 for 2,000
	History int           // bytes that late joiners get, less than the broker's history
	Recover int64         // bytes of the journal that is recovered; 0 for 1 GiB
}

// Step is what is being done.
type Step struct {
	Done, All int
	Workload  string // its title; empty before the first
	What      string
}

// Run measures. A peer that fails or loses lines has that in its rows; an error means that there is
// no report.
func Run(ctx context.Context, o Options, say func(Step)) (*Report, error) {
	list, err := chosen(o)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pubsublab-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &benchmark{Options: o, dir: dir, say: say}
	run := b.single
	switch {
	case o.Cluster:
		b.Peers, run = clusterPeers, b.clusters
	case o.Disk:
		b.Peers, run = diskPeers, b.disks
	case o.Web:
		b.Peers, run = webPeers, b.web
	}
	found, missing, err := peer.Find(ctx, dir, b.Peers, func(what string) { say(Step{What: what}) })
	if err != nil {
		return nil, err
	}
	if o.Before != "" {
		found = slices.Insert(found, 1, peer.Before(o.Before))
	}
	b.report = &Report{Began: time.Now(), Machine: thisMachine(), Rounds: o.Rounds}
	for _, m := range missing {
		b.report.Missing = append(b.report.Missing, m.Title+": "+m.How)
	}
	if len(found) == 0 || o.Cluster && len(missing) > 0 {
		return nil, fmt.Errorf("nothing to measure: %s", strings.Join(b.report.Missing, "; "))
	}
	say(Step{What: "looking how busy this machine is"})
	b.report.Machine.look(ctx)
	if err := run(ctx, list, found); err != nil {
		return nil, err
	}
	b.report.Took = time.Since(b.report.Began).Seconds()
	b.report.Machine.look(ctx)
	b.report.Verdicts, b.report.Constants = judge(b.report), constants(b.report)
	return b.report, nil
}

// single measures peers that run by themselves.
func (b *benchmark) single(ctx context.Context, list []Workload, found []*peer.Peer) (err error) {
	if b.certificate, err = peer.NewCertificate(b.dir); err != nil {
		return err
	}
	for _, p := range found {
		b.report.Peers = append(b.report.Peers, Peer{p.Key, p.Title, p.Version, p.Limit})
	}
	for _, w := range list {
		if able := w.of(found); len(able) > 0 {
			b.plan(w, len(able))
		}
	}
	for _, w := range b.report.Workloads {
		var all []*entry
		for _, p := range w.of(found) {
			all = append(all, &entry{&alone{benchmark: b, workload: w, peer: p}, p.Title, Row{Workload: w.Name, Peer: p.Key}})
		}
		if err := b.measure(ctx, w, all); err != nil {
			return err
		}
	}
	return nil
}

// plan takes a workload with so many contestants into the report.
func (b *benchmark) plan(w Workload, contestants int) {
	if w.Kind == Memory && b.Idle > 0 {
		w.Subscribers, w.Title = b.Idle, humanize.Comma(int64(b.Idle))+" idle subscribers"
	}
	b.report.Workloads = append(b.report.Workloads, w)
	b.steps.All += contestants * (1 + b.Rounds)
}

// of returns those that can do the workload.
func (w Workload) of(peers []*peer.Peer) (able []*peer.Peer) {
	for _, p := range peers {
		if p.Limit && (w.Kind != Throughput || w.Topics) || w.TLS && !p.TLS || w.Kind == History && p.Key != "lab" && p.Key != "before" {
			continue
		}
		able = append(able, p)
	}
	return able
}

// bench is a benchmark that runs.
type benchmark struct {
	Options
	dir         string
	certificate *peer.Certificate
	say         func(Step)
	steps       Step
	report      *Report
}

// step says what comes next.
func (b *benchmark) step(w Workload, title, what string) {
	b.steps.Workload, b.steps.What = w.Title, title+", "+what
	b.say(b.steps)
	b.steps.Done++
}

// contestant is one of those that take turns in a workload.
type contestant interface {
	// ready starts what is to be measured, and finds out how much it does in the time of a run.
	ready(context.Context) error
	// round adds one sample to the row, or fails.
	round(context.Context, *Row) error
	// stop ends what ready started, if it did.
	stop()
}

// entry is a contestant, and what became of it.
type entry struct {
	contestant
	title string
	row   Row
}

// measure lets all contestants take turns.
func (b *benchmark) measure(ctx context.Context, w Workload, all []*entry) error {
	defer func() {
		for _, e := range all {
			e.stop()
		}
	}()
	for _, e := range all {
		b.step(w, e.title, "getting ready")
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := e.ready(ctx); err != nil {
			e.row.Problem = err.Error()
		}
	}
	for round := range b.Rounds {
		for _, e := range all {
			b.step(w, e.title, fmt.Sprintf("round %d of %d", round+1, b.Rounds))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if e.row.Problem != "" {
				continue
			}
			if err := e.round(ctx, &e.row); err != nil {
				e.row.Problem = err.Error()
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, e := range all {
		b.report.Rows = append(b.report.Rows, e.row)
	}
	return nil
}
