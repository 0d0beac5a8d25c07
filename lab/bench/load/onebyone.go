package load

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"pubsublab/lab/bench/dialect"
)

// Turn publishes one line, and returns when that is acknowledged.
type Turn func(ctx context.Context, line []byte) error

// Publisher is who takes turns.
type Publisher struct {
	Turn  Turn
	Close func()
}

// Turns is what a run of OneByOne, or of WriteFrames, has seen.
type Turns struct {
	*Latencies
	Elapsed time.Duration
}

// OneByOne is publishers that send a line when the last one is acknowledged. The first of each is
// not counted.
type OneByOne struct {
	Publishers int
	Size       int // of a line's text, MinSize or more
	Duration   time.Duration
}

// Run opens all publishers, and lets them publish. What one of them meets with is an error of all.
func (o OneByOne) Run(ctx context.Context, open func(ctx context.Context, i int) (Publisher, error)) (*Turns, error) {
	publishers := make([]Publisher, 0, o.Publishers)
	closeAll := sync.OnceFunc(func() {
		for _, p := range publishers {
			p.Close()
		}
	})
	defer closeAll()
	for i := range o.Publishers {
		p, err := open(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("publisher %d is not let in: %w", i, err)
		}
		publishers = append(publishers, p)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Duration+StreamTimeout, errSilence)
	defer cancel()
	context.AfterFunc(ctx, closeAll)

	merged := newLatencies()
	failed := make([]error, o.Publishers)
	var mu sync.Mutex
	var publishing sync.WaitGroup
	start := time.Now()
	for i, p := range publishers {
		publishing.Go(func() {
			var seen *Latencies
			seen, failed[i] = o.publish(ctx, p.Turn, start)
			mu.Lock()
			defer mu.Unlock()
			merged.Merge(seen)
		})
	}
	publishing.Wait()
	elapsed := time.Since(start)
	for i, err := range failed {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if err != nil {
			return nil, fmt.Errorf("publisher %d: %w", i, err)
		}
	}
	return &Turns{merged, elapsed}, nil
}

func (o OneByOne) publish(ctx context.Context, turn Turn, start time.Time) (*Latencies, error) {
	seen := newLatencies()
	line := payload(o.Size, true)
	for n := int64(0); n < 2 || time.Since(start) < o.Duration; n++ {
		putStamp(line, n)
		begun := time.Now()
		if err := turn(ctx, line); err != nil {
			return seen, err
		}
		if n > 0 {
			if err := seen.RecordValue(time.Since(begun).Microseconds()); err != nil {
				return seen, err
			}
		}
	}
	return seen, nil
}

// LineTurns opens publishers in the line protocol.
func LineTurns(system System) func(context.Context, int) (Publisher, error) {
	return func(ctx context.Context, i int) (Publisher, error) {
		conn, err := system.enter(ctx, i, func(c *dialect.Conn) error {
			return dialect.Lines{Ack: true}.Publisher(c, fmt.Sprintf("p%d", i), "")
		})
		if err != nil {
			return Publisher{}, err
		}
		answers, sent := bufio.NewReader(conn), 0
		return Publisher{Close: func() { conn.Close() }, Turn: func(_ context.Context, line []byte) error {
			sent++
			if _, err := conn.Write(append(line[:len(line):len(line)], '\n')); err != nil {
				return err
			}
			answer, err := answers.ReadString('\n')
			if want := fmt.Sprintf("ack %d\n", sent); err == nil && answer != want {
				err = fmt.Errorf("line %d is answered %q, expected %q", sent, strings.TrimSpace(answer), strings.TrimSpace(want))
			}
			return err
		}}, nil
	}
}

// StreamTurns opens publishers at a JetStream stream.
func StreamTurns(at Stream) func(context.Context, int) (Publisher, error) {
	return func(context.Context, int) (Publisher, error) {
		nc, err := nats.Connect(at.URL, nats.NoReconnect())
		if err != nil {
			return Publisher{}, err
		}
		js, err := jetstream.New(nc)
		if err != nil {
			nc.Close()
			return Publisher{}, err
		}
		last := uint64(0)
		return Publisher{Close: nc.Close, Turn: func(ctx context.Context, line []byte) error {
			ack, err := js.Publish(ctx, at.Subject, line)
			if err == nil && ack.Sequence <= last {
				err = fmt.Errorf("a line is number %d of the stream after number %d", ack.Sequence, last)
			}
			if err == nil {
				last = ack.Sequence
			}
			return err
		}}, nil
	}
}
