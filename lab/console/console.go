// Package console is the page of lab up: the broker's own page with the lab behind it. It types what
// publishers send, judges as the demo goes on what subscribers receive, and does to nodes what the
// page is asked for.
package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pubsublab/lab/history"
	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// Node is a node of the demo.
type Node struct {
	Spec *topology.Spec
	Control
}

// Control is what the console does with a node: a [topology.Node] is one.
type Control interface {
	Done() <-chan struct{}
	Back() <-chan struct{}
	End() (topology.End, error)
	LastLines() []string
	Input() io.Writer
	Addr() string
	AddrOf(port int) string
	Transcript() string
	Kill(context.Context) error
	Restart(context.Context) error
	Pause(context.Context) error
	Unpause(context.Context) error
	Disconnect(context.Context) error
	Reconnect(context.Context) error
}

// Config is what a console is for. All is needed but what says otherwise.
type Config struct {
	Title   string            // of the page
	Mode    string            // what nodes are, such as "containers"
	Nodes   []Node            // that run
	Scripts map[string]Script // of the publishers, as [Type] returned them, by node
	Keep    bool              // the scripts go on in a loop, until the page says otherwise
	NoCut   string            // why nobody can be cut off; "": they can

	// Start starts one more node.
	Start func(context.Context, *topology.Spec) (Node, error)
	// Tell is told what is done to a node, as a predicate, and whether that breaks it. It may be called
	// concurrently.
	Tell func(node, what string, breaks bool)
	// Kept is called when Keep has changed. It may be called concurrently.
	Kept func()
}

// A Script is what a publisher sends.
type Script struct {
	Lines []string
	Rate  float64 // lines a second
}

// Type makes the publishers of a topology that have a script send what a console types, and returns
// their scripts by node. One whose --rate is none is left as it is: it fails, and says why. It is
// for before [topology.Engine.Open].
func Type(t *topology.Topology) (map[string]Script, error) {
	scripts := map[string]Script{}
	for _, s := range t.WithRole(topology.Publisher) {
		lines, err := s.Lines()
		if err != nil {
			return nil, err
		}
		if len(lines) == 0 {
			continue
		}
		text, _ := s.Flag("rate")
		rate, err := strconv.ParseFloat(cmp.Or(text, "0"), 64)
		if err != nil || !(rate >= 0) { // not a number, too
			continue
		}
		if rate == 0 {
			rate = mostPace // as fast as possible
		}
		s.SetTyped()
		scripts[s.Name] = Script{lines, rate}
	}
	return scripts, nil
}

// How often is looked at nodes and transcripts, and judged.
const (
	lookPause  = 20 * time.Millisecond
	judgePause = 500 * time.Millisecond
)

// A Console is open from [Open] to [Console.Close].
type Console struct {
	// static after construction
	config    Config
	token     string
	forgets   bool // the broker's memory ends with it
	listener  net.Listener
	server    *http.Server
	transport *http.Transport // to the brokers
	life      context.Context
	end       context.CancelFunc
	work      sync.WaitGroup // goroutines of life

	acting sync.Mutex // held while something is done to a node

	mu       sync.Mutex
	nodes    []*node
	added    int // nodes
	window   window
	tally    Tally
	judged   time.Time
	pace     pace
	keep     bool
	ending   bool // nothing is done to nodes any more
	tests    []*trial
	scenario *running        // nil: none
	awaited  string          // a subscriber that is to leave; "": it has
	verdict  *report.Verdict // nil: the demo goes on
	polled   time.Time
	told     chan struct{} // closed when a page has been told the verdict
}

// Open opens a console at a HOST:PORT of this machine; port 0 is any free one. Close it.
func Open(addr string, config Config) (*Console, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("the console's page: %w", err)
	}
	c := newConsole(config)
	c.listener = listener
	c.server = &http.Server{Handler: c.Handler(), ReadHeaderTimeout: 10 * time.Second}
	c.work.Go(func() { _ = c.server.Serve(listener) })
	c.work.Go(c.watch)
	for _, n := range c.nodes {
		c.begin(n)
	}
	return c, nil
}

// newConsole is a console that does not listen, and where nothing goes on yet.
func newConsole(config Config) *Console {
	c := &Console{config: config, token: newToken(), keep: config.Keep, told: make(chan struct{})}
	c.life, c.end = context.WithCancel(context.Background())
	c.window.limit = keptMessages
	c.transport = &http.Transport{DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, IdleConnTimeout: time.Minute}
	c.pace = pace{changed: make(chan struct{})}
	var brokers []Node
	for _, n := range config.Nodes {
		if n.Spec.Role == topology.Broker {
			brokers = append(brokers, n)
		}
		if s, ok := config.Scripts[n.Spec.Name]; ok && c.pace.rate == 0 {
			c.pace.rate = min(s.Rate, mostPace)
		}
		c.nodes = append(c.nodes, c.newNode(n, config.Scripts[n.Spec.Name].Lines))
	}
	if len(brokers) == 1 {
		_, durable := brokers[0].Spec.Flag("journal")
		c.forgets = !durable
	}
	return c
}

// begin starts what goes on beside a node.
func (c *Console) begin(n *node) {
	if len(n.script) > 0 {
		c.work.Go(func() { c.feed(n) })
	}
}

// URL is the address of the page, with the token that allows to act.
func (c *Console) URL() string {
	host, port, _ := net.SplitHostPort(c.listener.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/#token=" + c.token
}

// Keep reports whether the demo goes on for ever.
func (c *Console) Keep() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keep && !c.ending
}

// Release lets all nodes go that are frozen or cut off, so that they can end, and does nothing to
// them any more.
func (c *Console) Release() {
	c.mu.Lock()
	c.ending = true
	if c.scenario != nil {
		c.scenario.stop()
	}
	nodes := slices.Clone(c.nodes)
	c.mu.Unlock()
	c.acting.Lock() // whoever acts has seen the end
	defer c.acting.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.life), actTimeout)
	defer cancel()
	for _, n := range nodes {
		_ = c.letGo(ctx, n) // who has ended meanwhile needs none
	}
}

// History is what is to be judged at the end: all there was, or of a long demo its end. Call it once
// the nodes have ended.
func (c *Console) History() history.History {
	c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if n.got != nil {
			n.got.toEnd = n.ended && n.end == (topology.End{})
		}
		if n.sent != nil && len(n.script) > 0 && !n.sent.done {
			for rest := c.sentBy(n) % len(n.script); rest > 0 && rest < len(n.script); rest++ {
				n.sent.lines = append(n.sent.lines, n.script[rest])
			}
		}
	}
	return c.window.lastHistory()
}

// Passed is what the checker said of what was too old for History.
func (c *Console) Passed() Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.window.passed.clone()
}

// lastPoll is how long ago a page that is still open has asked at most. It asks twice a second, but a
// browser may be busy.
const lastPoll = 15 * time.Second

// Show shows the verdict, and returns when a page that is open has it.
func (c *Console) Show(ctx context.Context, v report.Verdict) {
	c.mu.Lock()
	c.verdict = &v
	open := time.Since(c.polled) < lastPoll
	c.mu.Unlock()
	if !open {
		return
	}
	select {
	case <-c.told:
	case <-time.After(lastPoll):
	case <-ctx.Done():
	}
}

// Close ends the console. It may be called more than once.
func (c *Console) Close() error {
	c.Release()
	c.end()
	err := c.server.Close()
	c.transport.CloseIdleConnections()
	c.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// tell tells what is done to a node.
func (c *Console) tell(node, format string, args ...any) {
	if c.config.Tell != nil {
		c.config.Tell(node, strings.TrimSpace(fmt.Sprintf(format, args...)), false)
	}
}

// tellFault tells that a node is broken.
func (c *Console) tellFault(node, what string) {
	if c.config.Tell != nil {
		c.config.Tell(node, what, true)
	}
}
