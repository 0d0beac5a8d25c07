package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

// BenchmarkLossFree100 looks for the largest rate at which a publisher's lines of 64 bytes reach
// each of 100 subscribers over loopback, every line, once and in order. It publishes for 3 s at a
// time, each time twice as fast, until a subscriber misses something, and then at rates in between;
// or until the lines arrive no faster. lines/s is the largest rate at which nothing was lost;
// delivered/s counts each line once for each subscriber. The clients are in this process and
// compare every byte: their CPU time is in the figures too.
func BenchmarkLossFree100(b *testing.B) {
	b.Run("slow=disconnect", func(b *testing.B) { benchmarkLossFree(b, 100, true) })
	b.Run("slow=block", func(b *testing.B) { benchmarkLossFree(b, 100, false) })
}

func benchmarkLossFree(b *testing.B, subscribers int, cutSlow bool) {
	const lasts = 3 * time.Second
	sum := 0.0
	for b.Loop() {
		rate, lost := 0.0, 0.0 // the largest one without loss, the smallest one with it
		for ask, saturated := 50_000.0, false; !saturated && (lost == 0 || lost > 1.05*rate); {
			lines := int(ask * lasts.Seconds())
			took, err := paced(b, subscribers, cutSlow, lines, ask)
			if err != nil {
				b.Logf("at %.0f lines/s: %v", ask, err)
				require.Greater(b, ask, 1000.0, "nothing is delivered at any rate")
				lost = ask
			} else {
				rate = max(rate, float64(lines)/took.Seconds())
				saturated = took > lasts*5/4
			}
			ask = 2 * rate
			if lost > 0 {
				ask = (rate + lost) / 2
			}
		}
		sum += rate
	}
	b.ReportMetric(sum/float64(b.N), "lines/s")
	b.ReportMetric(sum/float64(b.N)*float64(subscribers), "delivered/s")
}

// paced publishes so many lines at a rate, and returns how long it took until all subscribers had
// them, or what one of them has not received.
func paced(b *testing.B, subscribers int, cutSlow bool, lines int, rate float64) (took time.Duration, err error) {
	broker := New(Config{CutSlow: cutSlow})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go broker.Serve(listener)
	defer broker.Shutdown(context.Background())

	var sent, expected lap
	for i := range lapLines {
		line := fmt.Sprintf("%-63d\n", i)
		sent = append(sent, line...)
		expected = append(expected, "[FROM p] : "+line...)
	}
	errs := make([]error, subscribers)
	var received sync.WaitGroup
	for i := range errs {
		conn := tcpJoin(b, listener, "SUBSCRIBER\n")
		conn.SetDeadline(time.Now().Add(time.Minute)) // what has not come by then is lost
		received.Go(func() {
			defer conn.Close()
			errs[i] = expected.receive(conn, lines)
		})
	}
	conn := tcpJoin(b, listener, "PUBLISHER name=p\n")
	defer conn.Close()
	start := time.Now()
	require.NoError(b, sent.publish(conn, lines, rate))
	received.Wait()
	return time.Since(start), errors.Join(errs...)
}

// lap is a run of lines, all different, that is sent and received again and again.
type lap []byte

const lapLines = 4096

// size is how many bytes the first lines have.
func (l lap) size(lines int) int { return len(l) / lapLines * lines }

// publish sends so many lines, as many a second.
func (l lap) publish(conn net.Conn, lines int, rate float64) error {
	start := time.Now()
	for sent, size := 0, l.size(lines); sent < size; {
		due := l.size(min(lines, int(rate*time.Since(start).Seconds())))
		if sent >= due {
			time.Sleep(200 * time.Microsecond)
			continue
		}
		at := sent % len(l)
		n, err := conn.Write(l[at:min(len(l), at+due-sent, at+64<<10)])
		if sent += n; err != nil {
			return err
		}
	}
	_, err := io.WriteString(conn, protocol.Terminate+"\n")
	return err
}

// receive takes so many lines, and then leaves. It fails where anything else comes.
func (l lap) receive(conn net.Conn, lines int) error {
	buf := make([]byte, 256<<10)
	for got, size := 0, l.size(lines); got < size; {
		at := got % len(l)
		want := l[at:min(len(l), at+len(buf), at+size-got)]
		n, err := conn.Read(buf[:len(want)])
		if !bytes.Equal(buf[:n], want[:n]) {
			return fmt.Errorf("received something else than line %d and those after it", got/l.size(1)+1)
		}
		if got += n; err != nil {
			return fmt.Errorf("received %d of %d lines: %w", got/l.size(1), lines, err)
		}
	}
	if _, err := io.WriteString(conn, protocol.Terminate+"\n"); err != nil {
		return err
	}
	rest, err := io.ReadAll(conn)
	if strings.Count(string(rest), "\n") > 0 {
		err = fmt.Errorf("received %d bytes more than %d lines", len(rest), lines)
	}
	return err
}
