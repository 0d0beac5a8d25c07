package topology

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openServer opens the demo's server alone as a container, or skips the test and says why.
func openServer(t *testing.T) (*Lab, *docker, *output) {
	t.Helper()
	if os.Getenv(ModeVariable) == string(Processes) {
		t.Skipf("%s asks for processes", ModeVariable)
	}
	engine, err := NewEngine(t.Context(), Containers)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { assert.NoError(t, engine.Close()) })
	topo, err := Load(demoFile)
	require.NoError(t, err)
	topo.Remove("publisher-1", "publisher-2", "subscriber-1", "subscriber-2")
	out := &output{}
	lab, err := engine.Open(t.Context(), topo, Options{Output: out.line})
	require.NoError(t, err)
	d := engine.backend.(*docker)
	t.Cleanup(func() {
		assert.NoError(t, lab.Close(context.Background()))
		assert.NoDirExists(t, lab.dir)
		assert.Empty(t, d.left(t, lab), "nothing with the lab's label is left")
	})
	return lab, d, out
}

// left lists what carries the lab's label.
func (d *docker) left(t *testing.T, lab *Lab) (names []string) {
	t.Helper()
	filters := client.Filters{}.Add("label", labLabel+"="+lab.id)
	containers, err := d.api.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: filters})
	require.NoError(t, err)
	networks, err := d.api.NetworkList(context.Background(), client.NetworkListOptions{Filters: filters})
	require.NoError(t, err)
	for _, c := range containers.Items {
		names = append(names, c.Names...)
	}
	for _, n := range networks.Items {
		names = append(names, n.Name)
	}
	volumes, err := d.api.VolumeList(context.Background(), client.VolumeListOptions{Filters: filters})
	require.NoError(t, err)
	for _, v := range volumes.Items {
		names = append(names, v.Name)
	}
	return names
}

func TestContainerIsAsTheFileSays(t *testing.T) {
	lab, d, out := openServer(t)
	require.NoError(t, lab.Start(t.Context()))
	node := lab.Node("server")
	unit := node.unit.(*containerUnit)
	info, err := unit.ctr.Inspect(t.Context())
	require.NoError(t, err)

	assert.Equal(t, container.Healthy, info.State.Health.Status, "Start returns when it is healthy")
	assert.True(t, info.HostConfig.ReadonlyRootfs)
	assert.Equal(t, []string{"ALL"}, []string(info.HostConfig.CapDrop))
	assert.Equal(t, []string{"no-new-privileges:true"}, info.HostConfig.SecurityOpt)
	assert.Equal(t, int64(128), *info.HostConfig.PidsLimit)
	assert.Equal(t, int64(256<<20), info.HostConfig.Memory)
	assert.Equal(t, "json-file", info.HostConfig.LogConfig.Type)
	assert.Equal(t, map[string]string{"max-size": "10m", "max-file": "3"}, info.HostConfig.LogConfig.Config)
	assert.Equal(t, 15, *info.Config.StopTimeout)
	assert.Equal(t, "65532:65532", info.Config.User)
	assert.Contains(t, info.Config.Env, "GOMEMLIMIT=208MiB")
	assert.Equal(t, []string{"CMD", "/server", "healthcheck", "127.0.0.1:5000"}, info.Config.Healthcheck.Test)
	assert.Equal(t, time.Second, info.Config.Healthcheck.Interval)
	require.Len(t, info.NetworkSettings.Networks, 1)
	for _, endpoint := range info.NetworkSettings.Networks {
		assert.Contains(t, endpoint.Aliases, "server")
	}
	assert.Len(t, d.left(t, lab), 2, "a container and a network")

	require.NoError(t, node.Pause(t.Context()))
	info, err = unit.ctr.Inspect(t.Context())
	require.NoError(t, err)
	assert.True(t, info.State.Paused)
	require.NoError(t, node.Unpause(t.Context()))
	require.NoError(t, node.Stop(t.Context()))
	code, err := node.Wait(t.Context())
	require.NoError(t, err)
	assert.Zero(t, code)
	assert.Contains(t, out.of("server")[len(out.of("server"))-1], "stopped", "the last line was delivered before Wait returned")
}

func TestContainerKilled(t *testing.T) {
	lab, _, _ := openServer(t)
	require.NoError(t, lab.Start(t.Context()))
	require.NoError(t, lab.Node("server").Kill(t.Context()))
	code, err := lab.Node("server").Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 137, code)
	assert.NoError(t, lab.Node("server").Kill(t.Context()))
}

func TestContainerThatDoesNotStart(t *testing.T) {
	lab, _, _ := openServer(t)
	server := lab.topo.Spec("server")
	server.Args = []string{"--history=nonsense"}
	err := lab.Start(t.Context())
	assert.ErrorContains(t, err, "server does not become healthy: it ended with exit code 2")
	assert.ErrorContains(t, err, "nonsense")
}

func TestCloseKillsWhereItsContextHasEnded(t *testing.T) {
	lab, _, _ := openServer(t)
	require.NoError(t, lab.Start(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, lab.Close(ctx))
	code, err := lab.Node("server").Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 137, code)
}

func TestOrphansAreRemoved(t *testing.T) {
	lab, d, _ := openServer(t)
	labels := lab.ground.(*site).labels
	d.removeOrphans(t.Context())
	assert.NotEmpty(t, d.left(t, lab), "those of a living lab stay")

	require.NoError(t, lab.ground.close(t.Context()))
	labels[pidLabel] = "2147483646" // no process has it
	_, err := d.api.NetworkCreate(t.Context(), "pubsublab-orphan-"+lab.id, client.NetworkCreateOptions{Labels: labels})
	require.NoError(t, err)
	assert.NotEmpty(t, d.left(t, lab))
	d.removeOrphans(t.Context())
	assert.Empty(t, d.left(t, lab))
}

func TestOneLine(t *testing.T) {
	err := errors.New("check host \"unix:///x\": docker info: Cannot connect to x. Is it running?\nrootless Docker not found")
	assert.EqualError(t, oneLine(err), "Cannot connect to x. Is it running?")
	assert.ErrorContains(t, oneLine(context.DeadlineExceeded), "has not answered for 5s")
	assert.EqualError(t, oneLine(errors.New("plain.")), "plain")
}

func TestStandInHoldsWhatABuildNeeds(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{
		"bin/go": "go", "pkg/tool/compile": "c", "src/fmt/print.go": "p", "src/fmt/print_test.go": "t", "src/cmd/go/main.go": "m",
		"src/fmt/testdata/x": "x", "test/a.go": "a", "api/go1.txt": "1", "VERSION": "v",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(text), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "lib.go"), []byte("l"), 0o600))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(root, "src", "linked")))

	var packed bytes.Buffer
	require.NoError(t, (&standIn{root: root, certs: []byte("certs")}).write(&packed))
	files := map[string]string{}
	for reader := tar.NewReader(&packed); ; {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		text, err := io.ReadAll(reader)
		require.NoError(t, err)
		files[header.Name] = string(text)
	}
	assert.Equal(t, map[string]string{
		"tmp/": "", "go/": "", "etc/ssl/certs/ca-certificates.crt": "certs",
		"usr/local/go/bin/go": "go", "usr/local/go/pkg/tool/compile": "c", "usr/local/go/src/fmt/print.go": "p",
		"usr/local/go/src/linked/lib.go": "l", "usr/local/go/VERSION": "v",
	}, files)
}

func TestStandInName(t *testing.T) {
	s := &standIn{inputs: "abc", env: []string{"GOPROXY=https://a b,direct"}}
	assert.Equal(t, []string{"LABEL pubsublab.inputs=abc", `ENV GOPROXY="https://a b,direct"`}, s.changes())
	var tag []rune
	for _, r := range "1.27-devel X:y" {
		tag = append(tag, tagRune(r))
	}
	assert.Equal(t, "1.27-devel_X_y", string(tag))
	assert.Error(t, static("topology.go"))
}
