package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/shirou/gopsutil/v4/disk"

	"pubsublab/lab/bench/load"
	"pubsublab/lab/bench/peer"
)

// clusterPeers are the programs of which clusters are made.
var clusterPeers = []string{"lab", "nats"}

// directKey is of JetStream used without a broker. It is a peer in reports, and no program of its
// own.
const directKey = "jetstream"

// ErrInMemory says that the folder for temporary files is no place to measure what syncing to disk
// costs.
var ErrInMemory = errors.New("is kept in memory, where syncing costs nothing: set TMPDIR to a folder on a disk")

// clusterWorkloads returns those of brokers that share a stream, or those that --quick has.
// Neighbours share a cluster where they can.
func clusterWorkloads(full bool) (all []Workload) {
	add := func(w Workload, name, title string) {
		w.Name, w.Title, w.Size = name, title, 64
		all = append(all, w)
	}
	replicas := []int{3}
	if full {
		replicas = []int{1, 3}
	}
	for _, n := range replicas {
		for _, always := range []bool{false, true} {
			name, setting := "default", "default"
			if always {
				name, setting = "always", "always synced"
			}
			for _, publishers := range []int{1, 10} {
				add(Workload{Kind: Acknowledged, Publishers: publishers, Subscribers: 1, Brokers: 1, Replicas: n, Always: always},
					fmt.Sprintf("acks-%d-r%d-%s", publishers, n, name),
					fmt.Sprintf("%s, %s, %s", english.Plural(publishers, "publisher", ""), english.Plural(n, "replica", ""), setting))
			}
		}
	}
	documented := Workload{Replicas: 3, Always: true}
	for _, over := range [][2]int{{60, 1}, {60, 2}, {60, 3}, {20, 1}, {40, 2}} { // the same at more brokers, and the same at each
		w := documented
		w.Kind, w.Publishers, w.Subscribers, w.Brokers = Shared, 1, over[0], over[1]
		add(w, fmt.Sprintf("shared-%dx%d", over[0], over[1]), fmt.Sprintf("1 → %d over %s", over[0], english.Plural(over[1], "broker", "")))
	}
	idle := documented
	idle.Kind, idle.Subscribers, idle.Brokers = Memory, 2000, 1
	add(idle, "idle", "2,000 idle subscribers")
	return all
}

// onDisk fails where syncing costs nothing.
func (b *benchmark) onDisk(ctx context.Context) error {
	if usage, err := disk.UsageWithContext(ctx, b.dir); err == nil && usage.Fstype == "tmpfs" {
		return fmt.Errorf("%s %w", os.TempDir(), ErrInMemory)
	}
	return nil
}

// clusters measures brokers that share a stream, and JetStream without them.
func (b *benchmark) clusters(ctx context.Context, list []Workload, found []*peer.Peer) error {
	if err := b.onDisk(ctx); err != nil {
		return err
	}
	lab, nats := found[0], found[1]
	jetstream := Peer{directKey, "JetStream directly", nats.Version, false}
	b.report.Peers = []Peer{{lab.Key, lab.Title, lab.Version, false}, jetstream}
	for _, w := range list {
		contestants := 1
		if w.Kind == Acknowledged {
			contestants = 2
		}
		b.plan(w, contestants)
	}
	var cluster *peer.Cluster
	defer func() { cluster.Stop() }()
	for i, w := range b.report.Workloads {
		if last := b.report.Workloads[max(0, i-1)]; i == 0 || w.Replicas != last.Replicas || w.Always != last.Always {
			cluster.Stop()
			b.say(Step{b.steps.Done, b.steps.All, w.Title, nats.Title + ", starting"})
			var err error
			if cluster, err = nats.StartCluster(ctx, filepath.Join(b.dir, w.Name), w.Replicas, w.Always); err != nil {
				return err
			}
		}
		all := []*entry{{&shared{benchmark: b, workload: w, peer: lab, cluster: cluster}, lab.Title, Row{Workload: w.Name, Peer: lab.Key}}}
		if w.Kind == Acknowledged {
			all = append(all, &entry{&direct{benchmark: b, workload: w, cluster: cluster}, jetstream.Title, Row{Workload: w.Name, Peer: directKey}})
		}
		if err := b.measure(ctx, w, all); err != nil {
			return err
		}
	}
	return nil
}

// shared is brokers that share a stream.
type shared struct {
	*benchmark
	workload Workload
	peer     *peer.Peer
	cluster  *peer.Cluster
	brokers  *peer.Brokers
	job      load.Job
}

func (s *shared) ready(ctx context.Context) error {
	w := s.workload
	if w.Kind == Memory {
		return nil // each round has a new broker
	}
	var err error
	if s.brokers, err = s.peer.StartBrokers(ctx, s.cluster, w.Brokers, w.Name); err != nil {
		return err
	}
	s.job = w.job(1)
	s.job.Timeout = load.StreamTimeout
	s.job.Blocks, err = s.job.Calibrate(ctx, s.brokers.System, s.Run)
	return err
}

func (s *shared) stop() {
	if s.brokers != nil {
		s.brokers.Stop()
	}
	s.cluster.DeleteStream(s.workload.Name)
}

func (s *shared) round(ctx context.Context, row *Row) error {
	if s.workload.Kind == Memory {
		brokers, err := s.peer.StartBrokers(ctx, s.cluster, s.workload.Brokers, s.workload.Name)
		if err != nil {
			return err
		}
		defer brokers.Stop()
		each, err := load.Idle(ctx, brokers.System, s.workload.Subscribers, brokers.Resident)
		if err == nil {
			row.add(Resident, each)
		}
		return err
	}
	read, err := s.cluster.ReadByBrokers(ctx)
	if err != nil {
		return err
	}
	r, err := measured(ctx, s.cluster, row, s.workload, func() (load.Result, error) { return s.job.Throughput(ctx, s.brokers.System) })
	if err != nil {
		return err
	}
	readAfter, err := s.cluster.ReadByBrokers(ctx)
	if err != nil {
		return err
	}
	row.add(CPU, perDelivery(r.CPU, r))
	row.add(Read, float64(readAfter-read)/s.workload.lines(r))
	return nil
}

// settle is how long the servers have after a run until what they did for it is read.
const settle = 200 * time.Millisecond

// measured adds what run shows with and without brokers.
func measured(ctx context.Context, cluster *peer.Cluster, row *Row, w Workload, run func() (load.Result, error)) (load.Result, error) {
	before, err := cluster.CPU()
	if err != nil {
		return load.Result{}, err
	}
	r, err := run()
	if err != nil {
		return r, err
	}
	if r.Problem != "" {
		return r, errors.New(r.Problem)
	}
	select { // the replicas may be behind
	case <-time.After(settle):
	case <-ctx.Done():
		return r, context.Cause(ctx)
	}
	after, err := cluster.CPU()
	if err != nil {
		return r, err
	}
	row.add(w.rate(), r.Rate())
	row.add(StreamCPU, float64((after-before).Nanoseconds())/w.lines(r))
	return r, nil
}

// lines is how many were published.
func (w Workload) lines(r load.Result) float64 { return float64(r.Delivered) / float64(w.Subscribers) }

// direct is a stream without brokers.
type direct struct {
	*benchmark
	workload Workload
	cluster  *peer.Cluster
	stream   *load.Stream
	run      load.Direct
}

func (d *direct) name() string { return d.workload.Name + "-direct" }

func (d *direct) ready(ctx context.Context) (err error) {
	if d.stream, err = d.cluster.MakeStream(ctx, d.name()); err != nil {
		return err
	}
	d.run, err = load.Direct{Publishers: d.workload.Publishers, Subscribers: d.workload.Subscribers, Size: d.workload.Size}.
		Calibrate(ctx, *d.stream, d.Run)
	return err
}

func (d *direct) round(ctx context.Context, row *Row) error {
	_, err := measured(ctx, d.cluster, row, d.workload, func() (load.Result, error) { return d.run.Run(ctx, *d.stream) })
	return err
}

func (d *direct) stop() {
	if d.stream != nil {
		d.cluster.DeleteStream(d.name())
	}
}
