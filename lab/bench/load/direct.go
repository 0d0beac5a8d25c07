package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"pubsublab/lab/bench/dialect"
)

// Direct is one run at a JetStream stream with no broker before it: every line is a message,
// published asynchronously, and read by ordered consumers meanwhile. The lines are those of a Job.
type Direct struct {
	Publishers, Subscribers int // each has a connection of its own
	Size                    int // of a line, MinSize or more
	Lines                   int // of each publisher
	Pending                 int // how many of a publisher's may wait for their acknowledgement
	// Timeout is how long nothing may be acknowledged or arrive before what is missing is called
	// lost; 0 means StreamTimeout.
	Timeout time.Duration

	joined func() // called once the consumers are there, in tests
}

// StreamTimeout is how long nothing may go on at a stream before what is missing is called lost.
// Where each message is synced, a server answers nobody until it has stored all that wait, and an
// ordered consumer that was disturbed takes some seconds to begin again.
const StreamTimeout = 30 * time.Second

// windows are the numbers of messages of all publishers together that Calibrate tries.
var windows = []int{256, 1024, 4096, 16384}

// Calibrate returns a run of about that length, with the window that serves the stream best.
func (d Direct) Calibrate(ctx context.Context, at Stream, length time.Duration) (Direct, error) {
	d.Pending = max(1, windows[1]/d.Publishers)
	rate := 0.
	try := func() error {
		r, err := d.Run(ctx, at)
		if err == nil && r.Problem != "" {
			err = errors.New(r.Problem)
		}
		rate = r.Rate()
		return err
	}
	resize := func(most float64) {
		d.Lines = max(1, int(min(rate*length.Seconds()/float64(d.Publishers), most)))
	}
	for d.Lines = 100; ; {
		if err := try(); err != nil {
			return d, err
		}
		before := d.Lines
		if resize(10 * float64(before)); d.Lines < 3*before {
			break
		}
	}
	best, fastest := d, 0.
	for _, window := range windows {
		d.Pending = max(1, window/d.Publishers)
		for range 2 { // something else may have slowed one of them down
			if err := try(); err != nil {
				return d, err
			}
			if rate > fastest {
				best, fastest = d, rate
			}
		}
	}
	d, rate = best, fastest
	resize(math.Inf(1))
	return d, nil
}

// Stream is one that exists. Nobody else publishes to it during a run.
type Stream struct {
	URL     string // of the NATS server
	Name    string
	Subject string
}

// direct is a Direct that runs.
type direct struct {
	Direct
	at     Stream
	conns  []*nats.Conn // publishers, and then subscribers
	stop   context.CancelCauseFunc
	start  time.Time
	sent   atomic.Int64
	acked  atomic.Int64
	ended  atomic.Int64 // when the last was acknowledged, in ns since start
	got    atomic.Int64 // of all subscribers
	unread atomic.Int64 // subscribers that have not got everything
	all    chan struct{}
}

// Run publishes, and waits until everything is acknowledged and has arrived, or too long nothing
// has. As for a Job, an error means that there is no result, and lines that are lost or garbled are
// a Problem of it. The result's CPU is 0.
func (d Direct) Run(ctx context.Context, at Stream) (Result, error) {
	d.Timeout = cmp.Or(d.Timeout, StreamTimeout)
	stop, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	run := &direct{Direct: d, at: at, stop: cancel, all: make(chan struct{})}
	run.unread.Store(int64(d.Subscribers))
	defer run.close()
	joining, cancelJoining := context.WithTimeoutCause(stop, StreamTimeout, errors.New("it does not work in time"))
	defer cancelJoining()
	for i := range d.Subscribers {
		if err := run.subscribe(joining, i); err != nil {
			return Result{}, fmt.Errorf("ordered consumer %d: %w", i, err)
		}
	}
	publishers := make([]jetstream.JetStream, d.Publishers)
	for i := range publishers {
		var err error
		if publishers[i], err = run.connect(jetstream.WithPublishAsyncMaxPending(d.Pending),
			jetstream.WithPublishAsyncAckHandler(func(jetstream.JetStream, *nats.Msg, *jetstream.PubAck) { run.acknowledged() }),
			jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) { cancel(err) })); err != nil {
			return Result{}, fmt.Errorf("publisher %d: %w", i, err)
		}
	}
	go watch(stop, d.Timeout, func() int64 { return run.acked.Load() + run.got.Load() }, cancel)
	if d.joined != nil {
		d.joined()
	}
	run.start = time.Now()
	var publishing errgroup.Group
	for i, js := range publishers {
		publishing.Go(func() error { return run.publish(stop, js, i) })
	}
	if err := publishing.Wait(); err != nil {
		cancel(err)
	}
	for _, js := range publishers {
		select {
		case <-js.PublishAsyncComplete():
		case <-stop.Done():
		}
	}
	select {
	case <-run.all:
		time.Sleep(linger) // nothing more may come
	case <-stop.Done():
	}
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	return run.result(context.Cause(stop)), nil
}

func (d *direct) result(err error) Result {
	r := Result{Expected: d.sent.Load() * int64(d.Subscribers), Delivered: d.got.Load(), Elapsed: time.Duration(d.ended.Load())}
	r.Problem = problem(r, err)
	if lost := d.sent.Load() - d.acked.Load(); r.Problem == "" && lost != 0 {
		r.Problem = fmt.Sprintf("%d lines were not acknowledged", lost)
	}
	return r
}

func (d *direct) connect(options ...jetstream.JetStreamOpt) (jetstream.JetStream, error) {
	nc, err := nats.Connect(d.at.URL, nats.NoReconnect())
	if err != nil {
		return nil, err
	}
	d.conns = append(d.conns, nc)
	return jetstream.New(nc, options...)
}

func (d *direct) close() {
	for _, nc := range d.conns {
		nc.Close()
	}
}

func (d *direct) acknowledged() {
	if d.acked.Add(1) == int64(d.Publishers)*int64(d.Lines) {
		d.ended.Store(int64(time.Since(d.start)))
	}
}

// publish sends what publisher i has to send.
func (d *direct) publish(ctx context.Context, js jetstream.JetStream, i int) error {
	block, each := Job{Size: d.Size}.block(System{Dialect: dialect.Lines{}}, i)
	lines := bytes.Split(block[:len(block)-1], []byte{'\n'})
	for n := 0; n < d.Lines && ctx.Err() == nil; {
		line := lines[n%each]
		if n%each == 0 {
			line = bytes.Clone(line) // what is not acknowledged may be sent again
			putStamp(line, int64(i)*blockBase+int64(n/each))
		}
		_, err := js.PublishAsync(d.at.Subject, line)
		if errors.Is(err, jetstream.ErrTooManyStalledMsgs) {
			continue // the window has been full for a while: watch knows how long that may be
		}
		if err != nil {
			return fmt.Errorf("publisher %d: %w", i, err)
		}
		d.sent.Add(1)
		n++
	}
	return nil
}

// hello is published before a run, until each consumer is known to work: a new one may be told that
// nobody answers in its cluster.
const hello = "hello"

// subscribe has subscriber i receive from now on.
func (d *direct) subscribe(ctx context.Context, i int) error {
	js, err := d.connect()
	if err != nil {
		return err
	}
	got, want := 0, d.Publishers*d.Lines
	check := stampScanner{size: d.Size, each: inTurn(d.Publishers)}
	works := make(chan struct{}, 1)
	take := func(m jetstream.Msg) {
		if string(m.Data()) == hello {
			select {
			case works <- struct{}{}:
			default:
			}
			return
		}
		err := check.look(m.Data())
		if err == nil && len(m.Data()) != d.Size {
			err = fmt.Errorf("a line of %d bytes arrives", len(m.Data()))
		}
		if err != nil {
			d.stop(fmt.Errorf("subscriber %d: %w", i, err))
		}
		d.got.Add(1)
		if got++; got == want && d.unread.Add(-1) == 0 {
			close(d.all)
		}
	}
	for {
		consumption, failed, err := d.consume(ctx, js, take)
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		select {
		case <-works:
			return nil
		case <-failed:
			consumption.Stop()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// consume begins to read at a hello of its own. What is new to a replica that is behind may be
// older than that.
func (d *direct) consume(ctx context.Context, js jetstream.JetStream, take jetstream.MessageHandler) (jetstream.ConsumeContext, <-chan error, error) {
	ack, err := js.Publish(ctx, d.at.Subject, []byte(hello))
	if err != nil {
		return nil, nil, err
	}
	consumer, err := js.OrderedConsumer(ctx, d.at.Name, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: ack.Sequence,
	})
	if err != nil {
		return nil, nil, err
	}
	failed := make(chan error, 1)
	consumption, err := consumer.Consume(take, jetstream.PullMaxBytes(window), jetstream.PullHeartbeat(2*time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			select {
			case failed <- err:
			default: // it mends by itself what goes wrong later
			}
		}))
	return consumption, failed, err
}
