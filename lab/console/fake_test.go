package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pubsublab/lab/topology"
)

// A fakeLab is a demo of no processes: one broker, whose memory ends with it, and clients that do
// what real ones do as far as the console sees it.
type fakeLab struct {
	t   *testing.T
	dir string

	mu    sync.Mutex
	fakes map[string]*fakeNode
	order []string // lines of a transcript, in the broker's one order
	said  []string // by the console
}

// fakeNode is one node of it.
type fakeNode struct {
	*fakeLab
	spec       *topology.Spec
	done, back chan struct{}
	end        topology.End
	ended      bool
	frozen     bool
	cut        bool
	failing    error    // what actions return
	given      []string // of a publisher: typed, and not yet published
	next       int      // of a subscriber: what it receives next
	lose       int      // lines that a subscriber is not given
}

func newFakeLab(t *testing.T) *fakeLab {
	l := &fakeLab{t: t, dir: t.TempDir(), fakes: map[string]*fakeNode{}}
	l.start("server", topology.Broker, "--http=0.0.0.0:8080", "5000")
	l.start("sub-1", topology.Subscriber, "--from=first", "SUBSCRIBER")
	l.start("sub-2", topology.Subscriber, "--from=first", "SUBSCRIBER")
	l.start("pub", topology.Publisher, "--name=keeper", "PUBLISHER", "sea")
	return l
}

func (l *fakeLab) start(name string, role topology.Role, args ...string) Node {
	n := &fakeNode{fakeLab: l, spec: &topology.Spec{Name: name, Role: role, Args: args}, done: make(chan struct{}), back: make(chan struct{})}
	l.fakes[name] = n
	return Node{n.spec, n}
}

// config is what a console of the lab is opened with: a script of five lines, one a second.
func (l *fakeLab) config() Config {
	var nodes []Node
	for _, name := range []string{"server", "sub-1", "sub-2", "pub"} {
		nodes = append(nodes, Node{l.fakes[name].spec, l.fakes[name]})
	}
	return Config{
		Mode: "fakes", Nodes: nodes, Scripts: map[string]Script{"pub": {[]string{"a", "b", "c", "d", "e"}, 1}},
		Start: func(_ context.Context, s *topology.Spec) (Node, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.start(s.Name, s.Role, s.Args...), nil
		},
		Tell: func(node, what string, _ bool) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.said = append(l.said, strings.TrimSpace(node+" "+what))
		},
	}
}

// broker is nil while none is there.
func (l *fakeLab) broker() *fakeNode {
	if b := l.fakes["server"]; !b.ended && !b.frozen && !b.cut {
		return b
	}
	return nil
}

// flow lets everything go as far as it can.
func (l *fakeLab) flow() {
	if l.broker() == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(l.fakes)) {
		n := l.fakes[name]
		if n.ended || n.frozen || n.cut {
			continue
		}
		for ; len(n.given) > 0; n.given = n.given[1:] {
			if n.given[0] == "terminate" {
				n.close(topology.End{})
				break
			}
			pubName, _ := n.spec.Flag("name")
			l.order = append(l.order, fmt.Sprintf("%d\t%s\t%s\t%s\t%s\n", len(l.order)+1, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), pubName, n.spec.Topic(), n.given[0]))
		}
	}
	for _, n := range l.fakes {
		if n.spec.Role == topology.Subscriber && !n.ended && !n.frozen && !n.cut {
			for ; n.next < len(l.order); n.next++ {
				if n.lose > 0 {
					n.lose--
					continue
				}
				n.write(l.order[n.next])
			}
		}
	}
}

func (n *fakeNode) write(text string) {
	file, err := os.OpenFile(n.Transcript(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if assert.NoError(n.t, err) {
		_, err = file.WriteString(text)
		assert.NoError(n.t, errors.Join(err, file.Close()))
	}
}

func (n *fakeNode) close(end topology.End) {
	n.ended, n.end, n.given, n.frozen, n.cut = true, end, nil, false, false
	close(n.done)
	if n.spec.Role != topology.Broker {
		return
	}
	n.order = nil
	for _, other := range n.fakes {
		if other.spec.Role == topology.Subscriber && !other.ended {
			other.next = 0
			other.write("#gap\t0\n") // it is told when it is back, which nobody here can tell from now
		}
	}
}

// set changes a state, unless the action is to fail.
func (n *fakeNode) set(change func()) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failing != nil {
		return n.failing
	}
	change()
	n.flow()
	return nil
}

func (n *fakeNode) Kill(context.Context) error {
	return n.set(func() { n.close(topology.End{Code: 128 + 9}) })
}
func (n *fakeNode) Pause(context.Context) error      { return n.set(func() { n.frozen = true }) }
func (n *fakeNode) Unpause(context.Context) error    { return n.set(func() { n.frozen = false }) }
func (n *fakeNode) Disconnect(context.Context) error { return n.set(func() { n.cut = true }) }
func (n *fakeNode) Reconnect(context.Context) error  { return n.set(func() { n.cut = false }) }

func (n *fakeNode) Restart(context.Context) error {
	return n.set(func() {
		close(n.back)
		n.done, n.back = make(chan struct{}), make(chan struct{})
		n.ended, n.end, n.next = false, topology.End{}, 0
	})
}

func (n *fakeNode) Done() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.done
}

func (n *fakeNode) Back() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.back
}

func (n *fakeNode) End() (topology.End, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.end, nil
}

func (n *fakeNode) LastLines() []string { return []string{"last words of " + n.spec.Name} }
func (n *fakeNode) Input() io.Writer    { return n }
func (n *fakeNode) Addr() string        { return "" }
func (n *fakeNode) AddrOf(int) string   { return "" }
func (n *fakeNode) Transcript() string  { return filepath.Join(n.dir, n.spec.Name) }

// Write types to a publisher.
func (n *fakeNode) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		return 0, syscall.EPIPE
	}
	n.given = append(n.given, strings.Split(strings.TrimSuffix(string(p), "\n"), "\n")...)
	n.flow()
	return len(p), nil
}

// fail ends a node by itself, with an exit code.
func (l *fakeLab) fail(name string, code int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fakes[name].close(topology.End{Code: code})
}

// lose lets a subscriber miss its next line.
func (l *fakeLab) lose(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fakes[name].lose = 1
}

// unread is how many lines a subscriber has not been given.
func (l *fakeLab) unread(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.order) - l.fakes[name].next
}
