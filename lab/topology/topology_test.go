package topology

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/lab/history"
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, made := range []*madeEngine{fakeEngine, containerEngine} {
		if err := made.close(); err != nil {
			fmt.Fprintln(os.Stderr, "topology:", err)
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "topology:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// madeEngine is an engine that tests share, so that each image and program is built once.
type madeEngine struct {
	mode   Mode
	once   sync.Once
	engine *Engine
	err    error
}

var fakeEngine, containerEngine = &madeEngine{mode: Processes}, &madeEngine{mode: Containers}

// get returns the engine, or skips the test where there are no containers.
func (m *madeEngine) get(t *testing.T) *Engine {
	t.Helper()
	if m.mode == Containers && os.Getenv(ModeVariable) == string(Processes) {
		t.Skipf("%s asks for processes", ModeVariable)
	}
	m.once.Do(func() { m.engine, m.err = NewEngine(context.Background(), m.mode) })
	if m.mode == Containers && m.err != nil {
		t.Skip(m.err)
	}
	require.NoError(t, m.err)
	return m.engine
}

func (m *madeEngine) close() error {
	if m.engine == nil {
		return nil
	}
	return m.engine.Close()
}

// demoFile is the compose file that everything else runs.
const demoFile = "../../compose.yaml"

func TestLoadDemo(t *testing.T) {
	topo, err := Load(demoFile)
	require.NoError(t, err)

	var names []string
	for _, s := range topo.Specs {
		names = append(names, s.Name)
	}
	assert.Equal(t, []string{"server", "subscriber-1", "subscriber-2", "publisher-1", "publisher-2"}, names,
		"each node comes after those it depends on")
	assert.Len(t, topo.WithRole(Publisher), 2)
	assert.Len(t, topo.WithRole(Subscriber), 2)
	assert.Equal(t, []string{"pubsublab/server:local", "pubsublab/client:local", "pubsublab/client-demo:local"}, topo.imageNames())
	assert.Nil(t, topo.Spec("nobody"))

	require.Len(t, topo.Spec("server").service.Ports, 2)
	for _, port := range topo.Spec("server").service.Ports {
		assert.Equal(t, "127.0.0.1", port.HostIP, "the demo is not for the whole network")
	}
	assert.Equal(t, "rail.kitchen", topo.Spec("publisher-2").Topic())
	assert.Equal(t, history.Stamped, topo.Spec("subscriber-2").Format())
	assert.Empty(t, topo.Spec("subscriber-1").Topic())
}

func TestHealthInterval(t *testing.T) {
	topo, err := Load(demoFile)
	require.NoError(t, err)
	server, clone := topo.Spec("server"), topo.Spec("server").Clone("second")
	clone.SetHealthInterval(time.Minute)
	assert.Equal(t, 16*time.Minute, clone.probeTimeout(), "15 retries")
	assert.Equal(t, 16*time.Second, server.probeTimeout())
	topo.Spec("publisher-1").SetHealthInterval(time.Minute)
	assert.False(t, topo.Spec("publisher-1").probed())
}

func TestDemoScripts(t *testing.T) {
	topo, err := Load(demoFile)
	require.NoError(t, err)
	blank, foreign := 0, 0
	for _, p := range topo.WithRole(Publisher) {
		lines, err := p.Lines()
		require.NoError(t, err)
		assert.InDelta(t, 40, len(lines), 5, "%s has about 40 lines", p.Name)
		for _, line := range lines {
			if line == "" {
				blank++
			}
			if strings.ContainsFunc(line, func(r rune) bool { return r > unicode.MaxLatin1 }) {
				foreign++
			}
		}
	}
	assert.Positive(t, blank, "one script has a blank line")
	assert.Greater(t, foreign, 10, "one script has other alphabets")
}

func TestPortThatIsNone(t *testing.T) {
	for name, value := range map[string]string{"PUBSUB_PORT": "tcp://10.96.0.7:5000", "PUBSUB_HTTP_PORT": "70000"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, err := Load(demoFile)
			require.ErrorContains(t, err, fmt.Sprintf("%s is %q, expected a port from 0 to 65535", name, value))
			assert.Equal(t, name == "PUBSUB_PORT", strings.Contains(err.Error(), "Kubernetes"))
		})
	}
}

func TestPortComesFromTheEnvironment(t *testing.T) {
	t.Setenv("PUBSUB_PORT", "5017")
	t.Setenv("PUBSUB_HTTP_PORT", "5097")
	topo, err := Load(demoFile)
	require.NoError(t, err)
	assert.Equal(t, "5017", topo.Spec("server").service.Ports[0].Published)
	assert.Equal(t, "5097", topo.Spec("server").service.Ports[1].Published)
}

// composeFile writes a compose file with one service and returns its path.
func composeFile(t *testing.T, service, rest string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "compose.yaml")
	text := "services:\n  one:\n    image: pubsublab/one\n    build: {context: ., dockerfile: Dockerfile.one}\n" + service + "\n" + rest
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestLoadRefuses(t *testing.T) {
	const role = "    labels: {pubsublab.role: broker}\n"
	for name, test := range map[string]struct{ service, rest, want string }{
		"no role":          {"", "", `label pubsublab.role is "": expected broker, publisher, subscriber or stream`},
		"unknown role":     {"    labels: {pubsublab.role: boss}", "", `is "boss"`},
		"privileges":       {role + "    privileged: true", "", `it has "privileged", which the lab does not support`},
		"a restart policy": {role + "    restart: always", "", `its "restart" is always: expected no or on-failure`},
		"a shell's check":  {role + "    healthcheck: {test: exit 0}", "", "wants a shell"},
		"start_interval":   {role + "    healthcheck: {test: [CMD, /one], start_interval: 1s}", "", `"healthcheck" has "start_interval"`},
		"another program":  {role + "    entrypoint: [/other]", "", `"entrypoint" is not supported`},
		"a build's cache":  {role[:len(role)-1], "  two:\n    image: pubsublab/two\n    labels: {pubsublab.role: broker}\n    build: {context: ., cache_from: [x]}", `"build" has "cache_from"`},
		"a volume's kind":  {role + "    volumes: [data:/data]", "volumes: {data: {driver: x}}", `volume data has "driver"`},
		"a nameless one":   {role + "    volumes: [/data]", "", `of type "volume"`},
		"a tmpfs":          {role + "    volumes: [{type: tmpfs, target: /tmp}]", "", `of type "tmpfs"`},
		"UDP":              {role + `    ports: ["1:1/udp"]`, "", "it publishes port 1 of udp: only TCP"},
		"a range":          {role + `    expose: ["1-2"]`, "", `it exposes "1-2"`},
		"no stand-in":      {role[:len(role)-1], "  two:\n    image: two\n    labels: {pubsublab.role: stream}\n    x-stand-in: {dockerfile: Dockerfile.two}", `needs a "dockerfile", Dockerfile.NAME or NAME/Dockerfile below the compose file's folder, and the Go "package"`},
		"held nowhere":     {role + "    x-holds: {source: .}", "", `"x-holds" needs a "source" in the folder of the file, and its "target"`},
		"another held":     {role + "    x-holds: {from: .}", "", `"x-holds" has "from"`},
		"another stand-in": {role[:len(role)-1], "  two:\n    image: two\n    labels: {pubsublab.role: stream}\n    x-stand-in: {target: x}", `"x-stand-in" has "target"`},
		"a network's IPAM": {role, "networks: {default: {ipam: {driver: x}}}", `"ipam"`},
		"a fixed address":  {role + "    networks: {n: {ipv4_address: 10.0.0.9}}", "networks: {n: {}}", `"networks" has "ipv4_address"`},
		"nothing to build": {role[:len(role)-1], "  two:\n    image: pubsublab/two\n    labels: {pubsublab.role: broker}", `no service builds its image "pubsublab/two"`},
		"what is no key":   {role + "    colour: red", "", "colour"},
		"a circle":         {role + "    depends_on: [one]", "", "one"},
		"what is no YAML":  {"\t:", "", "not a compose file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(composeFile(t, test.service, test.rest))
			assert.ErrorContains(t, err, test.want)
		})
	}
	_, err := Load("nowhere.yaml")
	assert.ErrorContains(t, err, "there is no")
}

func TestLoadReadsTheFileBeside(t *testing.T) {
	path := composeFile(t, "    labels: {pubsublab.role: broker}\n    command: [\"${WORD}\"]\n    environment: {SET: here, UNSET: }", "")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), ".env"), []byte("WORD=beside\n"), 0o600))
	topo, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, []string{"beside"}, topo.Spec("one").Args)
	assert.Equal(t, map[string]string{"SET": "here"}, topo.Spec("one").Env)
}

func TestFlags(t *testing.T) {
	s := &Spec{Args: []string{"--name=a", "--echo", "--names=b", "host", "5000"}, Env: map[string]string{"PUBSUB_EXIT_IDLE": "3s"}}
	for name, want := range map[string]string{"name": "a", "echo": "true", "names": "b", "exit-idle": "3s"} {
		value, ok := s.Flag(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, value, name)
	}
	_, ok := s.Flag("nam")
	assert.False(t, ok)

	c := s.Clone("other")
	c.SetFlag("name", "c")
	c.UnsetFlag("echo")
	c.Env["X"] = "y"
	assert.Equal(t, []string{"--name=c", "--names=b", "host", "5000"}, c.Args)
	assert.Equal(t, []string{"--name=a", "--echo", "--names=b", "host", "5000"}, s.Args, "the original stays as it was")
	assert.NotContains(t, s.Env, "X")
}

func TestTopic(t *testing.T) {
	for want, args := range map[string][]string{
		"a.b": {"server", "5000", "PUBLISHER", "a.b"},
		"c.*": {"server", "5000", "subscriber", "c.*"},
		"d":   {"--topic=d", "server", "5000", "SUBSCRIBER"},
		"":    {"server", "5000", "SUBSCRIBER"},
	} {
		assert.Equal(t, want, (&Spec{Args: args}).Topic())
	}
}

func TestLines(t *testing.T) {
	for script, want := range map[string][]string{
		"":                       nil,
		"a\n\nb\r\nc":            {"a", "", "b", "c"},
		"a\n terminate \nb\n":    {"a"},
		"terminated\nxterminate": {"terminated", "xterminate"},
		"\r\r\n":                 {"\r"},
		"\ufeffa\r\n\ufeffb\r\n": {"a", "\ufeffb"}, // as the client does
		"\ufeffterminate\r\na":   nil,
	} {
		s := &Spec{}
		s.SetScript([]byte(script))
		lines, err := s.Lines()
		require.NoError(t, err)
		assert.Equal(t, want, lines, "%q", script)
	}
	s := &Spec{Name: "p"}
	s.SetScript([]byte("\xff\xfea\x00"))
	_, err := s.Lines()
	assert.EqualError(t, err, "the script of p is UTF-16, expected UTF-8")
}

func TestAScriptNeedsItsFlag(t *testing.T) {
	s := &Spec{Name: "p"}
	s.SetScript([]byte("x\n"))
	_, err := s.mounts(t.TempDir())
	assert.ErrorContains(t, err, "no --script flag that says where")
}

func TestScriptThatIsNowhere(t *testing.T) {
	s := &Spec{Name: "p", Args: []string{"--script=/elsewhere"}}
	_, err := s.Lines()
	assert.EqualError(t, err, "the script of p, /elsewhere, is neither mounted nor in what its image holds")
}

// A script of its own takes the place of the one that is mounted, or that the image holds.
func TestScriptOfItsOwn(t *testing.T) {
	topo, err := Load(composeFile(t, "    labels: {pubsublab.role: publisher}\n    command: [--script=/held/a.txt]\n"+
		"    x-holds: {source: ./texts, target: /held}\n    volumes: [{type: bind, source: ./b, target: /b}]", ""))
	require.NoError(t, err)
	s, dir := topo.Spec("one"), filepath.Dir(topo.File)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "texts"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "texts", "a.txt"), []byte("of the image\n"), 0o600))
	lines, err := s.Lines()
	require.NoError(t, err)
	assert.Equal(t, []string{"of the image"}, lines)
	mounts, err := s.mounts(t.TempDir())
	require.NoError(t, err)
	assert.Len(t, mounts, 1, "a container finds it in its image")

	s.SetScript([]byte("its own\n"))
	own := t.TempDir()
	mounts, err = s.mounts(own)
	require.NoError(t, err)
	inPlace := rewriter{mounts: append(mounts, s.held...)}
	assert.Equal(t, filepath.Join(own, "script.txt"), inPlace.path("/held/a.txt"))
	assert.Equal(t, filepath.Join(dir, "texts", "other.txt"), inPlace.path("/held/other.txt"))
	assert.Equal(t, filepath.Join(dir, "b"), inPlace.path("/b"))
}

func TestUnknownMode(t *testing.T) {
	_, err := NewEngine(context.Background(), "clouds")
	assert.ErrorContains(t, err, `"clouds": expected auto, containers or processes`)
	t.Setenv(ModeVariable, "fog")
	_, err = NewEngine(context.Background(), Auto)
	assert.ErrorContains(t, err, `"fog"`)
	t.Setenv(ModeVariable, "processes")
	engine, err := NewEngine(context.Background(), Auto)
	require.NoError(t, err)
	assert.Equal(t, Processes, engine.Mode())
	assert.Contains(t, engine.Reason(), ModeVariable)
	require.NoError(t, engine.Close())
}
