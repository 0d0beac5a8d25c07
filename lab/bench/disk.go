package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"golang.org/x/sync/errgroup"

	"pubsublab/lab/bench/load"
	"pubsublab/lab/bench/peer"
)

// diskPeers are the programs that sync what they are sent.
var diskPeers = []string{"lab", "nats", "redis"}

// Peers of reports that are no programs of their own.
const (
	memoryKey  = "memory"  // our broker with its journal in memory
	streamsKey = "streams" // Redis with streams
	rawKey     = "disk"    // the disk itself
	bothKey    = "both"    // our broker with its journal in memory, and the disk, at once
)

// diskWorkloads returns those of a broker with its journal on a disk, or those that --quick has.
func diskWorkloads(full bool) (all []Workload) {
	for _, kind := range []Kind{Acknowledged, OneByOne} {
		for _, publishers := range []int{1, 100} {
			w := Workload{Kind: kind, Publishers: publishers, Size: 64, Always: true}
			title := english.Plural(publishers, "publisher", "")
			if kind == OneByOne {
				w.Name, w.Title = "one-"+strconv.Itoa(publishers), title+", a line at a time"
			} else {
				w.Name, w.Title, w.Subscribers = "acks-"+strconv.Itoa(publishers), title, 1
			}
			all = append(all, w)
		}
	}
	all = append(all, Workload{Name: "2to20-disk", Title: "2 → 20, 64 B", Kind: Throughput, Publishers: 2, Subscribers: 20, Size: 64})
	recover := func(name string, kept, written float64) {
		all = append(all, Workload{Name: name, Kind: Recovery, Publishers: 1, Subscribers: 1, Size: 64, Kept: int64(kept * recovered), Written: int64(written * recovered)})
	}
	recover("recovery", 1, 1)
	recover("recovery-quarter", 0.25, 1)
	if full {
		recover("recovery-of-4", 1, 4)
	}
	return all
}

// recovered is the size of a journal that is recovered, in bytes.
const recovered = 1 << 30

// disks measures brokers with a journal on a disk, and what can be compared with them.
func (b *benchmark) disks(ctx context.Context, list []Workload, found []*peer.Peer) error {
	if err := b.onDisk(ctx); err != nil {
		return err
	}
	for _, w := range list {
		if w.Kind == Recovery {
			if b.Recover > 0 {
				w.Kept, w.Written = w.Kept*b.Recover/recovered, w.Written*b.Recover/recovered
			}
			w.Title = humanize.IBytes(uint64(w.Kept)) + " kept of " + humanize.IBytes(uint64(w.Written))
		}
		b.plan(w, len(b.rivals(w, found)))
	}
	for _, p := range found {
		switch p.Key {
		case "lab":
			b.report.Peers = append(b.report.Peers, Peer{p.Key, p.Title, p.Version, false}, Peer{memoryKey, "its memory", p.Version, true})
		case "nats":
			b.report.Peers = append(b.report.Peers, Peer{directKey, "JetStream", p.Version, false})
		case "redis":
			b.report.Peers = append(b.report.Peers, Peer{streamsKey, "Redis Streams", p.Version, false})
		}
	}
	b.report.Peers = append(b.report.Peers, Peer{bothKey, "memory beside disk", "", true}, Peer{rawKey, "the disk", "", true})
	for _, w := range b.report.Workloads {
		if err := b.measure(ctx, w, b.rivals(w, found)); err != nil {
			return err
		}
	}
	return nil
}

// rivals returns those that take turns in a workload. The first is our broker, and those with the
// disk itself come last: they write what that has written.
func (b *benchmark) rivals(w Workload, found []*peer.Peer) (all []*entry) {
	add := func(c contestant, key, title string) {
		all = append(all, &entry{c, title, Row{Workload: w.Name, Peer: key}})
	}
	ours := &onDisk{benchmark: b, workload: w, peer: found[0], dir: filepath.Join(b.dir, w.Name)}
	add(ours, "lab", found[0].Title)
	if w.Kind == Throughput || w.Kind == Acknowledged {
		add(&alone{benchmark: b, workload: w, peer: found[0]}, memoryKey, "its memory")
	}
	if w.Kind == Acknowledged || w.Kind == OneByOne {
		for _, p := range found[1:] {
			switch p.Key {
			case "nats":
				add(&syncedStream{direct: direct{benchmark: b, workload: w}, peer: p}, directKey, "JetStream")
			case "redis":
				add(&redisStreams{benchmark: b, workload: w, peer: p}, streamsKey, "Redis Streams")
			}
		}
		if w.Kind == Acknowledged {
			add(&both{alone: alone{benchmark: b, workload: w, peer: found[0]}, ours: ours}, bothKey, "memory beside the disk")
		}
		add(&raw{benchmark: b, ours: ours}, rawKey, "the disk")
	}
	return all
}

// onDisk is a broker with its journal in a folder.
type onDisk struct {
	*benchmark
	workload Workload
	peer     *peer.Peer
	dir      string
	server   *peer.Server
	job      load.Job

	end    peer.JournalEnd // of what was written before the last round
	frames []int           // bytes of each that was written in it
	lines  float64         // in them
}

// spare is more than is written in all rounds of a workload in which nothing is to be dropped.
const spare = 16 << 30

func (o *onDisk) start(ctx context.Context) (err error) {
	size := o.workload.Kept
	if size == 0 {
		size = spare
	}
	o.server, err = o.peer.StartJournal(ctx, o.dir, size)
	return err
}

func (o *onDisk) ready(ctx context.Context) error {
	err := os.Mkdir(o.dir, 0o700)
	if err == nil {
		err = o.start(ctx)
	}
	if err != nil {
		return err
	}
	o.job = o.workload.job(1)
	o.job.Timeout = load.StreamTimeout
	switch o.workload.Kind {
	case Acknowledged, Throughput:
		o.job.Blocks, err = o.job.Calibrate(ctx, o.server.System, o.Run)
	case Recovery:
		o.job.Blocks = max(1, int(o.workload.Written/load.BlockSize))
		var r load.Result
		if r, err = o.job.Throughput(ctx, o.server.System); err == nil && r.Problem != "" {
			err = errors.New(r.Problem)
		}
	}
	return err
}

func (o *onDisk) stop() {
	if o.server != nil {
		o.server.Stop()
	}
	os.RemoveAll(o.dir)
}

func (o *onDisk) round(ctx context.Context, row *Row) (err error) {
	o.frames = nil
	if o.workload.Kind == Recovery {
		return o.recover(ctx, row)
	}
	if o.end, _, err = peer.Frames(o.dir, o.end); err != nil {
		return err
	}
	if o.workload.Kind == OneByOne {
		seen, err := load.OneByOne{Publishers: o.workload.Publishers, Size: o.workload.Size, Duration: o.Latency}.
			Run(ctx, load.LineTurns(o.server.System))
		if err != nil {
			return err
		}
		row.acknowledged(seen)
		o.lines = float64(seen.TotalCount())
	} else {
		r, err := o.job.Throughput(ctx, o.server.System)
		if err == nil && r.Problem != "" {
			err = errors.New(r.Problem)
		}
		if err != nil {
			return err
		}
		row.add(o.workload.rate(), r.Rate())
		row.add(CPU, perDelivery(r.CPU, r))
		o.lines = o.workload.lines(r)
	}
	o.end, o.frames, err = peer.Frames(o.dir, o.end)
	return err
}

// recover kills the broker, and starts it again with what it has left on the disk.
func (o *onDisk) recover(ctx context.Context, row *Row) error {
	o.server.Stop()
	if err := load.Forget(o.dir); err != nil {
		return err
	}
	begun := time.Now()
	if err := o.start(ctx); err != nil {
		return err
	}
	row.add(Recover, float64(time.Since(begun).Microseconds()))
	return nil
}

// acknowledged adds what a run of OneByOne has seen.
func (r *Row) acknowledged(seen *load.Turns) {
	r.add(Acks, float64(seen.TotalCount())/seen.Elapsed.Seconds())
	r.add(P50, float64(seen.ValueAtQuantile(50)))
	r.add(P99, float64(seen.ValueAtQuantile(99)))
}

// raw is the disk: it has to take the very frames that our broker has written in this round.
type raw struct {
	*benchmark
	ours *onDisk
}

var errNoFrames = errors.New("there are no frames of the broker's to write")

func (r *raw) ready(context.Context) error { return nil }
func (r *raw) stop()                       {}

func (r *raw) round(_ context.Context, row *Row) error {
	if len(r.ours.frames) == 0 {
		return errNoFrames
	}
	seen, err := load.WriteFrames(r.dir, r.ours.frames)
	if err != nil {
		return err
	}
	row.add(Acks, r.ours.lines/seen.Elapsed.Seconds())
	row.add(P50, float64(seen.ValueAtQuantile(50)))
	row.add(P99, float64(seen.ValueAtQuantile(99)))
	return nil
}

// both is our broker with its journal in memory and the same clients as with one on the disk, while
// the disk takes the frames, on the same processors: what a journal would reach that costs no more
// than the disk does, and has nobody wait for it.
type both struct {
	alone
	ours *onDisk
}

func (t *both) ready(ctx context.Context) (err error) {
	t.blocks = t.ours.job.Blocks
	t.server, err = t.start(ctx)
	return err
}

func (t *both) round(ctx context.Context, row *Row) error {
	if len(t.ours.frames) == 0 {
		return errNoFrames
	}
	var seen *load.Turns
	var all errgroup.Group
	all.Go(func() (err error) {
		seen, err = load.WriteFrames(t.dir, t.ours.frames)
		return err
	})
	r, err := t.workload.job(t.blocks).Throughput(ctx, t.server.System)
	if err == nil && r.Problem != "" {
		err = errors.New(r.Problem)
	}
	if err := errors.Join(err, all.Wait()); err != nil {
		return err
	}
	row.add(Acks, t.workload.lines(r)/max(r.Elapsed, seen.Elapsed).Seconds())
	return nil
}

// syncedStream is a stream of one NATS server that syncs it always.
type syncedStream struct {
	direct
	peer *peer.Peer
}

func (s *syncedStream) ready(ctx context.Context) (err error) {
	if s.cluster, err = s.peer.StartCluster(ctx, filepath.Join(s.dir, s.name()), 1, true); err != nil {
		return err
	}
	if s.workload.Kind == Acknowledged {
		return s.direct.ready(ctx)
	}
	s.stream, err = s.cluster.MakeStream(ctx, s.name())
	return err
}

func (s *syncedStream) round(ctx context.Context, row *Row) error {
	if s.workload.Kind == Acknowledged {
		return s.direct.round(ctx, row)
	}
	seen, err := load.OneByOne{Publishers: s.workload.Publishers, Size: s.workload.Size, Duration: s.Latency}.Run(ctx, load.StreamTurns(*s.stream))
	if err == nil {
		row.acknowledged(seen)
	}
	return err
}

func (s *syncedStream) stop() { s.cluster.Stop() }

// redisStreams is a stream of Redis, with every command synced.
type redisStreams struct {
	*benchmark
	workload Workload
	peer     *peer.Peer
	server   *peer.Server
	job      load.RedisStream
}

func (s *redisStreams) ready(ctx context.Context) (err error) {
	dir := filepath.Join(s.dir, s.workload.Name+"-redis")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if s.server, err = s.peer.StartSynced(ctx, dir); err != nil || s.workload.Kind == OneByOne {
		return err
	}
	s.job, err = load.RedisStream{Publishers: s.workload.Publishers, Size: s.workload.Size}.Calibrate(ctx, s.server.System, s.Run)
	return err
}

func (s *redisStreams) round(ctx context.Context, row *Row) error {
	if s.workload.Kind == OneByOne {
		seen, err := load.OneByOne{Publishers: s.workload.Publishers, Size: s.workload.Size, Duration: s.Latency}.
			Run(ctx, load.RedisTurns(s.server.System))
		if err == nil {
			row.acknowledged(seen)
		}
		return err
	}
	r, err := s.job.Run(ctx, s.server.System)
	if err == nil {
		row.add(Acks, r.Rate())
	}
	return err
}

func (s *redisStreams) stop() {
	if s.server != nil {
		s.server.Stop()
	}
}
