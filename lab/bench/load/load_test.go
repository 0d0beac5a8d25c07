package load

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/lab/bench/dialect"
	"pubsublab/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// relay is a broker of whole lines, spoilt by what is to be noticed: spoil gets each line with its
// number and returns what subscribers get instead.
type relay struct {
	t     *testing.T
	spoil func(n int, line []byte) []byte
	ack   func(n int) string // what is answered to line n of those who ask; nil for what is true

	mu          sync.Mutex
	subscribers []net.Conn
	lines       int
}

func startRelay(t *testing.T, spoil func(int, []byte) []byte) System {
	return (&relay{t: t, spoil: spoil}).start()
}

func (r *relay) start() System {
	t := r.t
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var sessions sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		sessions.Wait()
	})
	sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { r.serve(conn) })
		}
	})
	return System{
		Dialect: dialect.Lines{},
		Dial:    func(context.Context, int) (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) },
		CPU:     func() (time.Duration, error) { return 0, nil },
	}
}

func (r *relay) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	io.WriteString(conn, protocol.Prompt)
	role, err := in.ReadString('\n')
	if err != nil {
		return
	}
	if strings.HasPrefix(role, "SUBSCRIBER") {
		r.mu.Lock()
		r.subscribers = append(r.subscribers, conn)
		r.mu.Unlock()
		io.WriteString(conn, "registered as SUBSCRIBER\n")
		io.Copy(io.Discard, in)
		return
	}
	io.WriteString(conn, "registered as PUBLISHER\n")
	acks := strings.Contains(role, "ack=yes")
	for own := 1; ; own++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		r.mu.Lock()
		if r.lines++; r.spoil != nil {
			line = r.spoil(r.lines, line)
		}
		for _, s := range r.subscribers {
			s.Write(line)
		}
		r.mu.Unlock()
		if acks && r.ack != nil {
			io.WriteString(conn, r.ack(own))
		} else if acks {
			fmt.Fprintf(conn, "ack %d\n", own)
		}
	}
}

var small = Job{Publishers: 1, Subscribers: 2, Size: 1000, Blocks: 3, Timeout: 300 * time.Millisecond}

func TestThroughput(t *testing.T) {
	r, err := small.Throughput(t.Context(), startRelay(t, nil))
	require.NoError(t, err)
	assert.Empty(t, r.Problem)
	assert.EqualValues(t, 2*3*(BlockSize/1001), r.Delivered)
	assert.Positive(t, r.Elapsed)
	assert.Positive(t, r.Rate())
}

// A broker that drops, doubles, alters, reorders or cuts off cannot look fast.
func TestWhatIsWrongIsSaid(t *testing.T) {
	twice := func(line []byte) []byte { return append(bytes.Clone(line), line...) }
	for want, spoil := range map[string]func(int, []byte) []byte{
		"lost 12.8 %": func(n int, line []byte) []byte { // 25 of 3 times 65
			if n%8 == 3 {
				return nil
			}
			return line
		},
		"deliveries too many": func(n int, line []byte) []byte {
			if n == 195 {
				return twice(line)
			}
			return line
		},
		"garbled": func(_ int, line []byte) []byte { return bytes.ReplaceAll(line, []byte("z"), []byte("Z")) },
		"out of turn": func(n int, line []byte) []byte {
			if n == 66 { // the first of the second block
				return bytes.Replace(line, []byte("1q"), []byte("2q"), 1)
			}
			return line
		},
	} {
		t.Run(want, func(t *testing.T) {
			r, err := small.Throughput(t.Context(), startRelay(t, spoil))
			require.NoError(t, err)
			assert.Contains(t, r.Problem, want)
		})
	}
}

func TestAcknowledged(t *testing.T) {
	job := Job{Publishers: 2, Subscribers: 1, Size: 1000, Acks: true, Blocks: 3, Timeout: 300 * time.Millisecond}
	const lines = 3 * (BlockSize / 1001)
	const pause = 50 * time.Millisecond
	r, err := job.Throughput(t.Context(), (&relay{t: t, ack: func(n int) string {
		if n < lines {
			return ""
		}
		time.Sleep(pause) // it is what is measured
		return fmt.Sprintf("ack %d\n", n)
	}}).start())
	require.NoError(t, err)
	assert.Empty(t, r.Problem)
	assert.EqualValues(t, 2*lines, r.Delivered)
	assert.GreaterOrEqual(t, r.Elapsed, pause, "what has arrived is not acknowledged yet")

	for want, ack := range map[string]func(int) string{
		"everything has arrived, but is not acknowledged": func(n int) string { return fmt.Sprintf("ack %d\n", min(n, lines-1)) },
		`is answered "ack 5" after ack 6`:                 func(n int) string { return fmt.Sprintf("ack %d\n", 6-n/7) },
		`is answered "ack 1000000"`:                       func(n int) string { return "ack 1000000\n" },
		`is answered "error: no"`:                         func(n int) string { return "error: no\n" },
	} {
		t.Run(want, func(t *testing.T) {
			r, err := job.Throughput(t.Context(), (&relay{t: t, ack: ack}).start())
			require.NoError(t, err)
			assert.Contains(t, r.Problem, want)
		})
	}
}

func TestCutOff(t *testing.T) {
	var system System
	var conns []net.Conn
	system = startRelay(t, func(n int, line []byte) []byte {
		if n == 100 {
			conns[0].Close()
		}
		return line
	})
	dial := system.Dial
	var mu sync.Mutex
	system.Dial = func(ctx context.Context, client int) (net.Conn, error) {
		c, err := dial(ctx, client)
		mu.Lock()
		conns = append(conns, c)
		mu.Unlock()
		return c, err
	}
	r, err := small.Throughput(t.Context(), system)
	require.NoError(t, err)
	assert.Contains(t, r.Problem, "lost")
	assert.Contains(t, r.Problem, "was cut off")
}

// Publishers are never further ahead of the slowest subscriber than the window.
func TestWindow(t *testing.T) {
	job := Job{Publishers: 2, Subscribers: 2, Size: 1000, Blocks: 100, Timeout: 300 * time.Millisecond}
	system := startRelay(t, func(_ int, line []byte) []byte { return nil })
	r, err := job.Throughput(t.Context(), system)
	require.NoError(t, err)
	assert.Equal(t, "lost 100 %", r.Problem)
	assert.Less(t, r.Expected/2*1000, int64(window+3*BlockSize), "it stopped where nothing arrived")
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	system := startRelay(t, func(n int, line []byte) []byte {
		cancel()
		return nil
	})
	_, err := Job{Publishers: 1, Subscribers: 1, Size: 64, Blocks: 1, Timeout: time.Minute}.Throughput(ctx, system)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestNobodyIsLetIn(t *testing.T) {
	system := startRelay(t, nil)
	system.Dialect = dialect.MQTT{}
	_, err := small.Throughput(t.Context(), system)
	assert.ErrorContains(t, err, "is not let in")
}

func TestCalibrate(t *testing.T) {
	blocks, err := Job{Publishers: 1, Subscribers: 1, Size: 1000}.Calibrate(t.Context(), startRelay(t, nil), 100*time.Millisecond)
	require.NoError(t, err)
	assert.Greater(t, blocks, 3, "a block is passed on in less than 30 ms")
}

func TestLatency(t *testing.T) {
	pace := Pace{Publishers: 2, Subscribers: 3, Size: 64, Rate: 1000, Duration: 400 * time.Millisecond}
	seen, err := pace.Latency(t.Context(), startRelay(t, nil))
	require.NoError(t, err)
	assert.EqualValues(t, 3*200, seen.TotalCount(), "all lines but those of the warm-up, by each subscriber")
	assert.Positive(t, seen.Min())
}

// What holds the publisher up is not omitted: all lines that should have been sent meanwhile are
// late.
func TestLatencyOmitsNothing(t *testing.T) {
	const pause = 150 * time.Millisecond
	system := startRelay(t, func(n int, line []byte) []byte {
		if n == 300 {
			time.Sleep(pause) // it is what is measured
		}
		return line
	})
	pace := Pace{Publishers: 1, Subscribers: 1, Size: 64, Rate: 1000, Duration: 500 * time.Millisecond}
	seen, err := pace.Latency(t.Context(), system)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, seen.Max(), pause.Microseconds()*99/100)
	assert.Greater(t, seen.ValueAtQuantile(75), pause.Microseconds()/10, "not one line is late, but half of them")
}

func TestLatencyOfLostLines(t *testing.T) {
	system := startRelay(t, func(n int, line []byte) []byte { return bytes.Replace(line, []byte("@"), []byte("@x"), 1) })
	pace := Pace{Publishers: 1, Subscribers: 1, Size: 64, Rate: 1000, Duration: 100 * time.Millisecond}
	_, err := pace.Latency(t.Context(), system)
	assert.ErrorContains(t, err, "garbled")
}
