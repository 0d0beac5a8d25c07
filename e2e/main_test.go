// Package e2e brings up the topology of compose.yaml, on containers or on
// processes, and proves on it what the README promises. Evidence is read from
// the subscribers' transcripts and from sockets, never from logs.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

const (
	composeFile = "../compose.yaml"
	clusterFile = "../compose.cluster.yaml"
)

// patience bounds everything a test waits for. It is long because machines are
// slow; no test passes or fails by how long something takes.
const patience = 2 * time.Minute

var engine *topology.Engine

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	if !isSet("test.parallel") {
		flag.Set("test.parallel", fmt.Sprint(max(3, runtime.GOMAXPROCS(0)))) // they mostly wait
	}
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
	return m.Run()
}

func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// stage is a lab of one test.
type stage struct {
	*topology.Lab
	t    *testing.T
	ctx  context.Context
	topo *topology.Topology

	mu     sync.Mutex
	output map[string][]string // standard error by node, for summaries
}

// load reads compose.yaml for a test that will change it.
func load(t *testing.T) *topology.Topology {
	t.Helper()
	topo, err := topology.Load(composeFile)
	require.NoError(t, err)
	return topo
}

// open makes a lab of topo ready, and removes it at the end of the test. When
// the test fails, it shows what the nodes wrote.
func open(t *testing.T, topo *topology.Topology) *stage {
	t.Helper()
	return openOn(t, engine, topo)
}

func openOn(t *testing.T, engine *topology.Engine, topo *topology.Topology) *stage {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s := &stage{t: t, ctx: ctx, topo: topo, output: map[string][]string{}}
	var err error
	s.Lab, err = engine.Open(ctx, topo, topology.Options{Output: s.keep})
	t.Cleanup(func() {
		defer cancel()
		if s.Lab != nil {
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

func (s *stage) keep(l topology.Line) {
	if l.Stderr {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.output[l.Node] = append(s.output[l.Node], l.Text)
	}
}

// start starts nodes by name, all of the topology's where none is named.
func (s *stage) start(names ...string) {
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
func (s *stage) wait(names ...string) {
	s.t.Helper()
	for _, name := range names {
		code, err := s.Node(name).Wait(s.ctx)
		require.NoError(s.t, err, name)
		require.Zero(s.t, code, "exit code of %s", name)
	}
}

// check judges scripts against transcripts, and requires that nothing is wrong
// and that so many lines were published.
func (s *stage) check(lines int) history.History {
	s.t.Helper()
	h, err := s.History()
	require.NoError(s.t, err)
	report := history.Check(h)
	require.True(s.t, report.OK(), "%s", report)
	require.Equal(s.t, lines, report.Lines, "lines published")
	return h
}

// transcript returns what a subscriber has received.
func (s *stage) transcript(node string) []history.Message {
	s.t.Helper()
	file, err := os.Open(s.Node(node).Transcript())
	require.NoError(s.t, err)
	defer file.Close()
	transcript, err := history.Read(file, s.Node(node).Spec.Format())
	require.NoError(s.t, err)
	return transcript.Messages
}

// lines returns how many whole lines a node's transcript has by now.
func (s *stage) lines(node string) int {
	text, err := os.ReadFile(s.Node(node).Transcript())
	if err != nil {
		return 0 // not opened yet
	}
	return strings.Count(string(text), "\n")
}

// reach waits until a node's transcript has that many lines.
func (s *stage) reach(node string, lines int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.lines(node) >= lines }, patience, 10*time.Millisecond,
		"%s receives %d lines", node, lines)
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
		topo.Add(s)
	}
	for i := range publishers {
		name := fmt.Sprintf("publisher-%d", i+1)
		p := publisher.Clone(name)
		p.SetFlag("name", name)
		p.SetFlag("rate", "0")
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
