package topology

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/lab/internal/engine"
	"pubsublab/lab/internal/proc"
)

// openServer opens the demo's server alone as a container, or skips the test and says why.
func openServer(t *testing.T) (*Deployment, *docker, *output) {
	t.Helper()
	return openContainers(t, serverAlone)
}

func serverAlone(topo *Topology) {
	topo.Remove("publisher-1", "publisher-2", "subscriber-1", "subscriber-2")
}

// openContainers likewise opens the demo, changed.
func openContainers(t *testing.T, change func(*Topology)) (*Deployment, *docker, *output) {
	t.Helper()
	return openContainersOn(t, containerEngine, change)
}

// openContainersOn opens it on an engine of one's own.
func openContainersOn(t *testing.T, made *madeEngine, change func(*Topology)) (*Deployment, *docker, *output) {
	t.Helper()
	engine := made.get(t)
	if made != containerEngine {
		t.Cleanup(func() { assert.NoError(t, made.close()) })
	}
	topo, err := Load(demoFile)
	require.NoError(t, err)
	change(topo)
	out := &output{}
	deployment, err := engine.Open(t.Context(), topo, Options{Output: out.line})
	require.NoError(t, err)
	d := engine.backend.(*docker)
	t.Cleanup(func() {
		assert.NoError(t, deployment.Close(context.Background()))
		assert.NoDirExists(t, deployment.dir)
		assert.Empty(t, d.left(t, deployment), "nothing with the deployment's label is left")
	})
	return deployment, d, out
}

// left lists what carries the deployment's label.
func (d *docker) left(t *testing.T, deployment *Deployment) (names []string) {
	t.Helper()
	found, err := engine.List(context.Background(), d.api.Client, deploymentLabel+"="+deployment.id)
	require.NoError(t, err)
	for _, b := range slices.Concat(found.Containers, found.Networks, found.Volumes) {
		names = append(names, b.ID)
	}
	return names
}

func TestContainerIsAsTheFileSays(t *testing.T) {
	t.Parallel()
	deployment, d, out := openServer(t)
	require.NoError(t, deployment.Start(t.Context()))
	node := deployment.Node("server")
	run := node.run.(*containerNode)
	info, err := run.ctr.Inspect(t.Context())
	require.NoError(t, err)

	_, err = run.check(t.Context())
	assert.NoError(t, err, "Start returns when it is healthy")
	assert.True(t, info.HostConfig.ReadonlyRootfs)
	require.Len(t, info.HostConfig.SecurityOpt, 1)
	assert.Contains(t, info.HostConfig.SecurityOpt[0], "no-new-privileges")
	assert.Equal(t, int64(128), *info.HostConfig.PidsLimit)
	assert.Equal(t, int64(320<<20), info.HostConfig.Memory)
	assert.Equal(t, "json-file", info.HostConfig.LogConfig.Type)
	version, err := d.api.ServerVersion(t.Context(), client.ServerVersionOptions{})
	require.NoError(t, err)
	if isPodman(version) { // which names each capability, and has log limits of its own
		assert.Contains(t, info.HostConfig.CapDrop, "CHOWN")
	} else {
		assert.Equal(t, []string{"ALL"}, []string(info.HostConfig.CapDrop))
		assert.Equal(t, map[string]string{"max-size": "10m", "max-file": "3"}, info.HostConfig.LogConfig.Config)
	}
	assert.Equal(t, 15, *info.Config.StopTimeout)
	assert.Equal(t, "65532:65532", info.Config.User)
	assert.Equal(t, []string{"CMD", "/server", "healthcheck", "127.0.0.1:5000"}, info.Config.Healthcheck.Test)
	assert.Equal(t, time.Second, info.Config.Healthcheck.Interval)
	require.Len(t, info.NetworkSettings.Networks, 1)
	for _, endpoint := range info.NetworkSettings.Networks {
		assert.Contains(t, endpoint.Aliases, "server")
	}
	assert.Len(t, d.left(t, deployment), 2, "a container and a network")

	require.NoError(t, node.Pause(t.Context()))
	info, err = run.ctr.Inspect(t.Context())
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
	t.Parallel()
	deployment, _, _ := openServer(t)
	require.NoError(t, deployment.Start(t.Context()))
	require.NoError(t, deployment.Node("server").Kill(t.Context()))
	code, err := deployment.Node("server").Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 137, code)
	assert.NoError(t, deployment.Node("server").Kill(t.Context()))
}

func TestContainerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	deployment, _, _ := openServer(t)
	server := deployment.topo.Spec("server")
	server.Args = []string{"--history=nonsense"}
	err := deployment.Start(t.Context())
	assert.ErrorContains(t, err, "server does not become healthy: it ended with exit code 2")
	assert.ErrorContains(t, err, "nonsense")
}

// A port that was free and that somebody else takes before the container has it is left to them.
func TestContainerWhosePortIsTaken(t *testing.T) {
	t.Parallel()
	deployment, _, _ := openServer(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	asked := 0
	deployment.runtime.(*dockerRuntime).freePort = func(ctx context.Context, ip string) (int, error) {
		if asked++; asked == 1 {
			return other.Addr().(*net.TCPAddr).Port, nil
		}
		return proc.FreePort(ctx, ip)
	}
	require.NoError(t, deployment.Start(t.Context()))
	assert.Greater(t, asked, 1)
}

func TestCloseKillsWhereItsContextHasEnded(t *testing.T) {
	t.Parallel()
	deployment, _, _ := openServer(t)
	require.NoError(t, deployment.Start(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, deployment.Close(ctx))
	code, err := deployment.Node("server").Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 137, code)
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
	s := &standIn{toolchain: "1.26", env: []string{"GOPROXY=https://a b,direct"}}
	assert.Equal(t, []string{"LABEL pubsublab.image=go pubsublab.toolchain=1.26", `ENV GOPROXY="https://a b,direct"`}, s.changes())
	var tag []rune
	for _, r := range "1.27-devel X:y" {
		tag = append(tag, tagRune(r))
	}
	assert.Equal(t, "1.27-devel_X_y", string(tag))
	assert.Error(t, static("topology.go"))
}

// Without a network nothing could be downloaded anew, so that another stand-in than that of the
// layers is of no use.
func TestStandInOfTheSameToolchainIsFoundOffline(t *testing.T) {
	t.Setenv("GOPROXY", "https://proxy.example")
	online, err := newStandIn(t.Context())
	if err != nil {
		t.Skipf("this machine's Go cannot be a stand-in: %v", err)
	}
	assert.Regexp(t, `^pubsublab/go:[0-9a-z._-]+-[0-9a-f]{12}$`, online.name)
	t.Setenv("GOPROXY", "off")
	offline, err := newStandIn(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, online.name, offline.name, "the name is of the content")
	assert.Equal(t, online.toolchain, offline.toolchain)

	api := newFakeAPI()
	d := meet(t, api.serve(t))
	stood := func(created int64, toolchain, name string) {
		api.images = append(api.images, image.Summary{Created: created, RepoTags: []string{name}, Labels: map[string]string{toolchainLabel: toolchain}})
	}
	assert.Empty(t, d.current(t.Context(), offline))
	stood(1, online.toolchain, "pubsublab/go:older")
	stood(2, online.toolchain, online.name)
	stood(3, "1.0-amd64", "pubsublab/go:other")
	assert.Equal(t, online.name, d.current(t.Context(), offline))
	online.name = "pubsublab/go:of-other-settings"
	assert.Empty(t, d.current(t.Context(), online), "with a network it is made as it has to be")
}

func TestContainerThatReachesItsMemoryLimit(t *testing.T) {
	t.Parallel()
	deployment, _, _ := openContainers(t, func(topo *Topology) {
		serverAlone(topo)
		topo.Spec("server").service.MemLimit = 16 << 20 // for a history of 64 MiB
	})
	require.NoError(t, deployment.Start(t.Context()))
	node := deployment.Node("server")
	conn, err := net.Dial("tcp", node.Addr())
	require.NoError(t, err)
	defer conn.Close()
	line := append(bytes.Repeat([]byte("x"), 60_000), '\n')
	_, err = conn.Write([]byte("PUBLISHER\n"))
	for ; err == nil; _, err = conn.Write(line) {
	}
	_, err = node.Wait(t.Context())
	require.NoError(t, err)
	end, err := node.End()
	require.NoError(t, err)
	assert.Equal(t, End{Code: 137, OutOfMemory: true}, end, "not just any SIGKILL")
}
