package topology

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/lab/history"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if engine, err := fakeEngine(); err == nil {
			_ = engine.Close()
		}
		os.Exit(code)
	}))
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
	assert.Equal(t, []string{"pubsublab/server", "pubsublab/client"}, topo.imageNames())
	assert.Nil(t, topo.Spec("nobody"))

	require.Len(t, topo.Spec("server").service.Ports, 1)
	assert.Equal(t, "127.0.0.1", topo.Spec("server").service.Ports[0].HostIP, "the demo is not for the whole network")
	assert.Equal(t, "rail.kitchen", topo.Spec("publisher-2").Topic())
	assert.Equal(t, history.Stamped, topo.Spec("subscriber-2").Format())
	assert.Empty(t, topo.Spec("subscriber-1").Topic())
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

func TestPortComesFromTheEnvironment(t *testing.T) {
	t.Setenv("PUBSUB_PORT", "5017")
	topo, err := Load(demoFile)
	require.NoError(t, err)
	assert.Equal(t, "5017", topo.Spec("server").service.Ports[0].Published)
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
		"a restart policy": {role + "    restart: always", "", `"restart"`},
		"a shell's check":  {role + "    healthcheck: {test: exit 0}", "", "wants a shell"},
		"start_interval":   {role + "    healthcheck: {test: [CMD, /one], start_interval: 1s}", "", `"healthcheck" has "start_interval"`},
		"another program":  {role + "    entrypoint: [/other]", "", `"entrypoint" is not supported`},
		"a build target":   {role[:len(role)-1], "  two:\n    image: pubsublab/two\n    labels: {pubsublab.role: broker}\n    build: {context: ., target: x}", `"build" has "target"`},
		"a volume's kind":  {role + "    volumes: [data:/data]", "volumes: {data: {driver: x}}", `volume data has "driver"`},
		"a nameless one":   {role + "    volumes: [/data]", "", `of type "volume"`},
		"a tmpfs":          {role + "    volumes: [{type: tmpfs, target: /tmp}]", "", `of type "tmpfs"`},
		"UDP":              {role + `    ports: ["1:1/udp"]`, "", "it publishes port 1 of udp: only TCP"},
		"a range":          {role + `    expose: ["1-2"]`, "", `it exposes "1-2"`},
		"no stand-in":      {role[:len(role)-1], "  two:\n    image: two\n    labels: {pubsublab.role: stream}\n    x-stand-in: {dockerfile: Dockerfile.two}", `needs a "dockerfile" Dockerfile.NAME beside the compose file, and the Go "package"`},
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
	} {
		s := &Spec{}
		s.SetScript([]byte(script))
		lines, err := s.Lines()
		require.NoError(t, err)
		assert.Equal(t, want, lines, "%q", script)
	}
}

func TestAScriptNeedsItsMount(t *testing.T) {
	s := &Spec{Name: "p", Args: []string{"--script=/elsewhere"}}
	s.SetScript([]byte("x\n"))
	_, err := s.mounts(t.TempDir())
	assert.ErrorContains(t, err, "no --script flag that names the target of a mount")
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
