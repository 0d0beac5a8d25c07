package topology

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/shirou/gopsutil/v4/process"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/lab/history"
)

// output collects the lines of a deployment's nodes.
type output struct {
	mu    sync.Mutex
	lines []string
}

func (o *output) line(l Line) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, l.Node+" "+l.Text)
}

func (o *output) of(node string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var lines []string
	for _, line := range o.lines {
		if text, ok := strings.CutPrefix(line, node+" "); ok {
			lines = append(lines, text)
		}
	}
	return lines
}

// openFake opens a deployment of fake nodes as processes. What it leaves behind is checked at the
// end of the test.
func openFake(t *testing.T, change func(*Topology)) (*Deployment, *output) {
	t.Helper()
	topo, err := Load("testdata/compose.yaml")
	require.NoError(t, err)
	if change != nil {
		change(topo)
	}
	engine := fakeEngine.get(t)
	out := &output{}
	deployment, err := engine.Open(t.Context(), topo, Options{Output: out.line})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, deployment.Close(context.Background()))
		assert.NoDirExists(t, deployment.dir)
		for _, n := range deployment.Nodes() {
			if run, ok := n.run.(*processNode); ok {
				alive, err := process.PidExists(int32(run.process.PID()))
				assert.NoError(t, err)
				assert.False(t, alive, "%s is gone", n.Spec.Name)
			}
		}
	})
	return deployment, out
}

// startOne starts one node with those arguments, in a deployment of its own.
func startOne(t *testing.T, args ...string) (*Node, *output) {
	t.Helper()
	deployment, out := openFake(t, nil)
	spec := &Spec{Name: "one", Role: Publisher, Args: args, Env: map[string]string{},
		service: types.ServiceConfig{ContainerSpec: types.ContainerSpec{Image: "pubsublab-test/fake"}}}
	require.NoError(t, deployment.Start(t.Context(), spec))
	return deployment.Node("one"), out
}

func (o *output) waitFor(t *testing.T, node, text string) {
	t.Helper()
	wait.Until(t, func() bool {
		return strings.Contains(strings.Join(o.of(node), "\n"), text)
	}, "%s says %q", node, text)
}

func TestStartInOrder(t *testing.T) {
	deployment, out := openFake(t, nil)
	require.NoError(t, deployment.Start(t.Context()))
	code, err := deployment.Node("publisher").Wait(t.Context())
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Equal(t, []string{"one", "two", "terminate", "connected"}, out.of("publisher"))
	assert.Contains(t, out.of("subscriber"), "connected")

	conn, err := net.Dial("tcp", deployment.Addr())
	require.NoError(t, err, "the broker's address is reachable from here")
	require.NoError(t, conn.Close())

	require.NoError(t, deployment.Node("broker").Stop(t.Context()))
	code, err = deployment.Node("broker").Wait(t.Context())
	require.NoError(t, err)
	assert.Zero(t, code, "it was asked, not killed")
	assert.Equal(t, "bye", out.of("broker")[len(out.of("broker"))-1], "its last line was delivered before Wait returned")

	h, err := deployment.History()
	require.NoError(t, err)
	assert.Equal(t, []history.Publisher{{Name: "p", Sent: []string{"one", "two"}, Acked: 2}}, h.Publishers)
	assert.True(t, history.Check(h).OK())
	assert.True(t, h.Subscribers[0].FromFirst && h.Subscribers[0].ToEnd)
}

func TestScriptAndTranscriptOfOnesOwn(t *testing.T) {
	deployment, out := openFake(t, func(topo *Topology) {
		topo.Spec("publisher").SetScript([]byte("mine\n"))
		torn := topo.Spec("subscriber").Clone("torn")
		torn.Args = []string{"write", "1\t2026-11-22T10:15:04.123456Z\tp\t\tmine\n2\t2026", "exit", "3"}
		topo.Add(torn)
	})
	require.NoError(t, deployment.Start(t.Context()))
	_, err := deployment.Node("publisher").Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"mine", "connected"}, out.of("publisher"))
	code, err := deployment.Node("torn").Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, code)

	h, err := deployment.History()
	require.NoError(t, err, "a torn last line is forgiven to a subscriber that failed")
	assert.Equal(t, []history.Message{{Pos: 1, From: "p", Line: "mine", Time: 1_795_342_504_123_456}}, h.Subscribers[len(h.Subscribers)-1].Received)
}

func TestNodesAreNotConfiguredFromOutside(t *testing.T) {
	t.Setenv("PUBSUB_NAME", "outside")
	node, out := startOne(t, "env", "PUBSUB_NAME", "env", "HOME")
	_, err := node.Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"", os.Getenv("HOME")}, out.of("one"))
}

func TestUnterminatedOutput(t *testing.T) {
	node, out := startOne(t, "complain", "no line end")
	_, err := node.Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"no line end"}, out.of("one"))
}

func TestKill(t *testing.T) {
	node, out := startOne(t, "wait")
	out.waitFor(t, "one", "ready")
	require.NoError(t, node.Kill(t.Context()))
	code, err := node.Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 137, code)
	assert.NoError(t, node.Kill(t.Context()), "killing an ended node does nothing")
	assert.NoError(t, node.Stop(t.Context()), "nor does stopping one")
	assert.ErrorContains(t, node.Pause(t.Context()), "one has ended")
}

func TestStopOfAPausedNode(t *testing.T) {
	node, out := startOne(t, "wait")
	out.waitFor(t, "one", "ready")
	require.NoError(t, node.Pause(t.Context()))
	require.NoError(t, node.Stop(t.Context()))
	assert.Equal(t, []string{"ready", "asked"}, out.of("one"))
}

func TestPauseAndUnpause(t *testing.T) {
	node, out := startOne(t, "wait")
	out.waitFor(t, "one", "ready")
	require.NoError(t, node.Pause(t.Context()))
	pid := int32(node.run.(*processNode).process.PID())
	state := func(want string) {
		wait.Until(t, func() bool {
			p, err := process.NewProcess(pid)
			require.NoError(t, err)
			status, err := p.Status()
			require.NoError(t, err)
			return strings.Join(status, "") == want
		}, "its state is %s", want)
	}
	state(process.Stop)
	require.NoError(t, node.Unpause(t.Context()))
	state(process.Sleep)
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	node, out := startOne(t, "stubborn")
	out.waitFor(t, "one", "ready")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = node.Stop(ctx)
	code, err := node.Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 137, code, "the default grace period of 10 s was cut short")
}

func TestChildrenAreNotLeftBehind(t *testing.T) {
	node, out := startOne(t, "child")
	_, err := node.Wait(t.Context())
	require.NoError(t, err)
	pid, err := strconv.Atoi(out.of("one")[0])
	require.NoError(t, err)
	wait.Until(t, func() bool {
		p, err := process.NewProcess(int32(pid))
		if err != nil {
			return true
		}
		status, err := p.Status() // a zombie waits for a parent of its own
		return err != nil || strings.Join(status, "") == process.Zombie
	}, "its child %d is gone", pid)
}

func TestNeverHealthy(t *testing.T) {
	deployment, _ := openFake(t, func(topo *Topology) { topo.Spec("broker").Args = []string{"complain", "no port for me", "exit", "4"} })
	err := deployment.Start(t.Context(), deployment.topo.Spec("broker"))
	assert.ErrorContains(t, err, "broker does not become healthy: it ended with exit code 4")
	assert.ErrorContains(t, err, "no port for me")
}

func TestHealthCheckGivesUp(t *testing.T) {
	deployment, _ := openFake(t, func(topo *Topology) {
		broker := topo.Spec("broker")
		broker.Args = []string{"wait"}
		interval, retries := types.Duration(2*time.Second), uint64(1) // time for one check at least
		broker.service.HealthCheck.Interval, broker.service.HealthCheck.Retries = &interval, &retries
	})
	err := deployment.Start(t.Context(), deployment.topo.Spec("broker"))
	assert.ErrorContains(t, err, "broker does not become healthy: its health check says: ")
	assert.ErrorContains(t, err, "refused")
}

func TestFailedDependency(t *testing.T) {
	deployment, _ := openFake(t, func(topo *Topology) { topo.Spec("subscriber").Args = []string{"exit", "5"} })
	assert.ErrorContains(t, deployment.Start(t.Context()), "publisher waits for subscriber: it ended with exit code 5")
}

func TestStartTwice(t *testing.T) {
	deployment, _ := openFake(t, nil)
	broker := deployment.topo.Spec("broker")
	require.NoError(t, deployment.Start(t.Context(), broker))
	assert.ErrorContains(t, deployment.Start(t.Context(), broker), "already started")
	assert.ErrorContains(t, deployment.Start(t.Context(), broker.Clone("b"), broker.Clone("b")), "already started")
	require.NoError(t, deployment.Close(t.Context()))
	require.NoError(t, deployment.Close(t.Context()), "twice")
	assert.ErrorIs(t, deployment.Start(t.Context(), broker.Clone("late")), errClosed)
}

func TestCloseWhileStarting(t *testing.T) {
	deployment, out := openFake(t, func(topo *Topology) { topo.Spec("broker").Args = []string{"wait"} }) // is never healthy
	failed := make(chan error, 1)
	go func() { failed <- deployment.Start(context.Background()) }()
	out.waitFor(t, "broker", "ready")
	require.NoError(t, deployment.Close(t.Context()))
	assert.Error(t, <-failed)
}

func TestInterruptedStart(t *testing.T) {
	deployment, out := openFake(t, func(topo *Topology) { topo.Spec("broker").Args = []string{"wait"} })
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- deployment.Start(ctx) }()
	out.waitFor(t, "broker", "ready")
	cancel()
	assert.Error(t, <-failed)
}

func TestTakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	t.Setenv("FAKE_PORT", port)
	topo, err := Load("testdata/compose.yaml")
	require.NoError(t, err)
	engine := fakeEngine.get(t)
	_, err = engine.Open(t.Context(), topo, Options{FilePorts: true})
	assert.ErrorContains(t, err, "port "+port+" of this machine, which broker would use, is not free")
}

// git fails in a checkout that belongs to another user, and go build with it unless it is told not
// to ask.
func TestBuildInACheckoutOfAnotherUser(t *testing.T) {
	path := composeFile(t, "    labels: {pubsublab.role: broker}", "")
	dir, bin := filepath.Dir(path), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".git"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\necho dubious ownership >&2\nexit 128\n"), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "one"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module one\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "one", "main.go"), []byte("package main\nfunc main() {}\n"), 0o600))
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("GOFLAGS", "")
	topo, err := Load(path)
	require.NoError(t, err)
	engine, err := NewEngine(t.Context(), Processes)
	require.NoError(t, err)
	defer engine.Close()
	require.NoError(t, engine.Build(t.Context(), topo, nil))
}

func TestFailedBuild(t *testing.T) {
	path := composeFile(t, "    labels: {pubsublab.role: broker}", "")
	dir := filepath.Dir(path)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "one"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module one\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "one", "main.go"), []byte("package main\nfunc main() { nonsense }\n"), 0o600))
	topo, err := Load(path)
	require.NoError(t, err)
	engine, err := NewEngine(t.Context(), Processes)
	require.NoError(t, err)
	defer engine.Close()
	var steps []Step
	_, err = engine.Open(t.Context(), topo, Options{Progress: func(s Step) { steps = append(steps, s) }})
	assert.ErrorContains(t, err, "building program one failed")
	assert.ErrorContains(t, err, "undefined: nonsense")
	assert.Equal(t, []Step{{What: "program one", Now: "go build ./one"}}, steps)
}

func TestLineWriter(t *testing.T) {
	const text = "one\n\ntwo\r\nthree"
	for size := 1; size <= len(text); size++ {
		var lines []string
		w := &lineWriter{line: func(line string) { lines = append(lines, line) }}
		for rest := []byte(text); len(rest) > 0; {
			n, err := w.Write(rest[:min(size, len(rest))])
			require.NoError(t, err)
			rest = rest[n:]
		}
		w.end()
		w.end()
		assert.Equal(t, []string{"one", "", "two", "three"}, lines, "in blocks of %d", size)
	}
}

func TestBuildLog(t *testing.T) {
	var now []string
	log := &buildLog{now: func(text string) { now = append(now, text) }}
	w := &lineWriter{line: log.line}
	_, err := w.Write([]byte("Step 1/2 : FROM x\n ---> 123\nok\nStep 2/2 : RUN [\"go\"]\n\x1b[91mgo: downloading a.b/c v1\n\x1b[0mx.go:1:1: no\nRemoving intermediate container 4\n"))
	require.NoError(t, err)
	assert.Equal(t, []string{"step 1/2 FROM", "step 2/2 RUN", "downloading a.b/c v1"}, now)
	assert.Equal(t, "\nthe last lines of the build:\n  Step 2/2 : RUN [\"go\"]\n  x.go:1:1: no", log.end())

	many := &buildLog{}
	for range 100 {
		many.line("again")
	}
	assert.Equal(t, 2*tailLines, bytes.Count([]byte(many.end()), []byte("again")))
}
