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

// A Happening is a kind of what becomes of a node.
type Happening int

const (
	Fault    Happening = iota // it is done through this package, and about to be
	Ended                     // [Node.End] says how; [Node.Done] is closed right after
	Returned                  // it runs again after its end
)

// Options of a deployment. The zero value suits tests.
type Options struct {
	// FilePorts publishes the ports that the compose file names. Without it every deployment gets
	// free ones, so that they do not meet.
	FilePorts bool
	// Output is given every line that a node writes, in order for each stream of each node. Calls
	// are never concurrent. Nil drops the lines.
	Output func(Line)
	// Happened is told what becomes of a node, also as a predicate: "was frozen", "ended with exit
	// code 0". Calls may be concurrent, but for those of one node's end and return, and hold up
	// what happens. Nil: nobody is told.
	Happened func(n *Node, h Happening, what string)
	// Restarts follows containers on that somebody else starts again after they have ended, with
	// docker restart for example: see [Node.Back]. Without it a node that has ended stays so.
	Restarts bool
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

// A Deployment is a topology that runs. All methods may be called concurrently.
type Deployment struct {
	// static after construction
	id      string
	dir     string // holds a folder for each node; removed by Close
	opts    Options
	topo    *Topology
	built   map[string]string // what the backend prepared, by image name
	runtime runtime
	closing context.Context // ends when Close begins: nothing starts any more
	close   context.CancelFunc
	life    context.Context // ends when Close has removed everything
	endLife context.CancelFunc

	output sync.Mutex // held while opts.Output runs

	starting sync.WaitGroup // calls of Start; added to under mu, and not once closing

	mu    sync.Mutex
	nodes []*Node // in the order of their start
}

// Open makes ready what the topology needs, building it if need be, and starts nothing. The
// deployment keeps using t: do not change a spec after it was started. Close it even where Start
// fails.
func (e *Engine) Open(ctx context.Context, t *Topology, o Options) (*Deployment, error) {
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
	d := &Deployment{id: rand.Text()[:8], opts: o, topo: t, built: built}
	d.life, d.endLife = context.WithCancel(context.WithoutCancel(ctx))
	d.closing, d.close = context.WithCancel(d.life)
	d.dir = filepath.Join(e.folder.Path, d.id)
	if err = os.Mkdir(d.dir, 0o755); err == nil {
		// Whatever the umask: containers run as a user of their own, who must be able to pass
		// through.
		err = os.Chmod(d.dir, 0o755)
	}
	if err == nil {
		d.runtime, err = e.backend.open(ctx, d)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close(context.WithoutCancel(ctx)))
	}
	return d, nil
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
			return fmt.Errorf("port %s of this machine, which %s would use, is not free: end the program that has it, or choose other ports with PUBSUB_PORT=5001 and PUBSUB_HTTP_PORT=5081 (%w)",
				port.Published, s.Name, err)
		}
		if err := listener.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Start runs nodes, all of the topology's where none is given. Each waits for the conditions of its
// depends_on; a dependency that was not started is not waited for, and a replacement waits for
// nobody, as no container does that is started again. When Start returns nil, all of them run and
// those with a health check have passed it. A name that already ran in this deployment is an error:
// start a clone instead.
func (d *Deployment) Start(ctx context.Context, specs ...*Spec) error {
	if len(specs) == 0 {
		specs = d.topo.Specs
	}
	nodes, err := d.admit(specs)
	if err != nil {
		return err
	}
	defer d.starting.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(d.closing, func() { cancel(errClosed) })()
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range nodes {
		g.Go(func() error {
			for name, dependency := range n.Spec.service.DependsOn {
				if other := d.host(name); other != nil && n.Spec.replaces == "" {
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

var errClosed = errors.New("the deployment is closed")

// admit registers nodes before any of them starts, so that Close and the others' dependencies see
// them.
func (d *Deployment) admit(specs []*Spec) ([]*Node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing.Err() != nil {
		return nil, errClosed
	}
	var admitted []*Node
	for _, s := range specs {
		taken := func(n *Node) bool { return n.Spec.Name == s.Name }
		if slices.ContainsFunc(d.nodes, taken) || slices.ContainsFunc(admitted, taken) {
			return nil, fmt.Errorf("a node %s was already started in this deployment: give a clone another name", s.Name)
		}
		admitted = append(admitted, newNode(d, s))
	}
	d.nodes = append(d.nodes, admitted...)
	d.starting.Add(1)
	return admitted, nil
}

// Node returns the started node of that name, or nil.
func (d *Deployment) Node(name string) *Node {
	for _, n := range d.Nodes() {
		if n.Spec.Name == name {
			return n
		}
	}
	return nil
}

// host returns the node that was started last under a host name, or nil.
func (d *Deployment) host(name string) *Node {
	for _, n := range slices.Backward(d.Nodes()) {
		if slices.Contains(d.hostNames(n.Spec), name) {
			return n
		}
	}
	return nil
}

// hostNames returns the names at which the others find a node: its own, and of a replacement those
// of whom it replaces, the first one's last.
func (d *Deployment) hostNames(s *Spec) []string {
	names := []string{s.Name}
	for s.replaces != "" {
		names = append(names, s.replaces)
		replaced := d.Node(s.replaces)
		if replaced == nil {
			break
		}
		s = replaced.Spec
	}
	return names
}

// replacedBy returns the ended node whose place s takes, or nil.
func (d *Deployment) replacedBy(s *Spec) (*Node, error) {
	if s.replaces == "" {
		return nil, nil
	}
	replaced := d.Node(s.replaces)
	if replaced == nil || !replaced.ended() {
		return nil, fmt.Errorf("%s cannot take the place of %s, which has not ended", s.Name, s.replaces)
	}
	return replaced, nil
}

// program returns what the backend prepared for the node to run.
func (d *Deployment) program(s *Spec) (string, error) {
	built := d.built[s.service.Image]
	if built == "" {
		return "", fmt.Errorf("its image %s was not built: its spec was not part of the topology when the deployment was opened", s.service.Image)
	}
	return built, nil
}

// Nodes returns the nodes that were started, ended ones too.
func (d *Deployment) Nodes() []*Node {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.nodes)
}

// Addr is the HOST:PORT of the broker, of several the one that was started first, as seen from this
// machine, or "" before it has started.
func (d *Deployment) Addr() string {
	for _, n := range d.Nodes() {
		if n.Spec.Role == Broker {
			return n.Addr()
		}
	}
	return ""
}

// Close ends what still runs, the last started first, and removes everything that was made for it:
// nodes, network, volumes, temporary folder. When ctx ends first, nodes are killed rather than
// asked. It may be called more than once and concurrently with anything; after it, nothing more
// starts.
func (d *Deployment) Close(ctx context.Context) error {
	d.mu.Lock()
	d.close()
	nodes := slices.Clone(d.nodes)
	d.mu.Unlock()
	d.starting.Wait()

	for _, n := range slices.Backward(nodes) {
		if ctx.Err() == nil {
			// An error is of no interest: what does not stop is killed by the removal.
			_ = n.Stop(ctx)
		}
	}
	var err error
	if d.runtime != nil {
		err = d.runtime.close(context.WithoutCancel(ctx))
	}
	d.endLife()
	if d.dir != "" {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}

// folder makes the node's own temporary folder. Everyone may write into it: a container's user is
// not this one's.
func (d *Deployment) folder(name string) (string, error) {
	dir := filepath.Join(d.dir, name)
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
