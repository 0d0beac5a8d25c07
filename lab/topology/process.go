package topology

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/shirou/gopsutil/v4/process"
)

// loopback is where the published ports of processes are, whatever address the file publishes them at: a process has
// no network of its own that would keep others out.
const loopback = "127.0.0.1"

// probePause is the time between two runs of a health check while a process starts.
const probePause = 50 * time.Millisecond

// drainTimeout is how long the output of an ended process may stay open in the hands of a child of it.
const drainTimeout = 2 * time.Second

// processes runs nodes as processes of this machine. Limits, capabilities and networks of the compose file have no
// meaning here; commands, environment, mounts, health checks, order, ports and grace periods do.
type processes struct {
	dir      string            // holds the programs; removed by close
	programs map[string]string // path by image name; guarded by Engine.building
}

func newProcesses() (*processes, error) {
	dir, err := os.MkdirTemp("", "pubsublab-bin-")
	if err != nil {
		return nil, err
	}
	return &processes{dir: dir, programs: map[string]string{}}, nil
}

func (p *processes) close() error { return os.RemoveAll(p.dir) }

// prepare builds the programs of the images with the machine's own Go: Dockerfile.NAME builds the package ./NAME of its
// context.
func (p *processes) prepare(ctx context.Context, t *Topology, say Progress) error {
	for _, image := range t.imageNames() {
		if p.programs[image] != "" {
			continue
		}
		build := t.images[image]
		name, ok := strings.CutPrefix(filepath.Base(build.Dockerfile), "Dockerfile.")
		if !ok {
			return fmt.Errorf("image %s is built by %q: only of Dockerfile.NAME is it known that the program is ./NAME", image, build.Dockerfile)
		}
		what, began := "program "+name, time.Now()
		say.say(what, "go build ./"+name)
		path := filepath.Join(p.dir, name)
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
		command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "./"+name)
		command.Dir = build.Context
		if output, err := command.CombinedOutput(); err != nil {
			log := &buildLog{}
			for line := range bytes.Lines(output) {
				log.line(string(line))
			}
			return fmt.Errorf("building program %s failed: %w%s", name, err, log.end())
		}
		p.programs[image] = path
		say.done(what, seconds(began))
	}
	return nil
}

func (p *processes) open(_ context.Context, l *Lab) (ground, error) {
	// A copy: another lab may have something built while this one runs.
	programs := map[string]string{}
	for _, image := range l.topo.imageNames() {
		programs[image] = p.programs[image]
	}
	return &hall{lab: l, programs: programs}, nil
}

// hall is what the processes of one lab share.
type hall struct {
	lab      *Lab
	programs map[string]string // static
}

func (h *hall) start(_ context.Context, n *Node) (unit, error) {
	spec := n.Spec
	dir, err := h.lab.folder(spec.Name)
	if err != nil {
		return nil, err
	}
	mounts, err := spec.mounts(dir)
	if err != nil {
		return nil, err
	}
	p := &processUnit{node: n, program: h.programs[spec.service.Image]}
	if p.program == "" {
		return nil, fmt.Errorf("its image %s was not built: its spec was not part of the topology when the lab was opened", spec.service.Image)
	}
	if port, ok := spec.port(); ok {
		number, err := h.lab.inheritedPort(spec)
		if number == "" && err == nil {
			if number = port.Published; !h.lab.opts.FilePorts {
				number, err = freePort()
			}
		}
		if err != nil {
			return nil, err
		}
		p.address = net.JoinHostPort(loopback, number)
	}
	p.words = h.words(p, mounts)
	p.env = environment(spec, p.words)
	if spec.Role == Subscriber {
		p.env = append(p.env, "PUBSUB_OUTPUT="+n.Transcript())
	}

	p.command = exec.Command(p.program, p.words.args(spec.Args)...)
	p.command.Env = p.env
	p.command.Dir = dir
	p.command.WaitDelay = drainTimeout
	p.command.SysProcAttr = ownGroup()
	stdout := &lineWriter{line: func(text string) { n.emit(false, text) }}
	stderr := &lineWriter{line: func(text string) { n.emit(true, text) }}
	p.command.Stdout, p.command.Stderr = stdout, stderr
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		err := p.command.Wait()
		stdout.end()
		stderr.end()
		_ = killGroup(p.command.Process) // whatever it left behind
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
			err = nil // the exit code says it
		}
		n.finish(exitCode(p.command.ProcessState), err)
	}()
	return p, nil
}

// close kills what still runs and waits for it.
func (h *hall) close(context.Context) error {
	for _, n := range h.lab.Nodes() {
		if u, err := n.running(); err == nil {
			_ = u.kill(context.Background())
			<-n.done
		}
	}
	return nil
}

// environment is the lab's own without what would configure a node from outside, plus the node's.
func environment(s *Spec, w words) []string {
	var env []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "PUBSUB_") {
			env = append(env, setting)
		}
	}
	if _, ok := s.port(); ok {
		env = append(env, "PUBSUB_HOST="+loopback)
	}
	for name, value := range s.Env {
		env = append(env, name+"="+w.path(value))
	}
	return env
}

// words turn what is said in a container into what is said on this machine.
type words struct {
	own    types.ServicePortConfig // the node's own port; Target 0 for none
	local  string                  // its number on this machine
	hosts  map[string]hostWords    // by service name
	mounts []types.ServiceVolumeConfig
}

type hostWords struct{ inside, local string } // the port of a service, in its container and on this machine

func (h *hall) words(p *processUnit, mounts []types.ServiceVolumeConfig) words {
	w := words{hosts: map[string]hostWords{}, mounts: mounts}
	add := func(s *Spec, address string) {
		port, ok := s.port()
		if _, local, err := net.SplitHostPort(address); ok && err == nil {
			for _, name := range h.lab.hostNames(s) {
				w.hosts[name] = hostWords{strconv.Itoa(int(port.Target)), local}
			}
		}
	}
	for _, other := range h.lab.Nodes() {
		add(other.Spec, other.Addr())
	}
	if port, ok := p.node.Spec.port(); ok {
		w.own = port
		_, w.local, _ = net.SplitHostPort(p.address)
	}
	return w
}

// args maps arguments: the host name of a service, alone and followed by its port, or HOST:PORT; the node's own port;
// and paths at or below the target of a mount, alone or as the value of a flag.
func (w words) args(args []string) []string {
	mapped := make([]string, len(args))
	for i, arg := range args {
		switch previous := args[max(i-1, 0)]; {
		case w.hosts[arg] != hostWords{}:
			mapped[i] = loopback
		case i > 0 && w.hosts[previous] != hostWords{} && w.hosts[previous].inside == arg:
			mapped[i] = w.hosts[previous].local
		default:
			mapped[i] = w.word(arg)
		}
	}
	return mapped
}

func (w words) word(arg string) string {
	if w.own.Target != 0 && arg == strconv.Itoa(int(w.own.Target)) {
		return w.local
	}
	if host, port, err := net.SplitHostPort(arg); err == nil {
		if known := w.hosts[host]; known.inside == port && port != "" {
			return net.JoinHostPort(loopback, known.local)
		}
		if w.own.Target != 0 && port == strconv.Itoa(int(w.own.Target)) && (host == loopback || host == "localhost") {
			return net.JoinHostPort(loopback, w.local)
		}
	}
	if flag, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(flag, "-") {
		return flag + "=" + w.path(value)
	}
	return w.path(arg)
}

func (w words) path(value string) string {
	for _, m := range w.mounts {
		if value == m.Target {
			return m.Source
		}
		if below, ok := strings.CutPrefix(value, strings.TrimSuffix(m.Target, "/")+"/"); ok {
			return filepath.Join(m.Source, filepath.FromSlash(below))
		}
	}
	return value
}

// freePort finds a port that is free just now, and that systems do not give to outgoing connections: between a broker's
// end and its successor's start, or between this look and the node's start, one of those could take it.
func freePort() (port string, err error) {
	const lowest, highest, tries = 10_000, 32_767, 100
	for range tries {
		port = strconv.Itoa(lowest + rand.IntN(highest-lowest+1))
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort(loopback, port)); err == nil {
			return port, listener.Close()
		}
	}
	return "", fmt.Errorf("no free port found: %w", err)
}

// processUnit is a node that is a process.
type processUnit struct {
	// static after construction
	node    *Node
	program string
	command *exec.Cmd
	words   words
	env     []string
	address string
}

func (p *processUnit) addr() string { return p.address }

// probe runs the health check's command as Docker would, but more often: it is cheaper here.
func (p *processUnit) probe(ctx context.Context) error {
	check := p.node.Spec.service.HealthCheck
	ctx, cancel := context.WithTimeout(ctx, p.node.Spec.probeTimeout())
	defer cancel()
	for {
		// The test's first word is CMD, its second the program, which is the node's own: its image has no other.
		command := exec.CommandContext(ctx, p.program, p.words.args(check.Test[2:])...)
		command.Env = p.env
		output, err := command.CombinedOutput()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its health check says: %s (%w)", bytes.TrimSpace(output), err)
		case <-time.After(probePause):
		}
	}
}

func (p *processUnit) stop(ctx context.Context) error {
	if err := terminateGroup(p.command.Process); err != nil {
		return err
	}
	grace := time.NewTimer(p.node.grace())
	defer grace.Stop()
	select {
	case <-p.node.done:
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	return p.kill(ctx)
}

func (p *processUnit) kill(context.Context) error    { return killGroup(p.command.Process) }
func (p *processUnit) pause(context.Context) error   { return pauseGroup(p.command.Process) }
func (p *processUnit) unpause(context.Context) error { return unpauseGroup(p.command.Process) }

func (p *processUnit) disconnect(context.Context) error { return errNoNetwork }
func (p *processUnit) reconnect(context.Context) error  { return errNoNetwork }

func (p *processUnit) memory(ctx context.Context) (uint64, error) {
	observed, err := process.NewProcessWithContext(ctx, int32(p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	info, err := observed.MemoryInfoWithContext(ctx)
	if err != nil {
		return 0, err
	}
	return info.RSS, nil
}
