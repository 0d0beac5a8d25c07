package load

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"pubsublab/lab/bench/dialect"
)

// streamKey is the stream of Redis.
const streamKey = "bench"

// RedisStream is one run of publishers that add lines to a stream of Redis as fast as they can, and
// nobody who reads it.
type RedisStream struct {
	Publishers int
	Size       int // of a line, MinSize or more
	Blocks     int // so many of BlockSize does each publisher send
}

// Calibrate returns a run of about that length.
func (s RedisStream) Calibrate(ctx context.Context, system System, length time.Duration) (RedisStream, error) {
	for s.Blocks = 1; ; {
		fastest := time.Duration(math.MaxInt64)
		for range 2 { // something else may have slowed one of them down
			r, err := s.Run(ctx, system)
			if err != nil {
				return s, err
			}
			fastest = min(fastest, r.Elapsed)
		}
		factor := length.Seconds() / fastest.Seconds()
		s.Blocks = max(1, int(float64(s.Blocks)*min(factor, 20)))
		if factor < 3 {
			return s, nil
		}
	}
}

// Run publishes to an empty stream, and waits until everything is answered. Result's Delivered is
// how many lines the stream has then.
func (s RedisStream) Run(ctx context.Context, system System) (Result, error) {
	crowd, err := system.gather(ctx, 1+s.Publishers, 0, noTopic)
	if err != nil {
		return Result{}, err
	}
	defer crowd.close()
	ctx, cancel := context.WithTimeoutCause(ctx, StreamTimeout, errSilence)
	defer cancel()
	context.AfterFunc(ctx, crowd.close)
	control, publishers := crowd.publishers[0], crowd.publishers[1:]
	if _, err := redisNumber(control, "DEL "+streamKey); err != nil {
		return Result{}, err
	}
	var block []byte
	lines := 0
	for ; len(block) < BlockSize; lines++ {
		block = appendXADD(block, payload(s.Size, lines == 0))
	}
	want := int64(lines) * int64(s.Blocks)
	start := time.Now()
	var ended atomic.Int64
	var all errgroup.Group
	for i, conn := range publishers {
		all.Go(func() error {
			for range s.Blocks {
				if _, err := conn.Write(block); err != nil {
					return fmt.Errorf("publisher %d: %w", i, err)
				}
			}
			return nil
		})
		all.Go(func() error {
			if err := redisAnswers(conn, want); err != nil {
				return fmt.Errorf("publisher %d: %w", i, err)
			}
			ended.Store(int64(time.Since(start))) // the last one stays
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return Result{}, err
	}
	stored, err := redisNumber(control, "XLEN "+streamKey)
	r := Result{Expected: want * int64(s.Publishers), Delivered: stored, Elapsed: time.Duration(ended.Load())}
	if problem := problem(r, nil); err == nil && problem != "" {
		err = fmt.Errorf("the stream: %s", problem)
	}
	return r, err
}

// appendXADD appends a command. Its answer is of two lines.
func appendXADD(dst, line []byte) []byte {
	dst = fmt.Appendf(dst, "*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$1\r\n*\r\n$1\r\nl\r\n$%d\r\n", len(streamKey), streamKey, len(line))
	return append(append(dst, line...), "\r\n"...)
}

// redisAnswers reads the answers to so many commands.
func redisAnswers(conn *dialect.Conn, want int64) error {
	buf := make([]byte, readSize)
	for feeds := int64(0); feeds < 2*want; {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		if i := bytes.Index(buf[:n], []byte("-ERR")); i >= 0 {
			return fmt.Errorf("it is answered %q", buf[i:min(n, i+100)])
		}
		feeds += int64(bytes.Count(buf[:n], []byte{'\n'}))
	}
	return nil
}

// redisNumber has a command answered with a number.
func redisNumber(conn *dialect.Conn, command string) (int64, error) {
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return 0, err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(answer), ":"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is answered %q, expected a number", command, strings.TrimSpace(answer))
	}
	return n, nil
}

// RedisTurns opens publishers to a stream of Redis.
func RedisTurns(system System) func(context.Context, int) (Publisher, error) {
	return func(ctx context.Context, i int) (Publisher, error) {
		conn, err := system.enter(ctx, i, func(c *dialect.Conn) error { return system.Dialect.Publisher(c, "", "") })
		if err != nil {
			return Publisher{}, err
		}
		return Publisher{Close: func() { conn.Close() }, Turn: func(_ context.Context, line []byte) error {
			if _, err := conn.Write(appendXADD(nil, line)); err != nil {
				return err
			}
			return redisAnswers(conn, 1)
		}}, nil
	}
}
