package e2e

import (
	"archive/tar"
	"io"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/lab/topology"
)

// containersOnly skips a test of containers where nodes are processes.
func containersOnly(t *testing.T) {
	if engine.Mode() != topology.Containers {
		skip(t, "this is about images, and nodes are processes here: "+engine.Reason())
	}
}

// The images hold one static program each, for a user without rights; that of the demo's publishers their scripts too.
func TestImages(t *testing.T) {
	t.Parallel()
	containersOnly(t)
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	require.NoError(t, err)
	defer docker.Close()
	topo := load(t)
	for _, test := range []struct {
		node, program string
		size          int64
		scripts       []string
	}{
		{"server", "server", 12_000_000, nil},
		{"subscriber-1", "client", 8_000_000, nil},
		{"publisher-1", "client", 8_000_000, []string{"scripts/cook.txt", "scripts/keeper.txt"}},
	} {
		image, err := engine.Image(t.Context(), topo, topo.Spec(test.node), nil)
		require.NoError(t, err)
		info, err := docker.ImageInspect(t.Context(), image)
		require.NoError(t, err)
		require.Equal(t, info.ID, image, "nodes run it by what it is, not by a name that may move")
		require.LessOrEqual(t, info.Size, test.size, "the image of %s is small", test.node)
		require.Equal(t, "65532:65532", info.Config.User, "%s has no rights", test.node)
		require.Equal(t, []string{"/" + test.program}, []string(info.Config.Entrypoint), "%s: an exec-form ENTRYPOINT", test.node)
		require.ElementsMatch(t, append(test.scripts, test.program), files(t, docker, image), "no shell, nothing else")
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
	looked := 0
	for _, item := range list.Items {
		info, err := docker.ContainerInspect(s.ctx, item.ID, client.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) {
			continue // another test's, which has ended
		}
		require.NoError(t, err)
		looked++
		host := info.Container.HostConfig
		require.True(t, host.ReadonlyRootfs, "%s: a read-only root", info.Container.Name)
		require.Equal(t, []string{"ALL"}, []string(host.CapDrop))
		require.Contains(t, host.SecurityOpt, "no-new-privileges:true")
		require.Positive(t, host.Memory)
		require.Positive(t, *host.PidsLimit)
		require.Equal(t, "3", host.LogConfig.Config["max-file"])
	}
	require.GreaterOrEqual(t, looked, 2)
}
