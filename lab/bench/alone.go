package bench

import (
	"context"
	"errors"
	"time"

	"pubsublab/lab/bench/load"
	"pubsublab/lab/bench/peer"
)

// alone is a peer that runs by itself.
type alone struct {
	*benchmark
	workload Workload
	peer     *peer.Peer
	server   *peer.Server // nil where each round has a new one
	blocks   int          // of a throughput run
}

func (a *alone) ready(ctx context.Context) error {
	if a.workload.Kind == Memory {
		return nil
	}
	var err error
	if a.server, err = a.start(ctx); err != nil {
		return err
	}
	switch a.workload.Kind {
	case Throughput, Acknowledged:
		a.blocks, err = a.workload.job(1).Calibrate(ctx, a.server.System, a.Run)
	case History:
		a.blocks = max(1, a.History/load.BlockSize/a.workload.Publishers)
	}
	return err
}

func (a *alone) start(ctx context.Context) (*peer.Server, error) {
	if a.workload.TLS {
		return a.peer.Start(ctx, a.dir, a.certificate)
	}
	return a.peer.Start(ctx, a.dir, nil)
}

func (a *alone) stop() {
	if a.server != nil {
		a.server.Stop()
	}
}

func (a *alone) round(ctx context.Context, row *Row) error {
	w := a.workload
	switch w.Kind {
	case Latency:
		pace := load.Pace{Publishers: w.Publishers, Subscribers: w.Subscribers, Size: w.Size, Rate: w.Rate, Duration: a.Latency}
		seen, err := pace.Latency(ctx, a.server.System)
		if err != nil {
			return err
		}
		for metric, quantile := range map[Metric]float64{P50: 50, P99: 99, P999: 99.9} {
			row.add(metric, float64(seen.ValueAtQuantile(quantile)))
		}
		return nil
	case Memory:
		server, err := a.start(ctx)
		if err != nil {
			return err
		}
		defer server.Stop()
		each, err := load.Idle(ctx, server.System, w.Subscribers, server.Resident)
		if err == nil {
			row.add(Resident, each)
		}
		return err
	}
	run := load.Job.Throughput
	if w.Kind == History {
		run = load.Job.History
	}
	r, err := run(w.job(a.blocks), ctx, a.server.System)
	if err != nil {
		return err
	}
	if r.Problem != "" {
		return errors.New(r.Problem)
	}
	row.add(w.rate(), r.Rate())
	row.add(CPU, perDelivery(r.CPU, r))
	return nil
}

func (w Workload) job(blocks int) load.Job {
	return load.Job{
		Publishers: w.Publishers, Subscribers: w.Subscribers, Size: w.Size, Topics: w.Topics, Acks: w.Kind == Acknowledged, Blocks: blocks,
	}
}

// rate is what a result's rate is of. Where lines are acknowledged there is one subscriber.
func (w Workload) rate() Metric {
	if w.Kind == Acknowledged {
		return Acks
	}
	return Rate
}

// perDelivery is in nanoseconds.
func perDelivery(cpu time.Duration, r load.Result) float64 {
	return float64(cpu.Nanoseconds()) / float64(r.Delivered)
}
