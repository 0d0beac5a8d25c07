package load

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pubsublab/lab/bench/dialect"
)

const (
	// BlockSize is of what publishers write at once.
	BlockSize = 64 << 10
	// kernelBlock is of what the kernel writes at once: nobody has to read it in first.
	kernelBlock = 256 << 10
	// readSize is of what subscribers read at once. Larger ones cost more, because the bytes have
	// left the cache when they are counted.
	readSize = 64 << 10

	// window is how far publishers may be ahead of the slowest subscriber, in bytes of payloads.
	// Brokers without flow control would otherwise pile up what they cannot deliver until they cut
	// off who is slow.
	window = 4 << 20

	// linger is how long subscribers look out for deliveries that should not be.
	linger = 10 * time.Millisecond
)

// Job is one run of publishers as fast as they can.
type Job struct {
	Publishers, Subscribers int
	Size                    int  // of a payload, MinSize or more
	Topics                  bool // publisher i has a topic of its own, and only subscriber i wants it
	Acks                    bool // publishers in the line protocol ask for acknowledgements, and time goes on until they have them
	Blocks                  int  // so many does each publisher send
	// Timeout is how long nothing may arrive before what is missing is called lost; 0 means 3
	// seconds.
	Timeout time.Duration
}

// Result is what came of a Job. It is good where Problem is empty.
type Result struct {
	Expected, Delivered int64
	Elapsed             time.Duration // from the first byte published to the last delivery, or acknowledgement
	CPU                 time.Duration // that the broker took for it
	Problem             string
}

// Rate is in deliveries a second.
func (r Result) Rate() float64 { return float64(r.Delivered) / r.Elapsed.Seconds() }

// throughput is a Job that runs.
type throughput struct {
	Job
	system   System
	crowd    *crowd
	lines    int64 // of one block
	start    time.Time
	cpu      time.Duration
	sent     []atomic.Int64 // lines by publisher, counted before they are written
	got      []atomic.Int64 // deliveries by subscriber
	ended    []time.Duration
	acked    []atomic.Int64  // lines by publisher
	answered []time.Duration // by publisher, the last
}

// Throughput runs a job. An error means that there is no result; lost or garbled lines are a
// Problem of the result.
func (j Job) Throughput(ctx context.Context, system System) (Result, error) {
	topic := noTopic
	if j.Topics {
		topic = ownTopic
	}
	if j.Acks {
		system.Dialect = dialect.Lines{Ack: true}
	}
	crowd, err := system.gather(ctx, j.Publishers, j.Subscribers, topic)
	if err != nil {
		return Result{}, err
	}
	return j.new(system, crowd).run(ctx)
}

func (j Job) new(system System, crowd *crowd) *throughput {
	j.Timeout = cmp.Or(j.Timeout, 3*time.Second)
	_, lines := j.block(system, 0)
	return &throughput{
		Job: j, system: system, crowd: crowd, lines: int64(lines),
		sent: make([]atomic.Int64, j.Publishers), got: make([]atomic.Int64, j.Subscribers), ended: make([]time.Duration, j.Subscribers),
		acked: make([]atomic.Int64, j.Publishers), answered: make([]time.Duration, j.Publishers),
	}
}

// block makes the whole messages that a publisher sends again and again. The first has a stamp.
func (j Job) block(system System, publisher int) (block []byte, lines int) {
	topic, size := "", BlockSize
	if j.Topics {
		topic = ownTopic(publisher)
	}
	if _, ok := system.Dialect.(dialect.Kernel); ok {
		size = kernelBlock
	}
	for {
		longer := system.Dialect.AppendMessage(block, topic, payload(j.Size, lines == 0))
		if lines > 0 && len(longer) > size {
			if batcher, ok := system.Dialect.(dialect.Batcher); ok {
				block = batcher.Request(topic, block)
			}
			return block, lines
		}
		block, lines = longer, lines+1
	}
}

// run publishes, and reads until everything has arrived or too long nothing has. It closes the
// crowd.
func (t *throughput) run(ctx context.Context) (Result, error) {
	defer t.crowd.close()
	stop, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	context.AfterFunc(stop, t.crowd.close)
	before, err := t.system.CPU()
	if err != nil {
		return Result{}, err
	}
	if t.start.IsZero() {
		t.start = time.Now()
	}
	var publishing, receiving sync.WaitGroup
	for i := range t.got {
		receiving.Go(func() {
			if err := t.receive(i); err != nil {
				cancel(err)
			}
		})
	}
	for i, conn := range t.crowd.publishers {
		publishing.Go(func() { t.publish(stop, i) })
		if !t.Acks {
			go io.Copy(io.Discard, conn) // what it is answered, until the run's end closes it
			continue
		}
		receiving.Go(func() {
			if err := t.acknowledged(i); err != nil {
				cancel(err)
			}
		})
	}
	go watch(stop, t.Timeout, t.progress, cancel)
	receiving.Wait()
	problem := context.Cause(stop)
	after, err := t.system.CPU()
	t.cpu = after - before
	cancel(nil)
	publishing.Wait()
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	return t.result(problem), err
}

func (t *throughput) result(err error) Result {
	r := Result{Elapsed: time.Since(t.start), CPU: t.cpu}
	for i := range t.got {
		r.Delivered += t.got[i].Load()
		r.Expected += t.sentTo(i)
	}
	if err == nil {
		r.Elapsed = 0
		r.Elapsed = slices.Max(t.ended)
		if t.Acks {
			r.Elapsed = slices.Max(t.answered)
		}
	}
	r.Problem = problem(r, err)
	return r
}

// problem says what is wrong with a result, where err is what ended the run early.
func problem(r Result, err error) string {
	var all []string
	switch lost := r.Expected - r.Delivered; {
	case lost > 0:
		all = append(all, fmt.Sprintf("lost %.3g %%", 100*float64(lost)/float64(r.Expected)))
	case lost < 0:
		all = append(all, fmt.Sprintf("%d deliveries too many", -lost))
	case errors.Is(err, errSilence):
		all = append(all, "everything has arrived, but is not acknowledged")
	}
	if err != nil && !errors.Is(err, errSilence) {
		all = append(all, err.Error())
	}
	return strings.Join(all, ": ")
}

// sentTo is how many lines were published that subscriber i should get.
func (t *throughput) sentTo(i int) (n int64) {
	if t.Topics {
		return t.sent[i].Load()
	}
	for p := range t.sent {
		n += t.sent[p].Load()
	}
	return n
}

func (t *throughput) publish(ctx context.Context, i int) {
	conn := t.crowd.publishers[i]
	block, _ := t.block(t.system, i)
	if kernel, ok := t.system.Dialect.(dialect.Kernel); ok {
		t.sent[i].Add(t.lines * int64(t.Blocks))
		if i == 0 { // for all
			kernel.Order(conn, t.Blocks*t.Publishers, block)
		}
		return
	}
	at := bytes.IndexByte(block, '@')
	for n := range t.Blocks {
		if !t.room(ctx, i) {
			return
		}
		putStamp(block[at:], int64(i)*blockBase+int64(n))
		t.sent[i].Add(t.lines)
		if _, err := conn.Write(block); err != nil {
			return // who is not served sees it: the subscribers
		}
	}
}

// acknowledged reads what publisher i is answered until all its lines are acknowledged.
func (t *throughput) acknowledged(i int) error {
	answers := bufio.NewScanner(t.crowd.publishers[i])
	for last, want := int64(0), t.lines*int64(t.Blocks); last < want; {
		if !answers.Scan() {
			return fmt.Errorf("publisher %d was cut off with %d lines not acknowledged: %w", i, want-last, cmp.Or(answers.Err(), io.EOF))
		}
		n, err := strconv.ParseInt(strings.TrimPrefix(answers.Text(), "ack "), 10, 64)
		if err != nil || n < last || n > t.sent[i].Load() {
			return fmt.Errorf("publisher %d is answered %q after ack %d of %d", i, answers.Text(), last, t.sent[i].Load())
		}
		last = n
		t.acked[i].Store(n)
	}
	t.answered[i] = time.Since(t.start)
	return nil
}

// room waits until a publisher is not too far ahead.
func (t *throughput) room(ctx context.Context, publisher int) bool {
	most := max(window/int64(t.Size), 2*t.lines*int64(t.Publishers))
	for t.ahead(publisher) > most {
		if ctx.Err() != nil {
			return false
		}
		time.Sleep(50 * time.Microsecond)
	}
	return true
}

// ahead is how many lines the slowest subscriber of a publisher has still to get.
func (t *throughput) ahead(publisher int) (most int64) {
	if t.Topics {
		return t.sentTo(publisher) - t.got[publisher].Load()
	}
	sent := t.sentTo(0)
	for i := range t.got {
		most = max(most, sent-t.got[i].Load())
	}
	return most
}

// receive counts and checks what subscriber i is delivered, until it is all there.
func (t *throughput) receive(i int) error {
	conn := t.crowd.subscribers[i]
	want := t.lines * int64(t.Blocks)
	if !t.Topics {
		want *= int64(t.Publishers)
	}
	counter := t.system.Dialect.NewCounter()
	check := stampScanner{size: t.Size, each: inTurn(t.Publishers)}
	buf := make([]byte, readSize)
	for got := int64(0); got < want; {
		n, err := conn.Read(buf)
		if err != nil {
			return fmt.Errorf("subscriber %d was cut off: %w", i, err)
		}
		if got = t.got[i].Add(int64(counter.Count(buf[:n]))); got >= want {
			t.ended[i] = time.Since(t.start)
		}
		if !t.system.Limit {
			if err := check.look(buf[:n]); err != nil {
				return err
			}
		}
	}
	// Nothing more may come.
	conn.SetReadDeadline(time.Now().Add(linger))
	n, _ := conn.Read(buf)
	t.got[i].Add(int64(counter.Count(buf[:n])))
	return nil
}

var errSilence = errors.New("nothing arrives any more")

// progress is of all subscribers and publishers.
func (t *throughput) progress() (n int64) {
	for i := range t.got {
		n += t.got[i].Load()
	}
	for i := range t.acked {
		n += t.acked[i].Load()
	}
	return n
}

// watch ends a run in which nothing goes on any more for as long as the timeout is. It looks often,
// so that a pause of the whole machine is not taken for one of the broker.
func watch(ctx context.Context, timeout time.Duration, progress func() int64, stop func(error)) {
	const looks = 10
	ticker := time.NewTicker(timeout / looks)
	defer ticker.Stop()
	for last, idle := int64(0), 0; idle < looks; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := progress()
		if idle++; now != last {
			last, idle = now, 0
		}
	}
	stop(errSilence)
}
