package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// warmUp is the begin of a latency run that is not recorded.
const warmUp = 200 * time.Millisecond

// Pace is a run at a fixed rate. Every line holds the time at which the schedule wanted it sent,
// and latency is counted from then until the subscriber's read returned: a broker that holds
// publishers up makes all lines behind late, and that shows.
type Pace struct {
	Publishers, Subscribers int
	Size                    int
	Rate                    int // lines a second, of all publishers together
	Duration                time.Duration
}

// Latencies are in microseconds of up to a minute, with three digits.
type Latencies = hdrhistogram.Histogram

func newLatencies() *Latencies { return hdrhistogram.New(1, time.Minute.Microseconds(), 3) }

// Latency returns what the subscribers saw. Lines that are lost are an error here.
func (p Pace) Latency(ctx context.Context, system System) (*Latencies, error) {
	crowd, err := system.gather(ctx, p.Publishers, p.Subscribers, noTopic)
	if err != nil {
		return nil, err
	}
	defer crowd.close()
	lines := int(p.Duration.Seconds() * float64(p.Rate) / float64(p.Publishers)) // of each publisher
	limit, cancel := context.WithTimeoutCause(ctx, p.Duration+handshakeTimeout, fmt.Errorf("not all lines have arrived %s after the last", handshakeTimeout))
	defer cancel()
	context.AfterFunc(limit, crowd.close)

	start := time.Now()
	var all sync.WaitGroup
	for i, conn := range crowd.publishers {
		go io.Copy(io.Discard, conn)
		all.Go(func() { p.publish(conn, system, start, i, lines) })
	}
	merged := newLatencies()
	failed := make([]error, p.Subscribers)
	var mu sync.Mutex
	for i, conn := range crowd.subscribers {
		all.Go(func() {
			seen := newLatencies()
			failed[i] = p.receive(conn, start, lines*p.Publishers, seen)
			mu.Lock()
			merged.Merge(seen)
			mu.Unlock()
		})
	}
	all.Wait()
	for i, err := range failed {
		if cause := context.Cause(limit); cause != nil {
			return nil, cause
		}
		if err != nil {
			return nil, fmt.Errorf("subscriber %d: %w", i, err)
		}
	}
	return merged, nil
}

// publish writes each line at its time, and all that are due at once.
func (p Pace) publish(conn io.Writer, system System, start time.Time, publisher, lines int) {
	runtime.LockOSThread() // a thread of its own sleeps more exactly than a goroutine
	defer runtime.UnlockOSThread()
	finerSleep()
	interval := time.Second * time.Duration(p.Publishers) / time.Duration(p.Rate)
	phase := interval * time.Duration(publisher) / time.Duration(p.Publishers)
	message := system.Dialect.AppendMessage(nil, "", payload(p.Size, true))
	at := bytes.IndexByte(message, '@')
	var block []byte
	for i := 0; i < lines; {
		due := phase + time.Duration(i)*interval
		if wait := due - time.Since(start); wait > 0 {
			sleep(wait)
		}
		block = block[:0]
		for now := time.Since(start); i < lines && due <= now; i++ {
			putStamp(message[at:], int64(due))
			block = append(block, message...)
			due += interval
		}
		if _, err := conn.Write(block); err != nil {
			return // the subscribers see it
		}
	}
}

// receive records so many lines.
func (p Pace) receive(conn io.Reader, start time.Time, lines int, seen *Latencies) error {
	var now time.Duration
	check := stampScanner{size: p.Size, each: func(due int64) error {
		lines--
		if time.Duration(due) < warmUp {
			return nil
		}
		return seen.RecordValue((now - time.Duration(due)).Microseconds())
	}}
	buf := make([]byte, readSize)
	for lines > 0 {
		n, err := conn.Read(buf)
		if err != nil {
			return fmt.Errorf("%d lines are missing: %w", lines, err)
		}
		now = time.Since(start)
		if err := check.look(buf[:n]); err != nil {
			return err
		}
	}
	return nil
}
