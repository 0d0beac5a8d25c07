package topology

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// transcriptName is the file, in the node's folder, into which a subscriber writes what it
// received.
const transcriptName = "received"

// tailLines is how many of a node's last lines are kept for error messages.
const tailLines = 8

// errNeverStarted is why a node that failed to start has ended.
var errNeverStarted = errors.New("it was never started")

// A Node is one running node of a [Deployment]. All methods may be called concurrently.
type Node struct {
	// Spec is what the node was started from. Do not change it.
	Spec *Spec

	// static after construction
	deployment *Deployment
	launched   chan struct{} // closed once it runs
	healthy    chan struct{} // closed once it runs and has passed its health check, if it has one

	mu   sync.Mutex
	done chan struct{} // closed once it has ended and its output was delivered; replaced by restarted
	back chan struct{} // closed once it runs again after that; likewise
	run  runningNode   // nil before the start
	tail []string

	finished bool // it has ended, and done is closed or about to be
	end      End  // valid once it has
	err      error
}

func newNode(d *Deployment, s *Spec) *Node {
	return &Node{Spec: s, deployment: d, launched: make(chan struct{}), healthy: make(chan struct{}), done: make(chan struct{}), back: make(chan struct{})}
}

// start runs the node and waits for its health check.
func (n *Node) start(ctx context.Context) error {
	run, err := n.deployment.runtime.start(ctx, n)
	n.mu.Lock()
	n.run = run
	n.mu.Unlock()
	if err != nil {
		n.finish(End{}, errNeverStarted)
		return fmt.Errorf("%s does not start: %w", n.Spec.Name, err)
	}
	close(n.launched)
	if n.Spec.probed() {
		if err := n.probe(ctx, run); err != nil {
			return fmt.Errorf("%s does not become healthy: %w%s", n.Spec.Name, err, n.lastWords())
		}
	}
	close(n.healthy)
	return nil
}

// probe waits for the health check, but no longer than the node runs.
func (n *Node) probe(ctx context.Context, run runningNode) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-n.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := run.probe(ctx)
	if n.ended() {
		end, _ := n.End()
		return fmt.Errorf("it %s", end)
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
	case <-n.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	end, err := n.End()
	ok := err == nil && (condition == types.ServiceConditionCompletedSuccessfully && end.Code == 0 ||
		condition == types.ServiceConditionStarted)
	switch {
	case ok:
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("it %s%s", end, n.lastWords())
	}
}

// finish records how the node ended. Only the first call counts. Who wants to know what becomes of
// nodes hears of it before anybody who waits for the end goes on.
func (n *Node) finish(end End, err error) {
	n.mu.Lock()
	if n.finished {
		n.mu.Unlock()
		return
	}
	n.finished, n.end, n.err = true, end, err
	done := n.done
	n.mu.Unlock()
	n.happened(Ended, end.String())
	close(done)
}

// happened tells who wants to know what becomes of nodes. The caller does not hold mu.
func (n *Node) happened(h Happening, what string) {
	if told := n.deployment.opts.Happened; told != nil {
		told(n, h, what)
	}
}

// restarted records that the node, which had ended, runs again.
func (n *Node) restarted(run runningNode) {
	n.mu.Lock()
	n.run = run
	close(n.back)
	n.done, n.back = make(chan struct{}), make(chan struct{})
	n.finished, n.end, n.err = false, End{}, nil
	n.mu.Unlock()
	n.happened(Returned, "runs again")
}

// Done is closed once the node has ended and all its output was delivered. Where [Options].Restarts
// follows a node that is started again, the next call returns another channel.
func (n *Node) Done() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.done
}

// Back is closed once the node, after its present run has ended, runs again. See
// [Options].Restarts.
func (n *Node) Back() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.back
}

// Wait waits until the node has ended and all its output was delivered, and returns its exit code:
// 128 plus the number of the signal that killed it, if one did. An error means that the code is not
// known, or that ctx ended first.
func (n *Node) Wait(ctx context.Context) (int, error) {
	select {
	case <-n.Done():
	case <-ctx.Done():
		if !n.ended() {
			return 0, fmt.Errorf("%s still runs: %w", n.Spec.Name, context.Cause(ctx))
		}
	}
	end, err := n.End()
	return end.Code, err
}

// End returns how the node ended. It is the zero End before it has, and where an error says that it
// is not known.
func (n *Node) End() (End, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.end, n.err
}

func (n *Node) ended() bool {
	select {
	case <-n.Done():
		return true
	default:
		return false
	}
}

// Stop asks the node to end with SIGTERM, kills it after its stop_grace_period (10 s where the file
// has none) or when ctx ends, and returns once it has ended. Stopping an ended node does nothing.
func (n *Node) Stop(ctx context.Context) error {
	return n.endBy(ctx, "is asked to end", runningNode.stop)
}

// Kill ends the node with SIGKILL and returns once it has ended. Killing an ended node does
// nothing.
func (n *Node) Kill(ctx context.Context) error {
	return n.endBy(ctx, "is killed", runningNode.kill)
}

func (n *Node) endBy(ctx context.Context, what string, how func(runningNode, context.Context) error) error {
	run, err := n.running()
	if err != nil {
		return nil
	}
	n.happened(Fault, what)
	if err := how(run, ctx); err != nil {
		return fmt.Errorf("%s: %w", n.Spec.Name, err)
	}
	_, err = n.Wait(ctx)
	return err
}

// Pause freezes the node, with all its connections open, until Unpause.
func (n *Node) Pause(ctx context.Context) error {
	run, err := n.running()
	if err != nil {
		return err
	}
	n.happened(Fault, "is frozen")
	return run.pause(ctx)
}

// Unpause lets a paused node go on.
func (n *Node) Unpause(ctx context.Context) error {
	run, err := n.running()
	if err != nil {
		return err
	}
	n.happened(Fault, "goes on")
	return run.unpause(ctx)
}

// errNoNetwork is what a process says to a cut of its network.
var errNoNetwork = fmt.Errorf("a process has no network of its own that could be cut: this needs nodes that are containers (%w)", errors.ErrUnsupported)

// Disconnect takes the node off its networks, as a pulled cable does: nobody is told, and packets
// go nowhere. Processes have no network of their own: the error is then an [errors.ErrUnsupported].
func (n *Node) Disconnect(ctx context.Context) error {
	run, err := n.running()
	if err != nil {
		return err
	}
	n.happened(Fault, "is cut off from its networks")
	return run.disconnect(ctx)
}

// Reconnect undoes Disconnect. The node may get another address on the network, and its published
// port another number on this machine: see Addr.
func (n *Node) Reconnect(ctx context.Context) error {
	run, err := n.running()
	if err != nil {
		return err
	}
	n.happened(Fault, "is on its networks again")
	return run.reconnect(ctx)
}

// Input is the standard input of a publisher that is typed ([Spec.SetTyped]), as it runs now: one
// that was started again has another. Writing blocks while the node takes nothing, and fails once
// it has ended. It is nil where there is none.
func (n *Node) Input() io.Writer {
	run, err := n.running()
	if err != nil || !n.Spec.typed {
		return nil
	}
	return run.input()
}

// Memory returns how many bytes of memory the node holds now: what its control group does without
// the file cache, or what is resident of its process.
func (n *Node) Memory(ctx context.Context) (uint64, error) {
	run, err := n.running()
	if err != nil {
		return 0, err
	}
	return run.memory(ctx)
}

func (n *Node) running() (runningNode, error) {
	if n.ended() {
		return nil, fmt.Errorf("%s has ended", n.Spec.Name)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run == nil {
		return nil, fmt.Errorf("%s has not started", n.Spec.Name)
	}
	return n.run, nil
}

// Addr is the HOST:PORT of the first port that the node publishes, as seen from this machine, or ""
// where it publishes none or has not started.
func (n *Node) Addr() string {
	if len(n.Spec.service.Ports) == 0 {
		return ""
	}
	return n.AddrOf(int(n.Spec.service.Ports[0].Target))
}

// AddrOf is like [Node.Addr] for the port that has this number in the node's container: 8222 of a
// NATS server is its monitoring. A port that the compose file does not publish has no address on
// this machine.
func (n *Node) AddrOf(port int) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.run == nil {
		return ""
	}
	return n.run.addr(strconv.Itoa(port))
}

// Transcript is the path of the file into which a subscriber writes what it receives, as tsv, which
// has positions. It exists once the subscriber has opened it, is complete once the node has ended,
// and is removed with the deployment. It is "" for others.
func (n *Node) Transcript() string {
	if n.Spec.Role != Subscriber {
		return ""
	}
	return filepath.Join(n.deployment.dir, n.Spec.Name, transcriptName)
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
	if n.deployment.opts.Output != nil {
		n.deployment.output.Lock()
		defer n.deployment.output.Unlock()
		n.deployment.opts.Output(Line{Node: n.Spec.Name, Role: n.Spec.Role, Stderr: stderr, Text: text})
	}
}

// LastLines returns the last lines of the node's output, eight at most.
func (n *Node) LastLines() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.tail)
}

// lastWords is the end of the node's output, to be put at the end of an error.
func (n *Node) lastWords() string {
	lines := n.LastLines()
	if len(lines) == 0 {
		return ""
	}
	return "\nits last lines:\n  " + strings.Join(lines, "\n  ")
}
