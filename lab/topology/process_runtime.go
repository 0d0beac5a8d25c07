package topology

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"pubsublab/lab/history"
	"pubsublab/lab/internal/engine"
	"pubsublab/lab/internal/proc"
)

// drainTimeout is how long the output of an ended process may stay open in the hands of a child of
// it.
const drainTimeout = 2 * time.Second

// processes runs nodes as processes of this machine. Limits, capabilities and networks of the
// compose file have no meaning here; commands, environment, mounts, health checks, order, ports and
// grace periods do.
type processes struct {
	dir      string            // holds the programs
	programs map[string]string // path by Dockerfile; guarded by Engine.building
}

func newProcesses(own *engine.Folder) (*processes, error) {
	dir := filepath.Join(own.Path, "bin")
	return &processes{dir: dir, programs: map[string]string{}}, os.Mkdir(dir, 0o755)
}

func (p *processes) close() error { return nil }

// prepare builds the programs of the images with the machine's own Go.
func (p *processes) prepare(ctx context.Context, t *Topology, say Progress) (map[string]string, error) {
	found := map[string]string{}
	for _, image := range t.imageNames() {
		r := t.images[image]
		file := filepath.Join(r.build.Context, r.build.Dockerfile) // of which several images may come
		if p.programs[file] == "" {
			var err error
			if p.programs[file], err = p.make(ctx, image, r, say); err != nil {
				return nil, err
			}
		}
		found[image] = p.programs[file]
	}
	return found, nil
}

// make builds the program of an image and returns its path, or "" with an error.
func (p *processes) make(ctx context.Context, image string, r recipe, say Progress) (string, error) {
	name, pkg, ok := r.program()
	if !ok {
		return "", fmt.Errorf("image %s is built by %q: only of Dockerfile.NAME and PATH/Dockerfile is it known that the program is ./NAME, or ./PATH", image, r.build.Dockerfile)
	}
	what, began := "program "+name, time.Now()
	say.say(what, "go build "+pkg)
	path, output, err := proc.Build(ctx, r.build.Context, pkg, p.dir, name)
	if err != nil {
		log := &buildLog{}
		for line := range bytes.Lines(output) {
			log.line(string(line))
		}
		return "", fmt.Errorf("building program %s failed: %w%s", name, err, log.end())
	}
	say.done(what, seconds(began))
	return path, nil
}

// processRuntime is what the processes of one deployment share.
type processRuntime struct {
	deployment *Deployment

	mu    sync.Mutex
	ports map[string]map[string]string // of this machine, by host name and the port's number in the container
}

// open gives all nodes their ports before any of them starts: they may name each other.
func (p *processes) open(ctx context.Context, deployment *Deployment) (runtime, error) {
	r := &processRuntime{deployment: deployment, ports: map[string]map[string]string{}}
	for _, name := range deployment.topo.volumes {
		if err := os.MkdirAll(r.volume(name), 0o755); err != nil {
			return r, err
		}
	}
	for _, s := range deployment.topo.Specs {
		if s.replaces == "" { // a replacement has those of the node it replaces
			if err := r.givePorts(ctx, s); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// volume is the folder that is the named volume. No node has a name with a dot before it.
func (r *processRuntime) volume(name string) string {
	return filepath.Join(r.deployment.dir, ".volumes", name)
}

func (r *processRuntime) start(ctx context.Context, n *Node) (runningNode, error) {
	spec := n.Spec
	dir, err := r.deployment.folder(spec.Name)
	if err != nil {
		return nil, err
	}
	mounts, err := spec.mounts(dir)
	if err != nil {
		return nil, err
	}
	p := &processNode{node: n}
	if p.program, err = r.deployment.program(spec); err != nil {
		return nil, err
	}
	if _, err := r.deployment.replacedBy(spec); err != nil {
		return nil, err
	}
	if err := r.givePorts(ctx, spec); err != nil {
		return nil, err
	}
	p.rewriter = r.rewriter(spec, append(mounts, spec.held...))
	p.env = environment(spec, p.rewriter)
	if spec.Role == Subscriber {
		p.env = append(p.env, "PUBSUB_OUTPUT="+n.Transcript(), "PUBSUB_OUTPUT_FORMAT="+string(history.TSV))
	}

	p.dir = dir
	if err := p.launch(func() {}); err != nil {
		return nil, err
	}
	return p, nil
}

// environment is the lab's own without what would configure a node from outside, plus the node's.
func environment(s *Spec, w rewriter) []string {
	env := proc.WithoutOurs()
	if len(s.targets()) > 0 {
		env = append(env, "PUBSUB_HOST="+proc.Loopback)
	}
	for name, value := range s.Env {
		env = append(env, name+"="+w.value(value))
	}
	return env
}

// givePorts gives the host of a node ports of this machine, unless it has them: those of the file
// where the options want them, or else free ones. They are at the loopback, whatever address the
// file publishes them at: a process has no network of its own that would keep others out.
func (r *processRuntime) givePorts(ctx context.Context, s *Spec) error {
	names := r.deployment.hostNames(s)
	first := names[len(names)-1]
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ports[first] == nil {
		ports := map[string]string{}
		if r.deployment.opts.FilePorts {
			for _, port := range s.service.Ports {
				ports[target(port)] = port.Published // "" for any
			}
		}
		for _, target := range s.targets() {
			if ports[target] != "" {
				continue
			}
			port, err := proc.FreePort(ctx, proc.Loopback)
			if err != nil {
				return err
			}
			ports[target] = strconv.Itoa(port)
		}
		r.ports[first] = ports
	}
	for _, name := range names {
		r.ports[name] = r.ports[first]
	}
	return nil
}

// rewriter returns what rewrites the arguments and settings of a node for this machine.
func (r *processRuntime) rewriter(s *Spec, mounts []types.ServiceVolumeConfig) rewriter {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := rewriter{own: r.ports[s.Name], hosts: map[string]map[string]string{}, mounts: slices.Clone(mounts)}
	for host, ports := range r.ports {
		if len(ports) > 0 {
			w.hosts[host] = ports
		}
	}
	for i, m := range w.mounts {
		if m.Type == types.VolumeTypeVolume {
			w.mounts[i].Source = r.volume(m.Source)
		}
	}
	return w
}

// close kills what still runs and waits for it.
func (r *processRuntime) close(context.Context) error {
	for _, n := range r.deployment.Nodes() {
		if run, err := n.running(); err == nil {
			_ = run.kill(context.Background())
			<-n.Done()
		}
	}
	return nil
}
