package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"pubsublab/e2e/wait"
	"pubsublab/lab/topology"
)

// soak reports whether tests that could do more of the same are to do so.
func soak() bool { return os.Getenv("PUBSUBLAB_SOAK") != "" }

// Thousands of subscribers that have nothing to receive, and a hundred that do.
// The broker is a process in any case: an engine's port proxy does not carry so
// many connections.
func TestThousandsIdle(t *testing.T) {
	t.Parallel()
	const active, lines = 100, 500
	idle := 3000
	if soak() {
		idle = 10_000
	}
	processes, err := topology.NewEngine(t.Context(), topology.Processes)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, processes.Close()) })
	s := brokerOn(t, processes)
	before, err := s.Node("server").Memory(s.ctx)
	require.NoError(t, err)
	conns := make([]net.Conn, idle)
	var dialing errgroup.Group
	dialing.SetLimit(50)
	for i := range conns {
		dialing.Go(func() (err error) {
			if conns[i], err = net.Dial("tcp", s.Addr()); err != nil {
				return err
			}
			_, err = io.WriteString(conns[i], "SUBSCRIBER topic=never\n")
			return err
		})
	}
	require.NoError(t, dialing.Wait())
	t.Cleanup(func() {
		for _, conn := range conns {
			conn.Close()
		}
	})
	for _, conn := range conns {
		require.NoError(t, conn.SetDeadline(wait.Deadline(t)))
		welcome := make([]byte, len(prompt)+len("registered as "))
		n, err := io.ReadFull(conn, welcome)
		require.NoError(t, err, "after %q", welcome[:n])
		require.Equal(t, prompt+"registered as ", string(welcome))
	}
	after, err := s.Node("server").Memory(s.ctx)
	require.NoError(t, err)
	each := (int64(after) - int64(before)) / int64(idle)
	t.Logf("an idle subscriber takes %d bytes of the broker's memory", each)
	assert.Less(t, each, int64(8_000), "memory for each idle subscriber")

	digests := make([][sha256.Size]byte, active)
	var reading sync.WaitGroup
	for i := range active {
		sub := join(t, s.Addr(), "SUBSCRIBER")
		reading.Go(func() {
			hash := sha256.New()
			for range 2 * lines {
				line, err := sub.r.ReadSlice('\n')
				if !assert.NoError(t, err) {
					return
				}
				hash.Write(line)
			}
			digests[i] = [sha256.Size]byte(hash.Sum(nil))
		})
	}
	pubs := []*scripted{joinScripted(t, s.Addr(), "p1", lines), joinScripted(t, s.Addr(), "p2", lines)}
	for range lines / 100 {
		for _, p := range pubs {
			p.publish(100)
		}
	}
	reading.Wait()
	for _, digest := range digests {
		require.Equal(t, digests[0], digest, "P9, P10: all of it, in one order")
	}
	for _, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Millisecond)))
		rest, err := io.ReadAll(conn)
		require.ErrorContains(t, err, "timeout", "still connected")
		require.NotContains(t, string(rest), "[FROM ", "P11: it wanted none of this")
	}
}

// A thousand clients a second come and go, in every way there is, while lines
// flow: nobody who stays notices.
func TestStorm(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := broker(t)
	sub := join(t, s.Addr(), "SUBSCRIBER")
	pub := joinScripted(t, s.Addr(), "steady", 20_000)
	lasts := 4 * time.Second
	if soak() {
		lasts = 20 * time.Second
	}
	ctx, stop := context.WithTimeout(s.ctx, lasts)
	defer stop()

	var storm errgroup.Group
	storm.SetLimit(200)
	came, over := 0, make(chan struct{})
	go func() {
		defer close(over)
		rng := rand.New(rand.NewPCG(seed, 0))
		for pace := rate.NewLimiter(1000, 100); pace.Wait(ctx) == nil; came++ {
			v := visits[rng.IntN(len(visits))]
			storm.Go(func() error { return v.pay(s.Addr(), wait.Deadline(t)) })
		}
	}()
	for ctx.Err() == nil && pub.sent < len(pub.lines) {
		pub.publish(10)
		for i := pub.sent - 10; i < pub.sent; i++ {
			require.Equal(t, "[FROM steady] : "+pub.lines[i], sub.line(), "P9, P10")
		}
		time.Sleep(10 * time.Millisecond) // a pace, not a wait for anything
	}
	<-over
	require.NoError(t, storm.Wait(), "every visitor was served")
	t.Logf("%d clients came and went, %d lines were published meanwhile", came, pub.sent)
	require.Positive(t, pub.sent)
	pub.finish()
}

// visit is a way in which a client of a storm comes and goes: it says something,
// waits for the prompt and is gone, by a reset or not.
type visit struct {
	say   string
	reset bool
}

var visits = []visit{
	{"", false},
	{"PUBLI", true},
	{"nonsense\n", false},
	{"SUBSCRIBER topic=storm\n", true},
	{"SUBSCRIBER topic=storm\nterminate\n", false},
	{"PUBLISHER ack=yes\nhalf a li", true},
}

func (v visit) pay(addr string, deadline time.Time) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if v.reset {
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
			return err
		}
	}
	conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, v.say); err != nil {
		return err
	}
	got, err := bufio.NewReader(conn).ReadString(':')
	if err != nil || !strings.HasPrefix(prompt, got) {
		return fmt.Errorf("no prompt but %q: %w", got, err)
	}
	return nil
}
