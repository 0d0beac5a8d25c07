package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"pubsublab/lab/topology"
)

// A node is a node as the console follows it.
type node struct {
	Node
	script []string // of a publisher that is typed

	// guarded by Console.mu
	sent       *sent // of a publisher
	got        *got  // of a subscriber
	tail       tail
	done, back <-chan struct{} // of its present run
	ended      bool
	end        topology.End
	endErr     error
	endedAt    time.Time // when that was noticed
	frozen     bool
	cut        bool
	starting   bool
	trouble    string    // what the console cannot do with it
	heard      time.Time // when a line was received last: by it, or from it
	left       time.Time // when somebody was told that it had left
}

// newNode follows a node from now on.
func (c *Console) newNode(n Node, script []string) *node {
	added := &node{Node: n, script: script, done: n.Done(), back: n.Back(), heard: time.Now()}
	switch n.Spec.Role {
	case topology.Publisher:
		name, _ := n.Spec.Flag("name")
		added.sent = &sent{name: cmp.Or(name, n.Spec.Name), topic: n.Spec.Topic()}
		c.window.pubs = append(c.window.pubs, added.sent)
	case topology.Subscriber:
		from, _ := n.Spec.Flag("from")
		added.got = &got{name: n.Spec.Name, filter: n.Spec.Topic(), fromFirst: from == "first"}
		added.tail.path = n.Transcript()
		c.window.begin(added.got)
		c.window.subs = append(c.window.subs, added.got)
	}
	return added
}

// as is the name by which clients know a node.
func (n *node) as() string {
	if n.sent != nil {
		return n.sent.name
	}
	return n.Spec.Name
}

// watch looks at everything, again and again.
func (c *Console) watch() {
	for {
		c.look()
		select {
		case <-time.After(lookPause):
		case <-c.life.Done():
			return
		}
	}
}

// look notes what has become of nodes, and then what was received: a broker that lost its memory is
// known of before the order that follows.
func (c *Console) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		c.follow(n)
	}
	sending := slices.ContainsFunc(c.nodes, func(n *node) bool { return len(n.script) > 0 && !n.ended && !n.frozen && !n.cut })
	for _, n := range c.nodes {
		if n.got != nil {
			c.read(n)
		}
		if !sending {
			n.heard = time.Now() // nobody waits where nobody sends
		}
	}
	c.window.prune()
	if time.Since(c.judged) > judgePause {
		c.tally, c.judged = c.window.check(), time.Now()
	}
	c.observe()
}

// follow notes that a node has ended, or runs again.
func (c *Console) follow(n *node) {
	if !n.ended && closed(n.done) {
		n.ended, n.endedAt, n.frozen, n.cut = true, time.Now(), false, false
		n.end, n.endErr = n.End()
		if n.sent != nil {
			n.sent.done = n.endErr == nil && n.end.Code == 0
		}
		if n.Spec.Role == topology.Broker && c.forgets {
			c.window.ends = append(c.window.ends, n.endedAt.UnixMicro())
		}
	}
	if n.ended && closed(n.back) {
		n.ended, n.done, n.back, n.heard = false, n.Done(), n.Back(), time.Now()
		if n.sent != nil {
			n.sent.done = false
		}
		if n.got != nil && n.tail.offset == 0 {
			c.window.begin(n.got) // else it does so when its transcript begins again
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// running is how many nodes of a role run, as far as is known.
func (c *Console) running(role topology.Role) (n int) {
	for _, other := range c.nodes {
		if other.Spec.Role == role && !other.ended && !other.frozen && !other.cut {
			n++
		}
	}
	return n
}

// find returns the node of that name, or nil.
func (c *Console) find(name string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.nodes, func(n *node) bool { return n.Spec.Name == name })
	if i < 0 {
		return nil
	}
	return c.nodes[i]
}

// The actions on a node.
const (
	kill      = "kill"
	restart   = "restart"
	freeze    = "freeze"
	thaw      = "thaw"
	cut       = "cut"
	reconnect = "reconnect"
)

// faults are the actions that break something.
var faults = []string{kill, freeze, cut}

// actions are what can be done to a node now.
func (c *Console) actions(n *node) []string {
	switch {
	case n.starting:
		return nil
	case n.ended:
		return []string{restart}
	case n.frozen:
		return []string{thaw, kill}
	case n.cut:
		return []string{reconnect, kill}
	case c.config.NoCut == "":
		return []string{kill, freeze, cut}
	}
	return []string{kill, freeze}
}

// errEnding is why nothing is done to nodes at the end.
var errEnding = errors.New("the demo is ending")

// actTimeout is how long an action may take.
const actTimeout = 30 * time.Second

// possible returns why an action cannot be done to a node now.
func (c *Console) possible(n *node, action string) error {
	c.look() // so that it is known what has become of it
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ending:
		return errEnding
	case !slices.Contains(c.actions(n), action):
		return fmt.Errorf("%s: %s is not possible now", n.Spec.Name, action)
	}
	return nil
}

// strike breaks something at a node, and watches what happens.
func (c *Console) strike(ctx context.Context, n *node, action string, g guess) error {
	if err := c.possible(n, action); err != nil {
		return err
	}
	c.mu.Lock()
	t := c.beginTrial(whatHappens(n, action), c.explains(n, action), g, false, n)
	c.mu.Unlock()
	err := c.act(ctx, n, action)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		t.failed, t.over = err.Error(), time.Now()
	}
	return err
}

// act does something to a node.
func (c *Console) act(ctx context.Context, n *node, action string) error {
	c.acting.Lock()
	defer c.acting.Unlock()
	if err := c.possible(n, action); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	switch action {
	case kill:
		if err := c.letGo(ctx, n); err != nil {
			return err
		}
		c.tellFault(n.Spec.Name, "is killed from the page")
		return n.Kill(ctx)
	case restart:
		return c.restart(ctx, n)
	case freeze:
		c.tellFault(n.Spec.Name, "is frozen from the page")
		return c.change(ctx, n, n.Pause, &n.frozen, true)
	case cut:
		c.tellFault(n.Spec.Name, "is cut off from the network, from the page")
		return c.change(ctx, n, n.Disconnect, &n.cut, true)
	}
	c.tell(n.Spec.Name, "goes on")
	return c.letGo(ctx, n)
}

// change does something to a node and notes what has become of it.
func (c *Console) change(ctx context.Context, n *node, do func(context.Context) error, state *bool, to bool) error {
	if err := do(ctx); err != nil {
		return fmt.Errorf("%s: %w", n.Spec.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*state = to
	return nil
}

// letGo lets a node go on that is frozen or cut off.
func (c *Console) letGo(ctx context.Context, n *node) error {
	c.mu.Lock()
	frozen, cut := n.frozen, n.cut
	c.mu.Unlock()
	if frozen {
		return c.change(ctx, n, n.Unpause, &n.frozen, false)
	}
	if cut {
		return c.change(ctx, n, n.Reconnect, &n.cut, false)
	}
	return nil
}

// restart starts a node again that has ended. A subscriber begins a new transcript.
func (c *Console) restart(ctx context.Context, n *node) error {
	c.mu.Lock()
	back := n.back
	c.mu.Unlock()
	if n.got != nil {
		if err := os.Remove(n.Transcript()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	c.tell(n.Spec.Name, "is started again from the page")
	if err := n.Restart(ctx); err != nil && !closed(back) { // somebody else may have been faster
		return err
	}
	return nil
}

// add starts one more subscriber or publisher, like the first of its role.
func (c *Console) add(ctx context.Context, role topology.Role) (name string, err error) {
	c.acting.Lock()
	defer c.acting.Unlock()
	c.mu.Lock()
	ending, i := c.ending, slices.IndexFunc(c.nodes, func(n *node) bool { return n.Spec.Role == role })
	var like *node
	if i >= 0 {
		like = c.nodes[i]
	}
	c.added++
	number := c.added
	c.mu.Unlock()
	switch {
	case ending:
		return "", errEnding
	case like == nil || like.script == nil && role != topology.Subscriber:
		return "", fmt.Errorf("there is no %s whose like could be added", role)
	case number > MostAdded:
		return "", fmt.Errorf("%d nodes were added, and more are too many", MostAdded)
	}
	spec := like.Spec.Clone(fmt.Sprintf("%s-added-%d", role, number))
	name = spec.Name
	if role == topology.Publisher {
		name = fmt.Sprintf("added-%d", number)
	}
	spec.SetFlag("name", name)
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	started, err := c.config.Start(ctx, spec)
	if err != nil {
		return "", err
	}
	c.tell(spec.Name, "was added from the page")
	c.mu.Lock()
	n := c.newNode(started, like.script)
	c.nodes = append(c.nodes, n)
	c.mu.Unlock()
	c.begin(n)
	return spec.Name, nil
}

// MostAdded is how many nodes may be added.
const MostAdded = 8
