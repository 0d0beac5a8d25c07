// Package bench measures this project's broker beside others and beside what the machine can do at most: the same clients, the same
// payloads, in turn, several rounds, and every delivery counted.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"pubsublab/lab/bench/load"
	"pubsublab/lab/bench/peer"
)

// Options say what to measure and for how long.
type Options struct {
	Full   bool           // all workloads; otherwise those that tell most
	Only   *regexp.Regexp // of workload names, whether Full or not; nil for all
	Peers  []string       // keys of peer.Keys
	Rounds int            // samples of each workload with each peer

	Run     time.Duration // of a throughput run, about
	Latency time.Duration // of a latency run
	Idle    int           // subscribers for memory; 0 for 2,000
	History int           // bytes that late joiners get, less than the broker's history
}

// Step is what is being done.
type Step struct {
	Done, All int
	Workload  string // its title; empty before the first
	What      string
}

// Run measures. A peer that fails or loses lines has that in its rows; an error means that there is no report.
func Run(ctx context.Context, o Options, say func(Step)) (*Report, error) {
	list, err := chosen(o.Full, o.Only)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pubsublab-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &bench{Options: o, dir: dir, say: say}
	found, missing, err := peer.Find(ctx, dir, o.Peers, func(what string) { say(Step{What: what}) })
	if err != nil {
		return nil, err
	}
	if b.certificate, err = peer.NewCertificate(dir); err != nil {
		return nil, err
	}
	b.report = &Report{Began: time.Now(), Machine: thisMachine(), Rounds: o.Rounds}
	for _, p := range found {
		b.report.Peers = append(b.report.Peers, Peer{p.Key, p.Title, p.Version, p.Limit})
	}
	for _, m := range missing {
		b.report.Missing = append(b.report.Missing, m.Title+": "+m.How)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("nothing to measure: %s", strings.Join(b.report.Missing, "; "))
	}
	for _, w := range list {
		if w.Kind == Memory && o.Idle > 0 {
			w.Subscribers, w.Title = o.Idle, humanize.Comma(int64(o.Idle))+" idle subscribers"
		}
		if able := w.of(found); len(able) > 0 {
			b.report.Workloads = append(b.report.Workloads, w)
			b.steps.All += len(able) * (1 + o.Rounds)
		}
	}
	for _, w := range b.report.Workloads {
		if err := b.measure(ctx, w, w.of(found)); err != nil {
			return nil, err
		}
	}
	b.report.Took = time.Since(b.report.Began).Seconds()
	b.report.Verdicts = judge(b.report)
	return b.report, nil
}

// of returns those that can do the workload.
func (w Workload) of(peers []*peer.Peer) (able []*peer.Peer) {
	for _, p := range peers {
		if p.Limit && (w.Kind != Throughput || w.Topics) || w.TLS && !p.TLS || w.Kind == Replay && p.Key != "lab" {
			continue
		}
		able = append(able, p)
	}
	return able
}

// bench is a benchmark that runs.
type bench struct {
	Options
	dir         string
	certificate *peer.Certificate
	say         func(Step)
	steps       Step
	report      *Report
}

// step says what comes next.
func (b *bench) step(w Workload, p *peer.Peer, what string) {
	b.steps.Workload, b.steps.What = w.Title, p.Title+", "+what
	b.say(b.steps)
	b.steps.Done++
}

// contestant is a peer within one workload.
type contestant struct {
	peer   *peer.Peer
	server *peer.Server // nil where each round has a new one
	blocks int          // of a throughput run
	row    Row
}

// measure lets all peers take turns.
func (b *bench) measure(ctx context.Context, w Workload, able []*peer.Peer) error {
	var all []*contestant
	defer func() {
		for _, c := range all {
			if c.server != nil {
				c.server.Stop()
			}
		}
	}()
	for _, p := range able {
		c := &contestant{peer: p, row: Row{Workload: w.Name, Peer: p.Key}}
		all = append(all, c)
		b.step(w, p, "getting ready")
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if w.Kind == Memory {
			continue
		}
		if err := b.ready(ctx, w, c); err != nil {
			c.row.Problem = err.Error()
		}
	}
	for round := range b.Rounds {
		for _, c := range all {
			b.step(w, c.peer, fmt.Sprintf("round %d of %d", round+1, b.Rounds))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if c.row.Problem != "" {
				continue
			}
			if err := b.round(ctx, w, c); err != nil {
				c.row.Problem = err.Error()
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, c := range all {
		b.report.Rows = append(b.report.Rows, c.row)
	}
	return nil
}

// ready starts the server and finds out how much it does in the time of a run.
func (b *bench) ready(ctx context.Context, w Workload, c *contestant) error {
	var err error
	if c.server, err = b.start(ctx, w, c.peer); err != nil {
		return err
	}
	switch w.Kind {
	case Throughput:
		c.blocks, err = w.job(1).Calibrate(ctx, c.server.Target, b.Run)
	case Replay:
		c.blocks = max(1, b.History/load.BlockSize/w.Publishers)
	}
	return err
}

func (b *bench) start(ctx context.Context, w Workload, p *peer.Peer) (*peer.Server, error) {
	if w.TLS {
		return p.Start(ctx, b.dir, b.certificate)
	}
	return p.Start(ctx, b.dir, nil)
}

func (w Workload) job(blocks int) load.Job {
	return load.Job{Publishers: w.Publishers, Subscribers: w.Subscribers, Size: w.Size, Topics: w.Topics, Blocks: blocks}
}

// round adds one sample, or fails.
func (b *bench) round(ctx context.Context, w Workload, c *contestant) error {
	switch w.Kind {
	case Latency:
		pace := load.Pace{Publishers: w.Publishers, Subscribers: w.Subscribers, Size: w.Size, Rate: w.Rate, Duration: b.Latency}
		seen, err := pace.Latency(ctx, c.server.Target)
		if err != nil {
			return err
		}
		for metric, quantile := range map[Metric]float64{P50: 50, P99: 99, P999: 99.9} {
			c.row.add(metric, float64(seen.ValueAtQuantile(quantile)))
		}
		return nil
	case Memory:
		server, err := b.start(ctx, w, c.peer)
		if err != nil {
			return err
		}
		defer server.Stop()
		each, err := load.Idle(ctx, server.Target, w.Subscribers, server.Resident)
		if err == nil {
			c.row.add(Resident, each)
		}
		return err
	}
	run := load.Job.Throughput
	if w.Kind == Replay {
		run = load.Job.Replay
	}
	r, err := run(w.job(c.blocks), ctx, c.server.Target)
	if err != nil {
		return err
	}
	if r.Problem != "" {
		return errors.New(r.Problem)
	}
	c.row.add(Rate, r.Rate())
	c.row.add(CPU, float64(r.CPU.Nanoseconds())/float64(r.Delivered))
	return nil
}
