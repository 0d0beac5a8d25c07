package e2e

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/lab/topology"
)

// containersOnly skips a test of containers where nodes are processes.
func containersOnly(t *testing.T) {
	if engine.Mode() != topology.Containers {
		t.Skipf("this is about images, and nodes are processes here: %s", engine.Reason())
	}
}

// The images hold one static program each, for a user without rights.
func TestImages(t *testing.T) {
	t.Parallel()
	containersOnly(t)
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	require.NoError(t, err)
	defer docker.Close()
	for _, name := range []string{"server", "client"} {
		image := "pubsublab/" + name
		info, err := docker.ImageInspect(t.Context(), image)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size, int64(12_000_000), "%s is small", image)
		require.Equal(t, "65532:65532", info.Config.User, "%s has no rights", image)
		require.Equal(t, []string{"/" + name}, []string(info.Config.Entrypoint), "%s: an exec-form ENTRYPOINT", image)
		require.Equal(t, []string{name}, files(t, docker, image), "%s holds its program, no shell, nothing else", image)
	}
}

// files lists the regular files of an image.
func files(t *testing.T, docker *testcontainers.DockerClient, image string) []string {
	t.Helper()
	saved, err := docker.ImageSave(t.Context(), []string{image})
	require.NoError(t, err)
	defer saved.Close()
	var names []string
	for archive := tar.NewReader(saved); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return names
		}
		require.NoError(t, err)
		if !strings.HasSuffix(header.Name, ".tar") && !strings.HasPrefix(header.Name, "blobs/") {
			continue
		}
		for layer := tar.NewReader(archive); ; {
			file, err := layer.Next()
			if err != nil {
				break // the end, or not a layer
			}
			if file.Typeflag == tar.TypeReg {
				names = append(names, file.Name)
			}
		}
	}
}

// Nodes run as compose.yaml says: no rights, nothing to write to, bounds.
func TestHardening(t *testing.T) {
	t.Parallel()
	containersOnly(t)
	s := open(t, load(t))
	s.start("server", "subscriber-1")
	docker, err := testcontainers.NewDockerClientWithOpts(s.ctx)
	require.NoError(t, err)
	defer docker.Close()
	list, err := docker.ContainerList(s.ctx, client.ContainerListOptions{Filters: client.Filters{}.Add("label", topology.RoleLabel)})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(list.Items), 2)
	for _, item := range list.Items {
		info, err := docker.ContainerInspect(s.ctx, item.ID, client.ContainerInspectOptions{})
		require.NoError(t, err)
		host := info.Container.HostConfig
		require.True(t, host.ReadonlyRootfs, "%s: a read-only root", info.Container.Name)
		require.Equal(t, []string{"ALL"}, []string(host.CapDrop))
		require.Contains(t, host.SecurityOpt, "no-new-privileges:true")
		require.Positive(t, host.Memory)
		require.Positive(t, *host.PidsLimit)
		require.Equal(t, "3", host.LogConfig.Config["max-file"])
	}
}

// The real Compose, as the README says it.
func TestCompose(t *testing.T) {
	t.Parallel()
	containersOnly(t)
	if composeCommand() == nil {
		t.Skip("neither `docker compose` nor `docker-compose` is installed")
	}
	goImage, err := engine.GoImage(t.Context(), load(t), nil)
	require.NoError(t, err)

	// --scale: any number of subscribers.
	one := compose(t, "compose.yaml", "GO_IMAGE="+goImage)
	requireSummaries(t, 4, one("up", "--build", "--scale", "subscriber-1=3"))

	// One after the other: both build the same images.
	topo, err := topology.Load(clusterFile)
	require.NoError(t, err)
	natsImage, err := engine.Image(t.Context(), topo, topo.Spec("nats-1"), nil)
	require.NoError(t, err)
	several := compose(t, "compose.cluster.yaml", "GO_IMAGE="+goImage, "NATS_IMAGE="+natsImage)
	requireSummaries(t, 2, several("up", "--build", "subscriber-1", "subscriber-2", "publisher-1", "publisher-2"))
}

// compose returns what runs Compose on a file, as a project of its own, which
// is taken down at the end of the test. It requires exit code 0 and returns the
// output.
func compose(t *testing.T, file string, env ...string) func(args ...string) string {
	project := fmt.Sprintf("pubsublab-e2e-%s-%d", strings.ReplaceAll(file, ".", "-"), os.Getpid())
	command := append(composeCommand(), "-f", file, "-p", project)
	env = append(append(os.Environ(), "PUBSUB_PORT="+freePort(t), "NO_COLOR=1"), env...)
	run := func(ctx context.Context, args ...string) string {
		cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], args...)...)
		cmd.Dir, cmd.Env = "..", env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	t.Cleanup(func() { run(context.Background(), "down", "--volumes", "--timeout", "1") })
	return func(args ...string) string { return run(t.Context(), args...) }
}

// requireSummaries requires that so many subscribers said that they received
// everything of two publishers, and all the same.
func requireSummaries(t *testing.T, subscribers int, out string) {
	t.Helper()
	summaries := regexp.MustCompile(`summary: (\d+) lines from 2 publishers, in order, 0 missing, 0 duplicates, sha256 ([0-9a-f]{64})`).
		FindAllStringSubmatch(out, -1)
	require.Len(t, summaries, subscribers, "each subscriber prints a summary:\n%s", out)
	for _, s := range summaries {
		require.Equal(t, summaries[0][1:], s[1:], "equal digests")
	}
}

// composeCommand returns how Compose is called here, nil where it is not installed.
func composeCommand() []string {
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(command[0], append(command[1:], "version")...).Run() == nil {
			return command
		}
	}
	return nil
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}
