package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/e2e/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// join returns the two ends of a connection through a proxy with this plan.
func join(t *testing.T, plan Plan) (client, server *net.TCPConn, p *Proxy) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	p, err = New(listener.Addr().String(), func(int) Plan { return plan })
	require.NoError(t, err)
	t.Cleanup(p.Close)
	end := func(conn net.Conn, err error) *net.TCPConn {
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute))
		return conn.(*net.TCPConn)
	}
	client = end(net.Dial("tcp", p.Addr()))
	server = end(listener.Accept())
	return client, server, p
}

func text(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// Without a fault every byte arrives, in both directions at once, and so does
// the end of each.
func TestGentlePlansLoseNothing(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 0))
			sizes := [2]int{r.IntN(100_000), r.IntN(100_000)}
			client, server, _ := join(t, Gentle(r, 100_000))
			var running sync.WaitGroup
			send := func(from, to *net.TCPConn, what []byte) {
				running.Go(func() {
					from.Write(what)
					assert.NoError(t, from.CloseWrite())
				})
				running.Go(func() {
					got, err := io.ReadAll(to)
					assert.NoError(t, err)
					assert.True(t, bytes.Equal(what, got), "%d bytes of %d", len(got), len(what))
				})
			}
			send(client, server, text(r, sizes[0]))
			send(server, client, text(r, sizes[1]))
			running.Wait()
		})
	}
}

// A fault strikes at the very byte.
func TestFaultsAreExact(t *testing.T) {
	for at := range int64(40) {
		for _, c := range []struct {
			name string
			plan Plan
		}{
			{"up", Plan{Up: Way{Fault: HalfClose, At: at}}},
			{"split", Plan{Up: Way{Fault: HalfClose, At: at, Split: 1}}},
			{"held", Plan{Up: Way{Fault: HalfClose, At: at, Hold: time.Second}}},
			{"reset", Plan{Up: Way{Fault: Reset, At: at, Split: 1}}},
			{"lag", Plan{Up: Way{Fault: Reset, At: at, Lag: time.Millisecond}}},
		} {
			t.Run(fmt.Sprint(c.name, at), func(t *testing.T) {
				client, server, p := join(t, c.plan)
				want := text(rand.New(rand.NewPCG(uint64(at), 0)), 100)
				_, broken := client.Write(want)
				got, err := io.ReadAll(server)
				assert.Equal(t, want[:at], got)
				assert.Equal(t, 1, p.Faults(c.plan.Up.Fault))
				if c.plan.Up.Fault == Reset {
					assert.ErrorIs(t, err, syscall.ECONNRESET)
					_, err = io.ReadAll(client)
					assert.ErrorIs(t, errors.Join(broken, err), syscall.ECONNRESET, "the sender learns of it")
					return
				}
				assert.NoError(t, err)
				server.Write([]byte("the other direction goes on"))
				server.Close()
				got, err = io.ReadAll(client)
				assert.NoError(t, err)
				assert.Equal(t, "the other direction goes on", string(got))
			})
		}
	}
}

// A stall comes at the very byte, lasts, and passes.
func TestStall(t *testing.T) {
	want := text(rand.New(rand.NewPCG(1, 0)), 100)
	stall := func(lag time.Duration) (server *net.TCPConn, p *Proxy) {
		client, server, p := join(t, Plan{Up: Way{Fault: Stall, At: 40, Lag: lag}})
		client.Write(want)
		client.CloseWrite()
		got := make([]byte, 40)
		_, err := io.ReadFull(server, got)
		require.NoError(t, err)
		require.Equal(t, want[:40], got)
		return server, p
	}
	server, _ := stall(time.Hour)
	server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "nothing more has come")

	const lag = 30 * time.Millisecond
	start := time.Now()
	server, p := stall(lag)
	rest, err := io.ReadAll(server)
	require.NoError(t, err)
	require.Equal(t, want[40:], rest)
	require.GreaterOrEqual(t, time.Since(start), lag)
	require.Equal(t, 1, p.Faults(Stall))
}

// Where pieces end depends on the seed, and not on how bytes arrive.
func TestPiecesDependOnOffsetsOnly(t *testing.T) {
	way := Way{Seed: 7, Split: 100, Whole: 12, Delay: time.Millisecond}
	walk := func(most int64) (ends []int64, waited time.Duration) {
		p := newPieces(way)
		for p.passed < 100_000 {
			end := p.end
			n := int(min(p.room(), most, 100_000-p.passed))
			waited += p.pause(n)
			if p.advance(n); p.passed == end {
				ends = append(ends, end)
			}
		}
		return ends, waited
	}
	ends, waited := walk(1 << 20)
	require.Greater(t, len(ends), 100)
	require.GreaterOrEqual(t, ends[0], int64(12), "the beginning is not split")
	require.Positive(t, waited)
	for _, most := range []int64{1, 2, 3, 50} {
		again, waitedAgain := walk(most)
		require.True(t, slices.Equal(ends, again))
		require.Equal(t, waited, waitedAgain)
	}
	way.Seed = 8
	other, _ := walk(1 << 20)
	require.False(t, slices.Equal(ends, other))
}

// The beginning that must not be split waits until it is there.
func TestWhole(t *testing.T) {
	client, server, _ := join(t, Plan{Up: Way{Whole: 5, Split: 1}})
	client.Write([]byte("ab"))
	server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := server.Read(make([]byte, 1))
	require.Error(t, err, "nothing has come")
	server.SetReadDeadline(time.Now().Add(time.Minute))
	client.Write([]byte("cdefg"))
	buf := make([]byte, 5)
	n, err := server.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "abcde", string(buf[:n]))
}

// A reset on one side is passed on to the other.
func TestResetsArePassedOn(t *testing.T) {
	client, server, _ := join(t, Plan{})
	client.SetLinger(0)
	client.Close()
	_, err := io.ReadAll(server)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// Who connects while there is no server is reset.
func TestNoServer(t *testing.T) {
	p, err := New(ports.Addr(t), nil)
	require.NoError(t, err)
	defer p.Close()
	conn, err := net.Dial("tcp", p.Addr())
	if err == nil {
		defer conn.Close()
		_, err = io.ReadAll(conn)
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// Close cuts what is under way, whatever it waits for.
func TestClose(t *testing.T) {
	for _, plan := range []Plan{{}, {Up: Way{Delay: time.Hour, Seed: 1}}, {Up: Way{Rate: 1}}, {Up: Way{Hold: time.Hour}}, {Up: Way{Fault: HalfClose}}, {Up: Way{Fault: Reset, Lag: time.Hour}}, {Up: Way{Fault: Stall, Lag: time.Hour}}} {
		client, _, p := join(t, plan)
		client.Write(make([]byte, 40<<10))
		p.Close()
		_, err := io.ReadAll(client)
		require.Error(t, err)
		p.Close()
	}
}
