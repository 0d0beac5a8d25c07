package topology

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"pubsublab/lab/internal/engine"
)

// Mode says what nodes are.
type Mode string

// The modes there are. Auto is Containers where a Docker engine answers and Processes where none
// does, unless the environment variable [ModeVariable] names one of them.
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

// Progress is told each step as it begins. Calls are never concurrent and must not block for long.
// Nil is allowed.
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

// An Engine is where nodes run. One engine serves any number of deployments; what it built is built
// once. All methods may be called concurrently.
type Engine struct {
	// static after construction
	mode    Mode
	reason  string
	folder  *engine.Folder // holds those of the deployments
	backend backend

	building sync.Mutex // held while something is built, so that it is built once
}

// backend is one way of running nodes.
type backend interface {
	// prepare builds what the nodes of t run, unless it did so before, and returns it by image
	// name: the ID of an image on the engine, or the path of a program. Not called concurrently.
	prepare(ctx context.Context, t *Topology, say Progress) (map[string]string, error)
	// open makes what the nodes of one deployment share. It is called once for each.
	open(ctx context.Context, d *Deployment) (runtime, error)
	close() error
}

// runtime is what the nodes of one deployment run on.
type runtime interface {
	// start runs a node and returns it even with an error, where something was made that has to be
	// stopped. The backend calls n.finish once when the node has ended and all its output was
	// delivered.
	start(ctx context.Context, n *Node) (runningNode, error)
	// close removes everything that was made for the deployment, running or not.
	close(ctx context.Context) error
}

// runningNode is a node that was started.
type runningNode interface {
	// probe returns when the node's health check has passed, or with the reason why it will not.
	probe(ctx context.Context) error
	// restart starts the node again, which has ended, and sees that n.restarted is called. Where
	// that takes long, it need not be done when restart returns.
	restart(ctx context.Context) error
	// stop asks the node to end and kills it when its grace period or ctx is over.
	stop(ctx context.Context) error
	kill(ctx context.Context) error
	pause(ctx context.Context) error
	unpause(ctx context.Context) error
	// disconnect and reconnect are errNoNetwork where a node has no network of its own.
	disconnect(ctx context.Context) error
	reconnect(ctx context.Context) error
	memory(ctx context.Context) (uint64, error)
	// input is the standard input of a node that is typed.
	input() io.Writer
	// addr is the address, as seen from this machine, of the port that it publishes by that number
	// of its own, or "".
	addr(target string) string
}

// NewEngine finds out where nodes can run. The Docker engine is that of the docker command, by the
// same variables and contexts. It fails where the mode asks for containers and no engine answers,
// where one of those asks for an engine that does not answer, or where the mode or [ModeVariable]
// is not a mode. Close it at the end.
func NewEngine(ctx context.Context, mode Mode) (*Engine, error) { return newEngine(ctx, mode, true) }

// newEngine is NewEngine. Where tidy is asked for, it removes what killed labs left behind.
func newEngine(ctx context.Context, mode Mode, tidy bool) (*Engine, error) {
	why := "as asked"
	if mode == Auto || mode == "" {
		mode = Auto
		if forced := os.Getenv(ModeVariable); forced != "" {
			mode, why = Mode(forced), ModeVariable+" says so"
		}
	}
	if mode != Processes && mode != Auto && mode != Containers {
		return nil, fmt.Errorf("unknown kind of nodes %q: expected %s, %s or %s", mode, Auto, Containers, Processes)
	}
	own, err := engine.NewFolder()
	if err != nil {
		return nil, err
	}
	e := &Engine{mode: Processes, reason: why, folder: own}
	if mode == Processes {
		e.backend, err = newProcesses(own)
	} else {
		err = e.findBackend(ctx, mode)
	}
	if err != nil {
		return nil, errors.Join(err, own.Remove())
	}
	if tidy {
		if d, ok := e.backend.(*docker); ok {
			engine.RemoveOrphans(ctx, d.api.Client, d.lease) // now, because they hold ports
		}
		engine.RemoveDeadFolders(ctx) // last: whose containers to remove was read from them
	}
	return e, nil
}

// findBackend is for engines that are wanted or may be.
func (e *Engine) findBackend(ctx context.Context, mode Mode) error {
	at, err := engine.Find()
	if err != nil {
		return fmt.Errorf("which Docker engine to use is not clear: %w", err)
	}
	d, about, err := dialDocker(ctx, at, e.folder)
	if err == nil {
		e.mode, e.reason, e.backend = Containers, about, d
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// One that was asked for is not replaced in silence, neither by another one nor by processes.
	if at.Asked != "" {
		return fmt.Errorf("the engine at %s, which %q asks for, cannot be used (%w): start it, ask for another one, or run the nodes as processes with %s=%s",
			at.Host, at.Asked, oneLine(err), ModeVariable, Processes)
	}
	err = fmt.Errorf("no Docker engine can be used (%w)", oneLine(err))
	if mode == Containers {
		return fmt.Errorf("%w: start one, or run the nodes as processes with %s=%s", err, ModeVariable, Processes)
	}
	e.reason = err.Error()
	e.backend, err = newProcesses(e.folder)
	return err
}

// Mode is [Containers] or [Processes].
func (e *Engine) Mode() Mode { return e.mode }

// Reason says in a few words why nodes are what they are.
func (e *Engine) Reason() string { return e.reason }

// CutNetworks is the environment variable by which networks are cut where [Engine.Uncuttable] is
// about to say no.
const CutNetworks = "PUBSUBLAB_CUT_NETWORKS"

// Uncuttable is why the networks of nodes cannot be cut ([Node.Disconnect]); "" where they can.
func (e *Engine) Uncuttable() string {
	if e.mode != Containers {
		return "nodes are processes here, and a process has no network of its own that could be cut: " + e.reason
	}
	// Engine 20.10 can lock itself up for good when a network is cut while other containers come and go.
	if strings.Contains(e.reason, "Engine 20.") && os.Getenv(CutNetworks) == "" {
		return e.reason + ", and this version can lock itself up when networks are cut: " + CutNetworks + "=1 tries all the same"
	}
	return ""
}

// Build makes the images, or the programs, that the topology's nodes run. [Engine.Open] does it
// too; calling it first only shows the progress apart. What this engine built before is not built
// again. A failed build's error ends with the last lines of the build's output.
func (e *Engine) Build(ctx context.Context, t *Topology, say Progress) error {
	_, err := e.prepare(ctx, t, say)
	return err
}

func (e *Engine) prepare(ctx context.Context, t *Topology, say Progress) (map[string]string, error) {
	e.building.Lock()
	defer e.building.Unlock()
	return e.backend.prepare(ctx, t, say)
}

// GoImage returns the name of a Go image that is on the engine and with which the topology's images
// can be built: the one the compose file asks for, pulled if need be, or else a stand-in made from
// this machine's Go installation.
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

// Image returns a name, or the ID, of the image on the engine that the node s of t runs, pulled or
// built, or of its stand-in. Nobody gives that name to another image.
func (e *Engine) Image(ctx context.Context, t *Topology, s *Spec, say Progress) (string, error) {
	docker, ok := e.backend.(*docker)
	if !ok {
		return "", fmt.Errorf("an image needs a Docker engine, and nodes are processes here (%s)", e.reason)
	}
	alone := *t
	alone.Specs = []*Spec{s}
	built, err := e.prepare(ctx, &alone, say)
	if r := t.images[s.service.Image]; err == nil && r.standIn {
		return docker.lasting(ctx, built[s.service.Image], s.service.Image, r)
	}
	return built[s.service.Image], err
}

// Close gives back what the engine holds. Images stay: they are the cache of the next build. Close
// the deployments first.
func (e *Engine) Close() error { return errors.Join(e.backend.close(), e.folder.Remove()) }
