// Package e2e brings up the topology of compose.yaml, on containers or on
// processes, and proves on it what the README promises. Evidence is read from
// the subscribers' transcripts and from sockets, never from logs.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/failed"
	"pubsublab/e2e/wait"
	"pubsublab/lab/history"
	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

const (
	composeFile = "../compose.yaml"
	clusterFile = "../compose.cluster.yaml"
)

// forEver is for how long clients try to connect: a test that is slow must not
// become one of clients that give up.
const forEver = "24h"

var engine *topology.Engine

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	wait.Parallel(6)
	ctx := context.Background()
	var err error
	if engine, err = topology.NewEngine(ctx, topology.Auto); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer engine.Close()
	fmt.Printf("e2e: nodes are %s: %s\n", engine.Mode(), engine.Reason())
	topo, err := topology.Load(composeFile)
	if err == nil {
		err = engine.Build(ctx, topo, nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	fmt.Print(skipped.String())
	return code
}

// skips are the tests that were skipped, by the reason.
type skips struct {
	mu    sync.Mutex
	tests map[string][]string // guarded by mu
}

var skipped = skips{tests: map[string][]string{}}

// skip skips a test, and tells so once more at the end of all.
func skip(t *testing.T, why string) {
	t.Helper()
	skipped.mu.Lock()
	skipped.tests[why] = append(skipped.tests[why], t.Name())
	skipped.mu.Unlock()
	t.Skip(why)
}

// long skips a test where only short ones are wanted.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		skip(t, "it takes long, and -short asks for short ones")
	}
}

// String is a line for each reason, with the tests that it kept from running.
func (s *skips) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, why := range slices.Sorted(maps.Keys(s.tests)) {
		fmt.Fprintf(&b, "e2e: skipped %s: %s\n", strings.Join(s.tests[why], ", "), why)
	}
	return b.String()
}

func TestSkipsAreSummedUp(t *testing.T) {
	s := skips{tests: map[string][]string{"no engine answers": {"TestB", "TestA"}, "a slow day": {"TestC"}}}
	require.Equal(t, "e2e: skipped TestC: a slow day\ne2e: skipped TestB, TestA: no engine answers\n", s.String())
}

// testbed is the deployment of one test.
type testbed struct {
	*topology.Deployment
	t      *testing.T
	ctx    context.Context
	topo   *topology.Topology
	record *report.Recorder

	mu      sync.Mutex
	output  map[string][]string // standard error by node, for summaries
	changed chan struct{}       // closed and replaced when output has grown
	counted map[string]*counted // by node
}

// counted is how far a transcript was read, and how many lines that were.
type counted struct {
	offset int64
	lines  int
}

// load reads compose.yaml for a test that will change it.
func load(t *testing.T) *topology.Topology {
	t.Helper()
	topo, err := topology.Load(composeFile)
	require.NoError(t, err)
	return topo
}

// open makes a deployment of topo ready, and removes it at the end of the test. When
// the test fails, it shows what the nodes wrote, and keeps the run.
func open(t *testing.T, topo *topology.Topology) *testbed {
	t.Helper()
	return openOn(t, engine, topo)
}

func openOn(t *testing.T, engine *topology.Engine, topo *topology.Topology) *testbed {
	t.Helper()
	return openWith(t, engine, topo, topology.Options{})
}

func openWith(t *testing.T, engine *topology.Engine, topo *topology.Topology, options topology.Options) *testbed {
	t.Helper()
	for _, sub := range topo.WithRole(topology.Subscriber) {
		sub.UnsetFlag("publisher-timeout") // a fault may keep publishers away for longer than it allows
	}
	for _, spec := range topo.Specs {
		spec.SetHealthInterval(time.Minute) // a slow machine may start slowly, and has better to do than checks each second
	}
	s := &testbed{
		t: t, ctx: wait.Context(t), topo: topo, record: report.NewRecorder(),
		output: map[string][]string{}, changed: make(chan struct{}), counted: map[string]*counted{},
	}
	var err error
	options.Output, options.Happened = s.keep, s.happened
	s.Deployment, err = engine.Open(s.ctx, topo, options)
	t.Cleanup(func() {
		if s.Deployment != nil {
			failed.Keep(t, s.run())
			require.NoError(t, s.Close(context.Background()))
		}
		if t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			for node, lines := range s.output {
				t.Logf("%s wrote:\n%s", node, strings.Join(lines[max(0, len(lines)-20):], "\n"))
			}
		}
	})
	require.NoError(t, err)
	return s
}

// run is what has happened so far.
func (s *testbed) run() report.Run {
	h, err := s.History()
	if err != nil {
		s.t.Log("what was sent and received is not kept:", err)
	}
	run := s.record.Run(h)
	run.Runtime = string(engine.Mode())
	for _, role := range []topology.Role{topology.Publisher, topology.Broker, topology.Stream, topology.Subscriber} {
		for _, n := range s.Nodes() {
			if n.Spec.Role == role {
				name, _ := n.Spec.Flag("name")
				run.Nodes = append(run.Nodes, report.Node{Name: n.Spec.Name, Role: string(role), As: name})
			}
		}
	}
	return run
}

// happened records what becomes of a node.
func (s *testbed) happened(n *topology.Node, h topology.Happening, what string) {
	kind := report.Fault
	switch h {
	case topology.Ended:
		kind = report.Died
		if end, err := n.End(); end.Code == 0 && err == nil {
			kind = report.End
		}
	case topology.Returned:
		kind = report.Back
	}
	s.record.Add(kind, n.Spec.Name, what)
}

func (s *testbed) keep(l topology.Line) {
	if l.Role == topology.Subscriber && !l.Stderr {
		s.record.Arrived(l.Node, s.Node(l.Node).Spec.Format(), l.Text)
	}
	if l.Stderr {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.output[l.Node] = append(s.output[l.Node], l.Text)
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// start starts nodes by name, all of the topology's where none is named.
func (s *testbed) start(names ...string) {
	s.t.Helper()
	var specs []*topology.Spec
	for _, name := range names {
		spec := s.topo.Spec(name)
		require.NotNil(s.t, spec, "node %s", name)
		specs = append(specs, spec)
	}
	require.NoError(s.t, s.Start(s.ctx, specs...))
}

// wait waits until nodes have ended, and requires exit code 0 of each.
func (s *testbed) wait(names ...string) {
	s.t.Helper()
	for _, name := range names {
		code, err := s.Node(name).Wait(s.ctx)
		require.NoError(s.t, err, name)
		require.Zero(s.t, code, "exit code of %s", name)
	}
}

// check judges scripts against transcripts, and requires that nothing is wrong
// and that so many lines were published.
func (s *testbed) check(lines int) history.History {
	s.t.Helper()
	h, err := s.History()
	require.NoError(s.t, err)
	report := history.Check(h)
	require.True(s.t, report.OK(), "%s", report)
	require.Equal(s.t, lines, report.Lines, "lines published")
	return h
}

// transcript returns what a subscriber has received.
func (s *testbed) transcript(node string) []history.Message {
	s.t.Helper()
	file, err := os.Open(s.Node(node).Transcript())
	require.NoError(s.t, err)
	defer file.Close()
	transcript, err := history.Read(file, history.TSV)
	require.NoError(s.t, err)
	return transcript.Messages
}

// lines returns how many messages a node's transcript has by now. It reads only
// those that it has not yet counted.
func (s *testbed) lines(node string) int {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counted[node]
	if c == nil {
		c = &counted{}
		s.counted[node] = c
	}
	file, err := os.Open(s.Node(node).Transcript())
	if errors.Is(err, os.ErrNotExist) {
		return 0 // not opened yet
	}
	require.NoError(s.t, err)
	defer file.Close()
	more, err := io.ReadAll(io.NewSectionReader(file, c.offset, math.MaxInt64-c.offset))
	require.NoError(s.t, err)
	for line := range bytes.Lines(more) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		c.offset += int64(len(line))
		if line[0] != '#' {
			c.lines++
		}
	}
	return c.lines
}

// reach waits until a node's transcript has that many lines.
func (s *testbed) reach(node string, lines int) {
	s.t.Helper()
	s.grows(node, func() bool { return s.lines(node) >= lines }, "%s receives %d lines", node, lines)
}

// more waits until a node's transcript has so many lines more, of all that there will be. On a slow
// machine there may be fewer left, and then it waits for those.
func (s *testbed) more(node string, lines, all int) {
	s.t.Helper()
	s.reach(node, min(s.lines(node)+lines, all))
}

// grows waits until something is so of what a node has written to a file, which
// it cannot be any more once the node has ended.
func (s *testbed) grows(node string, so func() bool, format string, args ...any) {
	s.t.Helper()
	wait.Until(s.t, func() bool {
		ended := s.ended(node)
		if so() {
			return true
		}
		require.False(s.t, ended, "%s has ended before %s", node, fmt.Sprintf(format, args...))
		return false
	}, format, args...)
}

// ended reports whether a node has ended.
func (s *testbed) ended(node string) bool {
	select {
	case <-s.Node(node).Done():
		return true
	default:
		return false
	}
}

// script is n lines of a publisher, each different from all others.
func script(name string, n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s says line %d of %d\n", name, i+1, n)
	}
	return []byte(b.String())
}

// crowd puts so many publishers with scripts of so many lines, and so many
// subscribers, in place of the file's.
func crowd(topo *topology.Topology, publishers, lines, subscribers int) {
	publisher, subscriber := topo.Spec("publisher-1"), topo.Spec("subscriber-1")
	topo.Remove("publisher-1", "publisher-2", "subscriber-1", "subscriber-2")
	for i := range subscribers {
		s := subscriber.Clone(fmt.Sprintf("subscriber-%d", i+1))
		s.SetFlag("publishers", fmt.Sprint(publishers))
		s.SetFlag("retry", forEver)
		topo.Add(s)
	}
	for i := range publishers {
		name := fmt.Sprintf("publisher-%d", i+1)
		p := publisher.Clone(name)
		p.SetFlag("name", name)
		p.SetFlag("rate", "0")
		p.SetFlag("retry", forEver)
		p.SetScript(script(name, lines))
		topo.Add(p)
	}
	topo.Spec("server").UnsetFlag("exit-idle")
	topo.Spec("server").UnsetFlag("echo")
}

// names returns the names of the nodes with that role.
func names(topo *topology.Topology, role topology.Role) []string {
	var names []string
	for _, spec := range topo.WithRole(role) {
		names = append(names, spec.Name)
	}
	return names
}
