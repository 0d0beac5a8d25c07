package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/lab/report"
	"pubsublab/lab/topology"
)

// engines are what all demos of these tests run on, so that each program is built once.
var engines = sharedEngines{made: map[topology.Mode]*topology.Engine{}}

type sharedEngines struct {
	mu   sync.Mutex
	made map[topology.Mode]*topology.Engine
}

func (s *sharedEngines) get(mode topology.Mode) (*topology.Engine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if engine := s.made[mode]; engine != nil {
		return engine, nil
	}
	engine, err := topology.NewEngine(context.Background(), mode)
	if err == nil {
		s.made[mode] = engine
	}
	return engine, err
}

// asLab is the environment variable that makes the test binary the lab's command, so that tests may
// run one in another folder and environment.
const asLab = "PUBSUBLAB_TEST_AS_LAB"

func TestMain(m *testing.M) {
	if os.Getenv(asLab) != "" {
		main()
		return
	}
	wait.Parallel(8)
	code := m.Run()
	for mode, engine := range engines.made {
		if err := engine.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", mode, err)
			code = 1
		}
	}
	os.Exit(code)
}

// demo is a run of a compose file's demo.
type demo struct {
	t          *testing.T
	mode       topology.Mode
	topo       *topology.Topology
	deployment *topology.Deployment
	revive     bool
	up         *up        // that has a page; nil: none
	page       *livePage  // of up
	kept       report.Run // what remains, once it has ended

	mu      sync.Mutex
	output  strings.Builder
	changed chan struct{} // closed and made anew when there is more output
}

// newDemo prepares the demo of a compose file, on processes. Its publishers need some seconds.
func newDemo(t *testing.T, file string, changes ...string) *demo {
	t.Helper()
	topo, err := topology.Load("../"+file, changes...)
	require.NoError(t, err)
	for _, s := range topo.WithRole(topology.Publisher) {
		s.SetFlag("rate", "15")
	}
	for _, s := range topo.Specs {
		s.SetHealthInterval(time.Minute) // a slow machine may start slowly
	}
	return &demo{t: t, mode: topology.Processes, topo: topo, changed: make(chan struct{})}
}

func (d *demo) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.output.Write(p)
	close(d.changed)
	d.changed = make(chan struct{})
	return len(p), nil
}

// waitFor waits until the output holds a text.
func (d *demo) waitFor(text string) {
	d.t.Helper()
	for {
		d.mu.Lock()
		output, changed := d.output.String(), d.changed
		d.mu.Unlock()
		if strings.Contains(output, text) {
			return
		}
		select {
		case <-changed:
		case <-d.t.Context().Done():
			d.t.Fatalf("no %q in what ends with:\n%s", text, output[max(0, len(output)-4000):])
		}
	}
}

// run runs the demo, and meanwhile does something to it, once lines flow. interrupt is Ctrl+C. It
// returns the verdict and all output with it.
func (d *demo) run(meanwhile func(interrupt context.CancelFunc)) (*verdict, string) {
	d.t.Helper()
	engine, err := engines.get(d.mode)
	if d.mode == topology.Containers && err != nil {
		d.t.Skip("no containers: ", err)
	}
	require.NoError(d.t, err)
	out := newPrinter(d, true, d.topo, func(error) {})
	scripts, err := d.up.typeScripts(d.topo)
	require.NoError(d.t, err)
	d.deployment, err = engine.Open(d.t.Context(), d.topo, topology.Options{Restarts: true, Output: out.line})
	require.NoError(d.t, err)
	d.t.Cleanup(func() { assert.NoError(d.t, d.deployment.Close(context.Background())) })
	began := time.Now()
	require.NoError(d.t, d.deployment.Start(d.t.Context()))
	ctx, interrupt := context.WithCancel(d.t.Context())
	defer interrupt()
	w := &watch{nodes: d.deployment.Nodes(), tell: out.tell, guests: guestsOf(d.deployment), began: began, revive: d.revive, record: report.NewRecorder()}
	d.page, err = d.up.openPage(engine, d.deployment, scripts, w, out)
	require.NoError(d.t, err)
	defer d.page.close()
	var meanwhileDone sync.WaitGroup
	meanwhileDone.Go(func() { meanwhile(interrupt) })
	course, err := w.run(ctx, d.t.Context())
	require.NoError(d.t, err)
	h, passed, err := d.page.history()
	require.NoError(d.t, err)
	v := judge(h, course, w.specs())
	v.passed(passed)
	v.print(d, 80, string(d.mode))
	d.kept = w.record.Run(h)
	d.kept.Title, d.kept.Runtime = filepath.Base(d.topo.File), string(d.mode)
	d.kept = v.fill(d.kept)
	d.page.show(d.t.Context(), d.kept.Verdict)
	meanwhileDone.Wait()
	return v, d.output.String()
}

// kill kills a node once both publishers have been heard.
func (d *demo) kill(node string) {
	d.waitFor("FROM keeper")
	d.waitFor("FROM cook")
	if err := d.deployment.Node(node).Kill(d.t.Context()); err != nil {
		d.t.Error(err)
	}
}

// has asserts that text holds want, whatever white space is between its words.
func has(t *testing.T, text, want string) {
	t.Helper()
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if !strings.Contains(words(text), words(want)) {
		t.Errorf("no %q in what ends with:\n%s", want, text[max(0, len(text)-4000):])
	}
}

// TestUpPublisherFails: who waits for a publisher that has failed is told so, and the demo ends.
// The reason is any: here a flag, also where the page types the scripts, and a file that cannot be
// written.
func TestUpPublisherFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ page, flag, words string }{
		{"off", "rate=-1", "--rate: expected 0 or more"},
		{"127.0.0.1:0", "rate=-1", "--rate: expected 0 or more"},
		{"off", "undelivered=/nowhere/x", "no such file or directory"},
	} {
		t.Run(c.flag+" "+c.page, func(t *testing.T) {
			t.Parallel()
			d := newDemo(t, "compose.yaml")
			d.up = &up{Page: c.page}
			name, value, _ := strings.Cut(c.flag, "=")
			d.topo.Spec("publisher-2").SetFlag(name, value)
			d.topo.Spec("publisher-1").SetFlag("rate", "1") // it alone would take 40 s
			v, output := d.run(func(context.CancelFunc) {})
			assert.Equal(t, bad, v.level())
			has(t, output, "publisher-2  | ✘ ended with exit code ")
			has(t, output, "lab          | ▲ publisher-2 has failed, and subscriber-1 and subscriber-2 wait for it: ending the demo")
			has(t, v.text(), c.words)
		})
	}
}

func TestUpPublisherKilled(t *testing.T) {
	t.Parallel()
	d := newDemo(t, "compose.yaml")
	v, output := d.run(func(context.CancelFunc) { d.kill("publisher-1") })
	assert.Equal(t, warn, v.level())
	has(t, output, "publisher-1  | ▲ was killed by SIGKILL (exit code 137) after ")
	has(t, output, "of its script were never published")
	has(t, output, "publisher-2   exit   0  sent 40 lines as cook")
}

func TestUpSubscriberKilled(t *testing.T) {
	t.Parallel()
	d := newDemo(t, "compose.yaml")
	v, output := d.run(func(context.CancelFunc) { d.kill("subscriber-1") })
	assert.Equal(t, good, v.level())
	has(t, output, "✔ Nothing lost, although subscriber-1 was killed after ")
	has(t, output, "subscriber-2  exit   0  received 80 of 80 lines")
}

func TestUpBrokerKilled(t *testing.T) {
	t.Parallel()
	d := newDemo(t, "compose.yaml")
	v, output := d.run(func(context.CancelFunc) { d.kill("server") })
	assert.Equal(t, warn, v.level())
	has(t, output, "lab          | ▲ no broker is left: ending the demo")
	has(t, output, "server        exit 137  passed them on")
}

// TestUpBrokerRestarted: docker restart in the middle. All is delivered, and the subscribers, who
// cannot know, end with exit code 1: the verdict knows better.
func TestUpBrokerRestarted(t *testing.T) {
	t.Parallel()
	if os.Getenv(topology.ModeVariable) == string(topology.Processes) {
		t.Skip("processes are not restarted by anybody: ", topology.ModeVariable, " asks for them")
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("the docker command is what restarts: ", err)
	}
	d := newDemo(t, "compose.yaml")
	d.mode = topology.Containers
	for _, s := range d.topo.WithRole(topology.Publisher) {
		s.SetFlag("rate", "4") // there must be something left to send after the restart
	}
	v, output := d.run(func(context.CancelFunc) {
		d.waitFor("FROM keeper")
		d.waitFor("FROM cook")
		_, port, _ := net.SplitHostPort(d.deployment.Addr())
		id, err := exec.CommandContext(t.Context(), docker, "ps", "-q", "--filter", "publish="+port).Output()
		assert.NoError(t, err)
		out, err := exec.CommandContext(t.Context(), docker, "restart", strings.TrimSpace(string(id))).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	})
	assert.Equal(t, good, v.level())
	has(t, output, "server       | ▲ runs again after ")
	has(t, output, "✔ Nothing lost, although server was restarted after ")
	has(t, output, "subscriber-1  exit 1  received 80 of 80 lines")
	has(t, output, "subscriber-1 ended with exit code 1, because it cannot know what the lost history held")
}

// TestUpSurvives kills a broker and a node of the stream: the demo shows that nothing is lost, and
// so says its verdict.
func TestUpSurvives(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: three brokers and three nodes of a stream take a while")
	}
	d := newDemo(t, "compose.cluster.yaml")
	for _, s := range d.topo.WithRole(topology.Publisher) {
		s.SetFlag("rate", "5")
	}
	v, output := d.run(func(context.CancelFunc) {
		d.kill("broker-1")
		d.kill("nats-3")
	})
	assert.Equal(t, good, v.level())
	has(t, output, "broker-1     | ▲ was killed by SIGKILL (exit code 137) after ")
	has(t, output, "✔ Nothing lost, although broker-1 was killed after ")
}

// TestUpLosesTheMajority: brokers without their stream do not let anybody wait for ever.
func TestUpLosesTheMajority(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: three brokers and three nodes of a stream take a while")
	}
	d := newDemo(t, "compose.cluster.yaml")
	for _, s := range d.topo.WithRole(topology.Publisher) {
		s.SetFlag("rate", "5")
	}
	v, output := d.run(func(context.CancelFunc) {
		d.kill("nats-1")
		d.kill("nats-2")
	})
	assert.Equal(t, warn, v.level())
	has(t, output, "▲ 2 of 3 nodes of the stream have ended, and it needs a majority: ending the demo")
}

func TestUpInterrupted(t *testing.T) {
	t.Parallel()
	d := newDemo(t, "compose.yaml")
	v, output := d.run(func(interrupt context.CancelFunc) {
		d.waitFor("FROM keeper")
		d.waitFor("FROM cook")
		interrupt()
	})
	assert.True(t, v.course.interrupted)
	assert.Equal(t, good, v.level())
	has(t, output, "✔ Nothing lost so far. (interrupted after ")
}

// TestUpGuest: who joined in and was forgotten is named, and the demo ends when they leave.
func TestUpGuest(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"PUBLISHER name=ada", "SUBSCRIBER name=ada"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			d := newDemo(t, "compose.yaml")
			v, _ := d.run(func(context.CancelFunc) {
				guest, err := net.Dial("tcp", d.deployment.Addr())
				if assert.NoError(t, err) {
					fmt.Fprintln(guest, role)
					word, _, _ := strings.Cut(role, " ")
					d.waitFor("▲ the demo waits for ada (a " + strings.ToLower(word) + "), who joined in and has not left (Ctrl+C ends it)")
					assert.NoError(t, guest.Close())
				}
			})
			assert.Equal(t, good, v.level())
		})
	}
}
