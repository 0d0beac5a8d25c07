// Package durable tests one broker that keeps its order on a disk: the server's
// program, which is killed and started again, with real clients; lab/history
// judges.
package durable

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"pubsublab/client/pubsub"
	"pubsublab/e2e/ports"
	"pubsublab/e2e/traffic"
	"pubsublab/e2e/wait"
	"pubsublab/lab/history"
	"pubsublab/protocol"
)

// program is the server.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pubsublab-durable-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "durable:", err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "server.exe")
	output, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "pubsublab/server").CombinedOutput()
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintf(os.Stderr, "durable: cannot build the server: %v\n%s", err, output)
	}
	os.RemoveAll(dir)
	if code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "durable:", err)
		code = 1
	}
	os.Exit(code)
}

// site is a server with a journal in a folder, and its clients.
type site struct {
	*traffic.Traffic
	t    *testing.T
	dir  string // the journal's
	port string
	args []string

	server *exec.Cmd
	log    *bufio.Scanner

	received atomic.Int64 // lines, by all subscribers
	gaps     bool         // are no fault
}

// pace is how many lines a second a publisher sends where it is not how much there is that matters.
const pace = 3000

// rounds returns how often to do something: more often where PUBSUBLAB_SOAK is set.
func rounds(n, soak int) int {
	if os.Getenv("PUBSUBLAB_SOAK") != "" {
		return soak
	}
	if testing.Short() {
		return 3
	}
	return n
}

// throw prints the seed of what is drawn, PUBSUBLAB_SEED repeats it.
func throw(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	if text := os.Getenv("PUBSUBLAB_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "PUBSUBLAB_SEED")
	}
	t.Logf("PUBSUBLAB_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// newSite returns a server that is not started yet. Publishers send so many lines a second.
func newSite(t *testing.T, pace rate.Limit, args ...string) *site {
	s := &site{t: t, dir: filepath.Join(t.TempDir(), "journal"), port: strconv.Itoa(ports.Free(t)), args: args}
	s.Traffic = traffic.New(t, wait.Context(t), s.addr, 24*time.Hour, pace)
	t.Cleanup(func() {
		if s.server != nil {
			s.kill()
		}
	})
	return s
}

func (s *site) addr() string { return "127.0.0.1:" + s.port }

// launch starts the server, and does not wait for it.
func (s *site) launch() {
	s.t.Helper()
	args := append([]string{"--host=127.0.0.1", "--journal=" + s.dir, s.port}, s.args...)
	s.server = exec.Command(program, args...)
	s.server.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PUBSUB_") })
	pipe, err := s.server.StderrPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.server.Start())
	s.log = bufio.NewScanner(pipe)
}

// start starts the server, and waits until it listens.
func (s *site) start() {
	s.t.Helper()
	s.launch()
	s.logged("msg=listening")
}

// logged waits until the server has logged something.
func (s *site) logged(text string) {
	s.t.Helper()
	var seen []string
	for s.log.Scan() {
		if strings.Contains(s.log.Text(), text) {
			return
		}
		seen = append(seen, s.log.Text())
	}
	require.Fail(s.t, "not logged", "%q in what ends with\n%s", text, strings.Join(seen[max(0, len(seen)-30):], "\n"))
}

// kill has the server be gone, now.
func (s *site) kill() {
	s.server.Process.Kill()
	s.ended()
}

// ended waits until the server has ended, and returns its exit code.
func (s *site) ended() int {
	for s.log.Scan() {
	}
	s.server.Wait()
	code := s.server.ProcessState.ExitCode()
	s.server = nil
	return code
}

// subscribe receives everything from the first line on, until the publisher "last" has finished.
func (s *site) subscribe(name string) {
	s.t.Helper()
	cfg := s.Config(name)
	cfg.From = protocol.FromFirst()
	gaps := s.gaps
	s.Subscribe(cfg, func(sub *pubsub.Subscriber) history.Subscriber {
		got := history.Subscriber{Name: name, FromFirst: !gaps, ToEnd: true, GapsAllowed: gaps}
		for last := false; !last; {
			item, err := sub.Next(wait.Context(s.t))
			if err != nil {
				s.t.Errorf("%s: after %d lines: %v", name, len(got.Received), err)
				break
			}
			switch e := item.Event; {
			case e == nil:
				got.Received = append(got.Received, traffic.Message(&item))
				s.received.Add(1)
			case e.Kind == protocol.Gap:
				if !gaps || e.Missing == 0 {
					s.t.Errorf("%s: a gap of %d", name, e.Missing)
				}
				got.Received = append(got.Received, history.Message{Gap: int(e.Missing)})
			case e.Kind == protocol.Left && e.Name == traffic.Last && e.Reason == protocol.ReasonTerminate:
				last = true
			}
		}
		return got
	})
}

// flow waits until so many lines more have been received.
func (s *site) flow(lines int64) {
	s.t.Helper()
	until := s.received.Load() + lines
	wait.Until(s.t, func() bool { return s.received.Load() >= until }, "%d lines are received", until)
}

// welcome returns what the server says to a subscriber that comes now.
func (s *site) welcome() protocol.Welcome {
	s.t.Helper()
	sub, err := pubsub.DialSubscriber(wait.Context(s.t), s.addr(), s.Config(""))
	require.NoError(s.t, err)
	defer sub.Close()
	return sub.Welcome()
}
