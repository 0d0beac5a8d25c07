package topology

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
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

	mu    sync.Mutex
	ports map[string]bool // given to nodes of labs that are open, who may not listen on them yet; guarded by mu
}

func newProcesses() (*processes, error) {
	dir, err := os.MkdirTemp("", "pubsublab-bin-")
	if err != nil {
		return nil, err
	}
	return &processes{dir: dir, programs: map[string]string{}, ports: map[string]bool{}}, nil
}

func (p *processes) close() error { return os.RemoveAll(p.dir) }

// prepare builds the programs of the images with the machine's own Go: Dockerfile.NAME builds the package ./NAME of its
// context, that of a stand-in the package it says.
func (p *processes) prepare(ctx context.Context, t *Topology, say Progress) (map[string]string, error) {
	found := map[string]string{}
	for _, image := range t.imageNames() {
		if p.programs[image] == "" {
			var err error
			if p.programs[image], err = p.make(ctx, image, t.images[image], say); err != nil {
				return nil, err
			}
		}
		found[image] = p.programs[image]
	}
	return found, nil
}

// make builds the program of an image and returns its path, or "" with an error.
func (p *processes) make(ctx context.Context, image string, r recipe, say Progress) (string, error) {
	name, ok := r.name()
	if !ok {
		return "", fmt.Errorf("image %s is built by %q: only of Dockerfile.NAME is it known that the program is ./NAME", image, r.build.Dockerfile)
	}
	pkg := cmp.Or(r.pkg, "./"+name)
	what, began := "program "+name, time.Now()
	say.say(what, "go build "+pkg)
	path := filepath.Join(p.dir, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, pkg)
	command.Dir = r.build.Context
	if output, err := command.CombinedOutput(); err != nil {
		log := &buildLog{}
		for line := range bytes.Lines(output) {
			log.line(string(line))
		}
		return "", fmt.Errorf("building program %s failed: %w%s", name, err, log.end())
	}
	say.done(what, seconds(began))
	return path, nil
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
	p := &processUnit{node: n}
	if p.program, err = h.lab.program(spec); err != nil {
		return nil, err
	}
	if _, err := h.lab.predecessor(spec); err != nil {
		return nil, err
	}
	if err := h.givePorts(spec); err != nil {
		return nil, err
	}
	p.words = h.words(spec, mounts)
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

// environment is the lab's own without what would configure a node from outside, plus the node's.
func environment(s *Spec, w words) []string {
	var env []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "PUBSUB_") {
			env = append(env, setting)
		}
	}
	if len(s.targets()) > 0 {
		env = append(env, "PUBSUB_HOST="+loopback)
	}
	for name, value := range s.Env {
		env = append(env, name+"="+w.value(value))
	}
	return env
}

// processUnit is a node that is a process.
type processUnit struct {
	// static after construction
	node    *Node
	program string
	command *exec.Cmd
	words   words
	env     []string
}

func (p *processUnit) addr(wanted string) string {
	published := func(port types.ServicePortConfig) bool { return target(port) == wanted }
	if !slices.ContainsFunc(p.node.Spec.service.Ports, published) {
		return "" // though nothing would keep one from it here
	}
	return net.JoinHostPort(loopback, p.words.own[wanted])
}

// probe runs the health check as Docker would, but more often: it is cheaper here.
func (p *processUnit) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.node.Spec.probeTimeout())
	defer cancel()
	for {
		said, err := p.check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its health check says: %s (%w)", bytes.TrimSpace(said), err)
		case <-time.After(probePause):
		}
	}
}

// check runs the health check once. The test's first word is CMD, its second the program: the node's own, or wget, which
// not every machine has, so that its URL, the last word, is fetched here.
func (p *processUnit) check(ctx context.Context) (said []byte, err error) {
	test := p.node.Spec.service.HealthCheck.Test
	args := p.words.args(test[2:])
	if test[1] != "wget" {
		command := exec.CommandContext(ctx, p.program, args...)
		command.Env = p.env
		return command.CombinedOutput()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[len(args)-1], nil)
	if err != nil {
		return nil, err
	}
	response, err := probing.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if said, err = io.ReadAll(response.Body); err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return said, err
}

// probing leaves no connection open, which a node would wait for when it ends.
var probing = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

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
