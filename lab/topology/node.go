package topology

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// transcriptName is the file, in the node's folder, into which a subscriber writes what it received.
const transcriptName = "received"

// tailLines is how many of a node's last lines are kept for error messages.
const tailLines = 8

// errNeverStarted is why a node that failed to start has ended.
var errNeverStarted = errors.New("it was never started")

// A Node is one running node of a [Lab]. All methods may be called concurrently.
type Node struct {
	// Spec is what the node was started from. Do not change it.
	Spec *Spec

	// static after construction
	lab      *Lab
	launched chan struct{} // closed once it runs
	healthy  chan struct{} // closed once it runs and has passed its health check, if it has one
	done     chan struct{} // closed once it has ended and its output was delivered

	finishing sync.Once

	mu   sync.Mutex
	unit unit // nil before the start
	code int  // valid once done is closed
	err  error
	tail []string
}

func newNode(l *Lab, s *Spec) *Node {
	return &Node{Spec: s, lab: l, launched: make(chan struct{}), healthy: make(chan struct{}), done: make(chan struct{})}
}

// start runs the node and waits for its health check.
func (n *Node) start(ctx context.Context) error {
	unit, err := n.lab.ground.start(ctx, n)
	n.mu.Lock()
	n.unit = unit
	n.mu.Unlock()
	if err != nil {
		n.finish(0, errNeverStarted)
		return fmt.Errorf("%s does not start: %w", n.Spec.Name, err)
	}
	close(n.launched)
	if n.Spec.probed() {
		if err := n.probe(ctx, unit); err != nil {
			return fmt.Errorf("%s does not become healthy: %w%s", n.Spec.Name, err, n.lastWords())
		}
	}
	close(n.healthy)
	return nil
}

// probe waits for the health check, but no longer than the node runs.
func (n *Node) probe(ctx context.Context, u unit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-n.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := u.probe(ctx)
	if n.ended() {
		code, _ := n.Wait(ctx)
		return fmt.Errorf("it ended with exit code %d", code)
	}
	return err
}

// await waits for a condition of depends_on.
func (n *Node) await(ctx context.Context, condition string) error {
	awaited := n.launched
	switch condition {
	case types.ServiceConditionHealthy:
		awaited = n.healthy
	case types.ServiceConditionCompletedSuccessfully:
		awaited = nil
	}
	select {
	case <-awaited:
		return nil
	case <-n.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	code, err := n.Wait(ctx)
	ok := err == nil && (condition == types.ServiceConditionCompletedSuccessfully && code == 0 ||
		condition == types.ServiceConditionStarted)
	switch {
	case ok:
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("it ended with exit code %d%s", code, n.lastWords())
	}
}

// finish records how the node ended. Only the first call counts.
func (n *Node) finish(code int, err error) {
	n.finishing.Do(func() {
		n.mu.Lock()
		n.code, n.err = code, err
		n.mu.Unlock()
		close(n.done)
	})
}

// Done is closed once the node has ended and all its output was delivered.
func (n *Node) Done() <-chan struct{} { return n.done }

// Wait waits until the node has ended and all its output was delivered, and returns its exit code: 128 plus the number
// of the signal that killed it, if one did. An error means that the code is not known, or that ctx ended first.
func (n *Node) Wait(ctx context.Context) (int, error) {
	select {
	case <-n.done:
	case <-ctx.Done():
		if !n.ended() {
			return 0, fmt.Errorf("%s still runs: %w", n.Spec.Name, context.Cause(ctx))
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.code, n.err
}

func (n *Node) ended() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// Stop asks the node to end with SIGTERM, kills it after its stop_grace_period (10 s where the file has none) or when
// ctx ends, and returns once it has ended. Stopping an ended node does nothing.
func (n *Node) Stop(ctx context.Context) error {
	return n.end(ctx, unit.stop)
}

// Kill ends the node with SIGKILL and returns once it has ended. Killing an ended node does nothing.
func (n *Node) Kill(ctx context.Context) error {
	return n.end(ctx, unit.kill)
}

func (n *Node) end(ctx context.Context, how func(unit, context.Context) error) error {
	u, err := n.running()
	if err != nil {
		return nil
	}
	if err := how(u, ctx); err != nil {
		return fmt.Errorf("%s: %w", n.Spec.Name, err)
	}
	_, err = n.Wait(ctx)
	return err
}

// Pause freezes the node, with all its connections open, until Unpause.
func (n *Node) Pause(ctx context.Context) error {
	u, err := n.running()
	if err != nil {
		return err
	}
	return u.pause(ctx)
}

// Unpause lets a paused node go on.
func (n *Node) Unpause(ctx context.Context) error {
	u, err := n.running()
	if err != nil {
		return err
	}
	return u.unpause(ctx)
}

// errNoNetwork is what a process says to a cut of its network.
var errNoNetwork = fmt.Errorf("a process has no network of its own that could be cut: this needs nodes that are containers (%w)", errors.ErrUnsupported)

// Disconnect takes the node off its networks, as a pulled cable does: nobody is told, and packets go nowhere. Processes
// have no network of their own: the error is then an [errors.ErrUnsupported].
func (n *Node) Disconnect(ctx context.Context) error {
	u, err := n.running()
	if err != nil {
		return err
	}
	return u.disconnect(ctx)
}

// Reconnect undoes Disconnect. The node may get another address on the network, and its published port another number
// on this machine: see Addr.
func (n *Node) Reconnect(ctx context.Context) error {
	u, err := n.running()
	if err != nil {
		return err
	}
	return u.reconnect(ctx)
}

// Memory returns how many bytes of memory the node holds now: what its control group does without the file cache, or
// what is resident of its process.
func (n *Node) Memory(ctx context.Context) (uint64, error) {
	u, err := n.running()
	if err != nil {
		return 0, err
	}
	return u.memory(ctx)
}

func (n *Node) running() (unit, error) {
	if n.ended() {
		return nil, fmt.Errorf("%s has ended", n.Spec.Name)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.unit == nil {
		return nil, fmt.Errorf("%s has not started", n.Spec.Name)
	}
	return n.unit, nil
}

// Addr is the HOST:PORT of the first port that the node publishes, as seen from this machine, or "" where it publishes
// none or has not started.
func (n *Node) Addr() string {
	if len(n.Spec.service.Ports) == 0 {
		return ""
	}
	return n.AddrOf(int(n.Spec.service.Ports[0].Target))
}

// AddrOf is like [Node.Addr] for the port that has this number in the node's container: 8222 of a NATS server is its
// monitoring. A port that the compose file does not publish has no address on this machine.
func (n *Node) AddrOf(port int) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.unit == nil {
		return ""
	}
	return n.unit.addr(strconv.Itoa(port))
}

// Transcript is the path of the file into which a subscriber writes what it receives, in its --format. It exists once
// the subscriber has opened it, is complete once the node has ended, and is removed with the lab. It is "" for others.
func (n *Node) Transcript() string {
	if n.Spec.Role != Subscriber {
		return ""
	}
	return filepath.Join(n.lab.dir, n.Spec.Name, transcriptName)
}

// grace is how long the node has to end by itself.
func (n *Node) grace() time.Duration {
	if g := n.Spec.service.StopGracePeriod; g != nil {
		return time.Duration(*g)
	}
	return 10 * time.Second
}

func (n *Node) emit(stderr bool, text string) {
	n.mu.Lock()
	n.tail = append(n.tail, text)
	if len(n.tail) > tailLines {
		n.tail = n.tail[1:]
	}
	n.mu.Unlock()
	if n.lab.opts.Output != nil {
		n.lab.output.Lock()
		defer n.lab.output.Unlock()
		n.lab.opts.Output(Line{Node: n.Spec.Name, Role: n.Spec.Role, Stderr: stderr, Text: text})
	}
}

// lastWords is the end of the node's output, to be put at the end of an error.
func (n *Node) lastWords() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.tail) == 0 {
		return ""
	}
	return "\nits last lines:\n  " + strings.Join(n.tail, "\n  ")
}

// A lineWriter cuts what is written into lines. It is not for concurrent use.
type lineWriter struct {
	line func(text string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	size := len(p)
	for {
		head, tail, found := bytes.Cut(p, []byte{'\n'})
		w.rest = append(w.rest, head...)
		if !found {
			return size, nil
		}
		w.flush()
		p = tail
	}
}

// flush delivers the line at hand, which may be empty.
func (w *lineWriter) flush() {
	w.line(strings.TrimSuffix(string(w.rest), "\r"))
	w.rest = w.rest[:0]
}

// end delivers an unterminated last line.
func (w *lineWriter) end() {
	if len(w.rest) > 0 {
		w.flush()
	}
}
