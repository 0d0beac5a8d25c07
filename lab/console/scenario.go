package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"pubsublab/lab/topology"
)

// A scenario is a fault that the page makes on one key, and undoes.
type scenario struct {
	key   string
	title string
	about string // what is done, for who is about to guess
	// unable is why it cannot be made here; "": it can.
	unable func(*Console) string
	row    func(*Console) guarantee
	// play makes it and undoes it. say tells where it is.
	play func(ctx context.Context, c *Console, t *trial, say func(format string, args ...any)) error
}

// How long scenarios take.
const (
	deadBroker = 2 * time.Second  // until a broker is started again
	deadLeader = 5 * time.Second  // until the leader of the stream is
	stalledFor = 60 * time.Second // much longer than a server's --stall-timeout
	burstFor   = 10 * time.Second
	burst      = 1000 // lines a second of all publishers
	stallPace  = 200  // lines a second of each publisher, to have something to not read
)

var scenarios = []scenario{
	{"1", "Kill the broker and start it again",
		"The broker is killed with SIGKILL, and started again two seconds later.",
		func(*Console) string { return "" },
		func(c *Console) guarantee { return c.explains(c.first(topology.Broker), kill) }, playBroker},
	{"2", "A subscriber that never reads",
		"One more subscriber connects and takes nothing that it is sent, while the scripts run faster.",
		func(*Console) string { return "" },
		func(*Console) guarantee { return neverReads }, playNeverReads},
	{"3", "A publisher dies in the middle of a line",
		"One more publisher sends a line and half a second one, and its connection is reset.",
		func(*Console) string { return "" },
		func(*Console) guarantee { return halfALine }, playHalfALine},
	{"4", "The leader of the stream dies",
		"The NATS node that leads the stream is killed, and started again five seconds later.",
		func(c *Console) string {
			if c.count(topology.Stream) == 0 {
				return "needs lab up --cluster"
			}
			return ""
		},
		func(*Console) guarantee { return clusterNodes }, playLeader},
	{"5", "A thousand lines a second",
		"The publishers send a thousand lines a second together, for ten seconds.",
		func(c *Console) string {
			if !slices.ContainsFunc(c.nodes, func(n *node) bool { return len(n.script) > 0 }) {
				return "no publisher has a script"
			}
			return ""
		},
		func(*Console) guarantee { return thousandLines }, playBurst},
}

// running is a scenario that goes on.
type running struct {
	scenario *scenario
	step     string
	stop     context.CancelFunc
}

// start begins a scenario, and returns when it goes on.
func (c *Console) start(key string, g guess) error {
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.key == key })
	if i < 0 {
		return fmt.Errorf("there is no scenario %q", key)
	}
	s := &scenarios[i]
	c.mu.Lock() // until it goes on, or the console could close in between
	defer c.mu.Unlock()
	switch why := s.unable(c); {
	case c.ending:
		return errEnding
	case c.scenario != nil:
		return errors.New("another scenario goes on: end that first")
	case why != "":
		return fmt.Errorf("%s: %s", s.title, why)
	}
	ctx, stop := context.WithCancel(c.life)
	c.scenario = &running{s, "", stop}
	t := c.beginTrial(s.title, s.row(c), g, true)
	c.work.Go(func() {
		defer stop()
		c.tell("", "the page begins: %s", s.title)
		err := s.play(ctx, c, t, c.say)
		c.mu.Lock()
		defer c.mu.Unlock()
		t.busy, c.scenario = false, nil
		if err != nil && ctx.Err() == nil {
			t.failed = err.Error()
		}
	})
	return nil
}

// say shows where a scenario is.
func (c *Console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scenario != nil {
		c.scenario.step = fmt.Sprintf(format, args...)
	}
}

// first returns the first node of a role that runs, or the first there is, or nil.
func (c *Console) first(role topology.Role) (found *node) {
	for _, n := range c.nodes {
		if n.Spec.Role == role && (found == nil || found.ended && !n.ended) {
			found = n
		}
	}
	return found
}

// addr is where clients reach the first broker that runs.
func (c *Console) addr() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	broker := c.first(topology.Broker)
	if broker == nil || broker.ended {
		return "", errors.New("no broker runs")
	}
	return broker.Addr(), nil
}

// pause waits, and returns false when the scenario is to end.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// killed kills a node and starts it again after a while, even if the scenario is to end before.
func (c *Console) killed(ctx context.Context, t *trial, n *node, away time.Duration, say func(string, ...any)) error {
	c.mu.Lock()
	t.nodes = append(t.nodes, n)
	c.mu.Unlock()
	say("%s is killed", n.Spec.Name)
	if err := c.act(ctx, n, kill); err != nil {
		return err
	}
	pause(ctx, away)
	say("%s is started again", n.Spec.Name)
	c.look()
	c.mu.Lock()
	ended := n.ended
	c.mu.Unlock()
	if !ended {
		return nil // somebody else has done it, lab up --durable does
	}
	return c.act(context.WithoutCancel(ctx), n, restart)
}

func playBroker(ctx context.Context, c *Console, t *trial, say func(string, ...any)) error {
	c.mu.Lock()
	broker := c.first(topology.Broker)
	c.mu.Unlock()
	return c.killed(ctx, t, broker, deadBroker, say)
}

func playLeader(ctx context.Context, c *Console, t *trial, say func(string, ...any)) error {
	say("looking for the leader")
	name, err := c.leader(ctx)
	if err != nil {
		return err
	}
	n := c.find(name)
	if n == nil {
		return fmt.Errorf("the leader is %s, which is no node of the lab", name)
	}
	return c.killed(ctx, t, n, deadLeader, say)
}

// playBurst types a thousand lines a second for a while.
func playBurst(ctx context.Context, c *Console, _ *trial, say func(string, ...any)) error {
	c.mu.Lock()
	typed := 0
	for _, n := range c.nodes {
		if len(n.script) > 0 && !n.ended {
			typed++
		}
	}
	c.mu.Unlock()
	c.forcePace(float64(burst) / float64(max(1, typed)))
	defer c.forcePace(0)
	say("a thousand lines a second, for %.0f s", burstFor.Seconds())
	pause(ctx, burstFor)
	return nil
}

// playNeverReads connects a subscriber that takes nothing, until the broker cuts it off.
func playNeverReads(ctx context.Context, c *Console, _ *trial, say func(string, ...any)) error {
	const name = "never-reads"
	conn, err := c.dial(ctx, "SUBSCRIBER name="+name+"\n")
	if err != nil {
		return err
	}
	defer conn.Close()
	c.mu.Lock()
	c.awaited = name
	faster := max(c.pace.rate, stallPace)
	c.mu.Unlock()
	c.forcePace(faster)
	defer c.forcePace(0)
	say("%s takes nothing; it is cut off when it has done so for --stall-timeout (30 s)", name)
	for begun := time.Now(); pause(ctx, lookPause); {
		c.mu.Lock()
		gone := c.awaited == ""
		c.mu.Unlock()
		if gone {
			return nil
		}
		if time.Since(begun) > stalledFor {
			return fmt.Errorf("%s was not cut off for %.0f s", name, stalledFor.Seconds())
		}
	}
	return nil
}

// playHalfALine publishes a line and a half, and resets the connection.
func playHalfALine(ctx context.Context, c *Console, t *trial, say func(string, ...any)) error {
	c.mu.Lock()
	name := fmt.Sprintf("breaks-off-%d", len(c.window.pubs))
	c.window.pubs = append(c.window.pubs, &sent{name: name, lines: []string{"this line is whole"}})
	c.mu.Unlock()
	say("%s publishes a line and a half, and is gone", name)
	conn, err := c.dial(ctx, "PUBLISHER name="+name+"\nthis line is whole\nthis one is ha")
	if err != nil {
		return err
	}
	pause(ctx, time.Second) // for the whole line to arrive
	_ = conn.(*net.TCPConn).SetLinger(0)
	err = conn.Close()
	pause(ctx, time.Second)
	return err
}

// dial connects to a broker and sends something. What it answers is not read, and hardly anything of
// it is kept here.
func (c *Console) dial(ctx context.Context, text string) (net.Conn, error) {
	addr, err := c.addr()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(1) // as little as there is
	if _, err = conn.Write([]byte(text)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// leader asks the nodes of the stream which of them leads it.
func (c *Console) leader(ctx context.Context) (string, error) {
	c.mu.Lock()
	var addrs []string
	for _, n := range c.nodes {
		if n.Spec.Role == topology.Stream && !n.ended && !n.frozen && !n.cut {
			addrs = append(addrs, n.AddrOf(topology.MonitoringPort))
		}
	}
	c.mu.Unlock()
	for _, addr := range addrs {
		if name := topology.StreamLeader(ctx, addr); name != "" {
			return name, nil
		}
	}
	return "", errors.New("no node of the stream knows a leader")
}
