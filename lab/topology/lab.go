package topology

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Options of a lab. The zero value suits tests.
type Options struct {
	// FilePorts publishes the ports that the compose file names. Without it every lab gets free ones, so that labs do
	// not meet.
	FilePorts bool
	// Output is given every line that a node writes, in order for each stream of each node. Calls are never concurrent.
	// Nil drops the lines.
	Output func(Line)
	// Progress is told what is being built. Nil is silent.
	Progress Progress
}

// A Line is one line of a node's standard output or error, without its line end.
type Line struct {
	Node   string
	Role   Role
	Stderr bool
	Text   string
}

// A Lab is a topology that runs. All methods may be called concurrently.
type Lab struct {
	// static after construction
	id      string
	dir     string // holds a folder for each node; removed by Close
	opts    Options
	topo    *Topology
	built   map[string]string // what the backend prepared, by image name
	ground  ground
	closing context.Context // ends when Close begins: nothing starts any more
	close   context.CancelFunc
	life    context.Context // ends when Close has removed everything
	endLife context.CancelFunc

	output sync.Mutex // held while opts.Output runs

	starting sync.WaitGroup // calls of Start; added to under mu, and not once closing

	mu    sync.Mutex
	nodes []*Node // in the order of their start
}

// Open makes ready what the topology needs, building it if need be, and starts nothing. The lab keeps using t: do not
// change a spec after it was started. Close the lab even where Start fails.
func (e *Engine) Open(ctx context.Context, t *Topology, o Options) (*Lab, error) {
	if o.FilePorts {
		// Before the build: nobody wants to wait a minute to learn this.
		for _, s := range t.Specs {
			if err := portsAreFree(ctx, s); err != nil {
				return nil, err
			}
		}
	}
	built, err := e.prepare(ctx, t, o.Progress)
	if err != nil {
		return nil, err
	}
	l := &Lab{id: rand.Text()[:8], opts: o, topo: t, built: built}
	l.life, l.endLife = context.WithCancel(context.WithoutCancel(ctx))
	l.closing, l.close = context.WithCancel(l.life)
	if l.dir, err = os.MkdirTemp("", "pubsublab-"); err == nil {
		// Containers run as a user of their own, who must be able to pass through.
		err = os.Chmod(l.dir, 0o755)
	}
	if err == nil {
		l.ground, err = e.backend.open(ctx, l)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(context.WithoutCancel(ctx)))
	}
	return l, nil
}

// portsAreFree tells who wants to use a taken port how to choose another one.
func portsAreFree(ctx context.Context, s *Spec) error {
	for _, port := range s.service.Ports {
		if port.Published == "" {
			continue // any free one
		}
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(port.HostIP, port.Published))
		if err != nil {
			return fmt.Errorf("port %s of this machine, which %s would use, is not free: end the program that has it, or choose another port with PUBSUB_PORT=5001 (%w)",
				port.Published, s.Name, err)
		}
		if err := listener.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Start runs nodes, all of the topology's where none is given. Each waits for the conditions of its depends_on; a
// dependency that was not started is not waited for, and a successor waits for nobody, as no container does that is
// started again. When Start returns nil, all of them run and those with a health
// check have passed it. A name that already ran in this lab is an error: start a clone instead.
func (l *Lab) Start(ctx context.Context, specs ...*Spec) error {
	if len(specs) == 0 {
		specs = l.topo.Specs
	}
	nodes, err := l.admit(specs)
	if err != nil {
		return err
	}
	defer l.starting.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.closing, func() { cancel(errClosed) })()
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error {
			for name, dependency := range n.Spec.service.DependsOn {
				if other := l.host(name); other != nil && n.Spec.before == "" {
					if err := other.await(ctx, dependency.Condition); err != nil {
						return fmt.Errorf("%s waits for %s: %w", n.Spec.Name, name, err)
					}
				}
			}
			return n.start(ctx)
		})
	}
	return g.Wait()
}

var errClosed = errors.New("the lab is closed")

// admit registers nodes before any of them starts, so that Close and the others' dependencies see them.
func (l *Lab) admit(specs []*Spec) ([]*Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing.Err() != nil {
		return nil, errClosed
	}
	var admitted []*Node
	for _, s := range specs {
		taken := func(n *Node) bool { return n.Spec.Name == s.Name }
		if slices.ContainsFunc(l.nodes, taken) || slices.ContainsFunc(admitted, taken) {
			return nil, fmt.Errorf("a node %s was already started in this lab: give a clone another name", s.Name)
		}
		admitted = append(admitted, newNode(l, s))
	}
	l.nodes = append(l.nodes, admitted...)
	l.starting.Add(1)
	return admitted, nil
}

// Node returns the started node of that name, or nil.
func (l *Lab) Node(name string) *Node {
	for _, n := range l.Nodes() {
		if n.Spec.Name == name {
			return n
		}
	}
	return nil
}

// host returns the node that was started last under a host name, or nil.
func (l *Lab) host(name string) *Node {
	for _, n := range slices.Backward(l.Nodes()) {
		if slices.Contains(l.hostNames(n.Spec), name) {
			return n
		}
	}
	return nil
}

// hostNames returns the names at which the others find a node: its own, and of a successor those of whom it succeeds,
// the first one's last.
func (l *Lab) hostNames(s *Spec) []string {
	names := []string{s.Name}
	for s.before != "" {
		names = append(names, s.before)
		before := l.Node(s.before)
		if before == nil {
			break
		}
		s = before.Spec
	}
	return names
}

// predecessor returns the ended node whose place s takes, or nil.
func (l *Lab) predecessor(s *Spec) (*Node, error) {
	if s.before == "" {
		return nil, nil
	}
	before := l.Node(s.before)
	if before == nil || !before.ended() {
		return nil, fmt.Errorf("%s cannot take the place of %s, which has not ended", s.Name, s.before)
	}
	return before, nil
}

// program returns what the backend prepared for the node to run.
func (l *Lab) program(s *Spec) (string, error) {
	built := l.built[s.service.Image]
	if built == "" {
		return "", fmt.Errorf("its image %s was not built: its spec was not part of the topology when the lab was opened", s.service.Image)
	}
	return built, nil
}

// Nodes returns the nodes that were started, ended ones too.
func (l *Lab) Nodes() []*Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.nodes)
}

// Addr is the HOST:PORT of the broker, of several the one that was started first, as seen from this machine, or ""
// before it has started.
func (l *Lab) Addr() string {
	for _, n := range l.Nodes() {
		if n.Spec.Role == Broker {
			return n.Addr()
		}
	}
	return ""
}

// Close ends what still runs, the last started first, and removes everything the lab made: nodes, network, volumes,
// temporary folder. When ctx ends first, nodes are killed rather than asked. It may be called more than once and concurrently
// with anything; after it, the lab starts nothing more.
func (l *Lab) Close(ctx context.Context) error {
	l.mu.Lock()
	l.close()
	nodes := slices.Clone(l.nodes)
	l.mu.Unlock()
	l.starting.Wait()

	for _, n := range slices.Backward(nodes) {
		if ctx.Err() == nil {
			// An error is of no interest: what does not stop is killed by the removal.
			_ = n.Stop(ctx)
		}
	}
	var err error
	if l.ground != nil {
		err = l.ground.close(context.WithoutCancel(ctx))
	}
	l.endLife()
	if l.dir != "" {
		err = errors.Join(err, os.RemoveAll(l.dir))
	}
	return err
}

// folder makes the node's own temporary folder. Everyone may write into it: a container's user is not this one's.
func (l *Lab) folder(name string) (string, error) {
	dir := filepath.Join(l.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o777)
}

// imageNames returns the names of the images that the nodes need, each once.
func (t *Topology) imageNames() []string {
	var names []string
	for _, s := range t.Specs {
		if !slices.Contains(names, s.service.Image) {
			names = append(names, s.service.Image)
		}
	}
	return names
}
