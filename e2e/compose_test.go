package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/e2e/ports"
	"pubsublab/lab/topology"
)

// composes are the ways in which Compose is called: the plugin of the docker command, which is Compose v2 or later, and
// the program, which is 1.29 or, where somebody has put it there, a later one.
var composes = []struct {
	name    string
	command []string
}{{"plugin", []string{"docker", "compose"}}, {"program", []string{"docker-compose"}}}

// eachCompose runs a test with every Compose that is installed, one after the other, and skips it with those that are not.
func eachCompose(t *testing.T, test func(t *testing.T, c compose)) {
	containersOnly(t)
	long(t)
	goImage, err := engine.GoImage(t.Context(), load(t), nil)
	require.NoError(t, err)
	first := true
	for _, kind := range composes {
		version, err := exec.Command(kind.command[0], append(kind.command[1:], "version")...).Output()
		if err != nil {
			t.Run(kind.name, func(t *testing.T) { skip(t, "`"+strings.Join(kind.command, " ")+"` is not installed") })
			continue
		}
		line, _, _ := strings.Cut(string(version), "\n")
		t.Run(kind.name, func(t *testing.T) {
			t.Log(line)
			test(t, compose{command: kind.command, first: first, dir: "..", env: append(os.Environ(), "NO_COLOR=1", "GO_IMAGE="+goImage)})
		})
		first = false
	}
}

// A compose is one way of calling Compose in a folder.
type compose struct {
	command []string
	first   bool // of those that are installed: with the others, what the engine does by itself need not be done again
	dir     string
	env     []string
}

// on returns what runs Compose on a file, or several with ":" between them, as a project of its own, which is taken down at the end of the test. It
// requires exit code 0 and returns the output.
func (c compose) on(t *testing.T, file string, env ...string) func(args ...string) string {
	project := "pubsublab-e2e-" + strings.ToLower(rand.Text()[:8])
	command := slices.Clone(c.command)
	for name := range strings.SplitSeq(file, ":") {
		command = append(command, "-f", name)
	}
	command = append(command, "-p", project)
	env = append(append(c.env[:len(c.env):len(c.env)], fmt.Sprint("PUBSUB_PORT=", ports.Free(t)), fmt.Sprint("PUBSUB_HTTP_PORT=", ports.Free(t))), env...)
	call := func(ctx context.Context, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], args...)...)
		cmd.Dir, cmd.Env = c.dir, env
		return cmd.CombinedOutput()
	}
	run := func(ctx context.Context, args ...string) string {
		out, err := call(ctx, args...)
		require.NoError(t, err, "%s", ending(out))
		return string(out)
	}
	t.Cleanup(func() {
		down := []string{"down", "--volumes", "--timeout", "1"}
		out, err := call(context.Background(), down...)
		// An old engine (20.10) under load keeps the place of a container that is gone, and so the network.
		if err != nil && bytes.Contains(out, []byte("has active endpoints")) {
			t.Logf("the engine does not let go of a network without containers: %s", ending(out))
			return
		}
		assert.NoError(t, err, "%s", ending(out))
	})
	return func(args ...string) string { return run(t.Context(), args...) }
}

// ending returns the last 8 KiB of an output, which may be as long as what went wrong lets it be.
func ending(out []byte) string {
	const most = 8 << 10
	if len(out) <= most {
		return string(out)
	}
	return fmt.Sprintf("(%d bytes before)\n%s", len(out)-most, strings.ToValidUTF8(string(out[len(out)-most:]), ""))
}

// The real Compose, as the README says it, in a checkout under umask 077, whose files only their owner may read: no user
// of a container is that one.
func TestCompose(t *testing.T) {
	t.Parallel()
	eachCompose(t, func(t *testing.T, c compose) {
		natsImage := natsImage(t)
		c.dir = privateCheckout(t)
		// --scale: any number of subscribers.
		requireSummaries(t, 4, c.on(t, "compose.yaml")("up", "--build", "--scale", "subscriber-1=3"))
		requireContainersAreNotComposes(t)

		several := c.on(t, "compose.cluster.yaml", "NATS_IMAGE="+natsImage)
		if !c.first {
			several("up", "--detach", "broker-1") // which waits until NATS is healthy
			return
		}
		requireSummaries(t, 2, several("up", "subscriber-1", "subscriber-2", "publisher-1", "publisher-2"))
		requireBrokersBack(t, several)
	})
}

// privateCheckout copies what the images are built from and what is mounted. Nobody but its owner may read below lab,
// from where files come into images and containers as they are: the rest is as it was, and is in the cache of builds.
func privateCheckout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"-rp"}
	for _, name := range []string{
		"compose.yaml", "compose.cluster.yaml", "Dockerfile.server", "Dockerfile.client", ".dockerignore", "go.mod", "go.sum",
		"protocol", "server", "client", "lab",
	} {
		args = append(args, filepath.Join("..", name))
	}
	out, err := exec.Command("cp", append(args, dir)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range []string{"compose.yaml", "compose.cluster.yaml"} { // on a slow machine publishers start late, and nobody reads along
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Contains(t, string(text), "--publisher-timeout=20s")
		require.Contains(t, string(text), "--rate=3,")
		text = bytes.ReplaceAll(text, []byte("--publisher-timeout=20s"), []byte("--publisher-timeout=1h"))
		text = bytes.ReplaceAll(text, []byte("--rate=3,"), []byte("--rate=30,"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "lab"), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if os.Geteuid() == 0 { // who may read everything; root of a container without its capabilities may not
			if err := os.Chown(path, 1000, 1000); err != nil {
				return err
			}
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}))
	return dir
}

// requireContainersAreNotComposes requires that the containers of a lab have no label of Compose's. Compose v2 writes the
// name of its project on the images that it builds, and takes every container with that label for its own.
func requireContainersAreNotComposes(t *testing.T) {
	t.Helper()
	s := open(t, load(t))
	s.start("server")
	docker, err := testcontainers.NewDockerClientWithOpts(s.ctx)
	require.NoError(t, err)
	defer docker.Close()
	_, port, err := net.SplitHostPort(s.Addr())
	require.NoError(t, err)
	list, err := docker.ContainerList(s.ctx, client.ContainerListOptions{Filters: client.Filters{}.Add("publish", port)})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Contains(t, list.Items[0].Labels, topology.RoleLabel)
	for label := range list.Items[0].Labels {
		assert.False(t, strings.HasPrefix(label, "com.docker.compose."), "it has the label %s", label)
	}
}

// natsImage returns the name of an image of NATS that is on the engine.
func natsImage(t *testing.T) string {
	t.Helper()
	topo, err := topology.Load(clusterFile)
	require.NoError(t, err)
	image, err := engine.Image(t.Context(), topo, topo.Spec("nats-1"), nil)
	require.NoError(t, err)
	return image
}

// requireSummaries requires that so many subscribers said that they received everything of two publishers, and all the
// same.
func requireSummaries(t *testing.T, subscribers int, out string) {
	t.Helper()
	summaries := regexp.MustCompile(`summary: (\d+) lines from 2 publishers, in order, 0 missing, 0 duplicates, sha256 ([0-9a-f]{64})`).
		FindAllStringSubmatch(out, -1)
	if len(summaries) != subscribers {
		var said strings.Builder // but for the messages
		for line := range strings.Lines(out) {
			if !strings.Contains(line, "[FROM ") && !strings.Contains(line, "msg=published") {
				said.WriteString(line)
			}
		}
		require.FailNow(t, "each subscriber prints a summary", "%d of %d did:\n%s", len(summaries), subscribers, ending([]byte(said.String())))
	}
	for _, s := range summaries {
		require.Equal(t, summaries[0][1:], s[1:], "equal digests")
	}
}
