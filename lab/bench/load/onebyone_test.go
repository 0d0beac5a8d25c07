package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/bench/dialect"
)

var few = OneByOne{Publishers: 3, Size: 64, Duration: 100 * time.Millisecond}

// Who answers late is seen to do so, and who answers wrongly is no result.
func TestOneByOne(t *testing.T) {
	const pause = 5 * time.Millisecond
	seen, err := few.Run(t.Context(), LineTurns((&relay{t: t, ack: func(n int) string {
		time.Sleep(pause) // it is what is measured
		return fmt.Sprintf("ack %d\n", n)
	}}).start()))
	require.NoError(t, err)
	assert.GreaterOrEqual(t, seen.Min(), pause.Microseconds()*99/100)
	assert.GreaterOrEqual(t, seen.TotalCount(), int64(few.Publishers))
	assert.GreaterOrEqual(t, seen.Elapsed, few.Duration)

	_, err = few.Run(t.Context(), LineTurns((&relay{t: t, ack: func(n int) string { return fmt.Sprintf("ack %d\n", max(1, n-1)) }}).start()))
	assert.ErrorContains(t, err, `line 2 is answered "ack 1", expected "ack 2"`)
}

func TestOneByOneAtAStream(t *testing.T) {
	seen, err := few.Run(t.Context(), StreamTurns(startStream(t, jetstream.StreamConfig{})))
	require.NoError(t, err)
	assert.Positive(t, seen.TotalCount())
	_, err = few.Run(t.Context(), StreamTurns(startStream(t, jetstream.StreamConfig{MaxMsgs: 5, Discard: jetstream.DiscardNew})))
	assert.ErrorContains(t, err, "maximum messages exceeded")
}

// redisLike answers commands as Redis does, as far as streams go; answer makes something else of
// the n-th XADD's.
func redisLike(t *testing.T, answer func(n int) string) System {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	added := make(chan int, 1)
	added <- 0
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for in := bufio.NewScanner(conn); in.Scan(); {
					n := <-added
					reply := ""
					switch word, _, _ := strings.Cut(in.Text(), " "); word {
					case "PING":
						reply = "+PONG\r\n"
					case "DEL":
						n, reply = 0, ":1\r\n"
					case "XLEN":
						reply = fmt.Sprintf(":%d\r\n", n)
					case "XADD":
						n++
						reply = answer(n)
					}
					fmt.Fprint(conn, reply)
					added <- n
				}
			}()
		}
	}()
	return dialRedis(listener.Addr().String())
}

func TestRedisStream(t *testing.T) {
	run := RedisStream{Publishers: 2, Size: 1000, Blocks: 2}
	r, err := run.Run(t.Context(), redisLike(t, func(n int) string { return fmt.Sprintf("$3\r\n%d-0\r\n", n) }))
	require.NoError(t, err)
	assert.Equal(t, r.Expected, r.Delivered)
	assert.Positive(t, r.Rate())
	_, err = run.Run(t.Context(), redisLike(t, func(int) string { return "-ERR no room\r\n" }))
	assert.ErrorContains(t, err, `it is answered "-ERR no room`)
	_, err = few.Run(t.Context(), RedisTurns(redisLike(t, func(n int) string { return fmt.Sprintf("$3\r\n%d-0\r\n", n) })))
	assert.NoError(t, err)
}

func TestWriteFrames(t *testing.T) {
	dir := t.TempDir()
	seen, err := WriteFrames(dir, []int{100, 70_000, 1})
	require.NoError(t, err)
	assert.EqualValues(t, 3, seen.TotalCount())
	assert.GreaterOrEqual(t, seen.Elapsed.Microseconds(), seen.Max()/2)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	_, err = WriteFrames(dir+"/none", []int{1})
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(dir+"/file", []byte("kept"), 0o600))
	require.NoError(t, Forget(dir))
	text, err := os.ReadFile(dir + "/file")
	require.NoError(t, err)
	assert.Equal(t, "kept", string(text))
}

func dialRedis(addr string) System {
	return System{Dialect: dialect.Redis{}, Dial: func(ctx context.Context, _ int) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}}
}
