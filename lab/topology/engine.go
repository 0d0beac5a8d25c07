package topology

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// Mode says what nodes are.
type Mode string

// The modes there are. Auto is Containers where a Docker engine answers and Processes where none does, unless the
// environment variable [ModeVariable] names one of them.
const (
	Auto       Mode = "auto"
	Containers Mode = "containers"
	Processes  Mode = "processes"
)

// ModeVariable is the environment variable that decides where the mode is [Auto].
const ModeVariable = "PUBSUBLAB_NODES"

// A Step tells what is being made before nodes can run.
type Step struct {
	// What is being made: "image pubsublab/server".
	What string
	// Now is the step it is at, or, when Done, what came out. It may be empty.
	Now  string
	Done bool
}

// Progress is told each step as it begins. Calls are never concurrent and must not block for long. Nil is allowed.
type Progress func(Step)

func (p Progress) say(what, now string) {
	if p != nil {
		p(Step{What: what, Now: now})
	}
}

func (p Progress) done(what, result string) {
	if p != nil {
		p(Step{What: what, Now: result, Done: true})
	}
}

// An Engine is where nodes run. One engine serves any number of labs; what it built is built once. All methods may be
// called concurrently.
type Engine struct {
	// static after construction
	mode    Mode
	reason  string
	backend backend

	building sync.Mutex // held while something is built, so that it is built once
}

// backend is one way of running nodes.
type backend interface {
	// prepare builds what the nodes of t run, unless it did so before, and returns it by image name: the name of an image
	// on the engine, or the path of a program. Not called concurrently.
	prepare(ctx context.Context, t *Topology, say Progress) (map[string]string, error)
	// open makes what the nodes of one lab share. It is called once per lab.
	open(ctx context.Context, l *Lab) (ground, error)
	close() error
}

// ground is what the nodes of one lab stand on.
type ground interface {
	// start runs a node and returns it even with an error, where something was made that has to be stopped. The backend
	// calls n.finish once when the node has ended and all its output was delivered.
	start(ctx context.Context, n *Node) (unit, error)
	// close removes everything that was made for the lab, running or not.
	close(ctx context.Context) error
}

// unit is one running node.
type unit interface {
	// probe returns when the node's health check has passed, or with the reason why it will not.
	probe(ctx context.Context) error
	// stop asks the node to end and kills it when its grace period or ctx is over.
	stop(ctx context.Context) error
	kill(ctx context.Context) error
	pause(ctx context.Context) error
	unpause(ctx context.Context) error
	// disconnect and reconnect are errNoNetwork where a node has no network of its own.
	disconnect(ctx context.Context) error
	reconnect(ctx context.Context) error
	memory(ctx context.Context) (uint64, error)
	// addr is the address, as seen from this machine, of the port that it publishes by that number of its own, or "".
	addr(target string) string
}

// NewEngine finds out where nodes can run. It fails where the mode asks for containers and no engine answers, or where
// the mode or [ModeVariable] is not a mode. Close it at the end.
func NewEngine(ctx context.Context, mode Mode) (*Engine, error) {
	why := "as asked"
	if mode == Auto || mode == "" {
		mode = Auto
		if forced := os.Getenv(ModeVariable); forced != "" {
			mode, why = Mode(forced), ModeVariable+" says so"
		}
	}
	switch mode {
	case Processes:
		return newProcessEngine(why)
	case Containers, Auto:
	default:
		return nil, fmt.Errorf("unknown kind of nodes %q: expected %s, %s or %s", mode, Auto, Containers, Processes)
	}
	docker, version, err := dialDocker(ctx)
	switch {
	case err == nil:
		return &Engine{mode: Containers, reason: "Docker Engine " + version, backend: docker}, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case mode == Containers:
		return nil, fmt.Errorf("no Docker engine can be used (%w): start one, or run the nodes as processes with %s=%s",
			err, ModeVariable, Processes)
	default:
		return newProcessEngine(fmt.Sprintf("no Docker engine can be used (%v)", err))
	}
}

func newProcessEngine(why string) (*Engine, error) {
	p, err := newProcesses()
	if err != nil {
		return nil, err
	}
	return &Engine{mode: Processes, reason: why, backend: p}, nil
}

// Mode is [Containers] or [Processes].
func (e *Engine) Mode() Mode { return e.mode }

// Reason says in a few words why nodes are what they are.
func (e *Engine) Reason() string { return e.reason }

// Build makes the images, or the programs, that the topology's nodes run. [Engine.Open] does it too; calling it first
// only shows the progress apart. What this engine built before is not built again. A failed build's error ends with
// the last lines of the build's output.
func (e *Engine) Build(ctx context.Context, t *Topology, say Progress) error {
	_, err := e.prepare(ctx, t, say)
	return err
}

func (e *Engine) prepare(ctx context.Context, t *Topology, say Progress) (map[string]string, error) {
	e.building.Lock()
	defer e.building.Unlock()
	return e.backend.prepare(ctx, t, say)
}

// GoImage returns the name of a Go image that is on the engine and with which the topology's images can be built:
// the one the compose file asks for, pulled if need be, or else a stand-in made from this machine's Go installation.
func (e *Engine) GoImage(ctx context.Context, t *Topology, say Progress) (string, error) {
	docker, ok := e.backend.(*docker)
	if !ok {
		return "", fmt.Errorf("a Go image needs a Docker engine, and nodes are processes here (%s)", e.reason)
	}
	e.building.Lock()
	defer e.building.Unlock()
	for _, name := range t.imageNames() {
		if arg := t.images[name].build.Args[goImageArg]; arg != nil {
			return docker.goImage(ctx, *arg, say)
		}
	}
	return "", fmt.Errorf("%s passes no %s to any build", t.File, goImageArg)
}

// Image returns the name of the image on the engine that the node s of t runs: pulled or built, or a stand-in.
func (e *Engine) Image(ctx context.Context, t *Topology, s *Spec, say Progress) (string, error) {
	if e.mode != Containers {
		return "", fmt.Errorf("an image needs a Docker engine, and nodes are processes here (%s)", e.reason)
	}
	alone := *t
	alone.Specs = []*Spec{s}
	built, err := e.prepare(ctx, &alone, say)
	return built[s.service.Image], err
}

// Close gives back what the engine holds. Images stay: they are the cache of the next build. Close the labs first.
func (e *Engine) Close() error { return e.backend.close() }
