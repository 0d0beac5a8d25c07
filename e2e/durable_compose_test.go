package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/e2e/wait"
)

// The broker of compose.durable.yaml, killed in the middle: nothing is lost.
func TestComposeDurable(t *testing.T) {
	t.Parallel()
	// A demo whose publishers may start late. One does only behind the middle, which so is not over by the time that a busy
	// machine gets there.
	slow := filepath.Join(t.TempDir(), "slow.yaml")
	require.NoError(t, os.WriteFile(slow, []byte(`services:
  publisher-1: {command: [--name=keeper, --script=/scripts/keeper.txt, --rate=2, server, "5000", PUBLISHER, sea.light]}
  publisher-2: {command: [--name=cook, --script=/scripts/cook.txt, --rate=30, server, "5000", PUBLISHER, rail.kitchen]}
  subscriber-1: {command: [--from=first, --publishers=2, --publisher-timeout=1h, --format=plain, server, "5000", SUBSCRIBER]}
  subscriber-2: {command: [--from=first, --publishers=2, --publisher-timeout=1h, --format=stamped, server, "5000", SUBSCRIBER]}
`), 0o600))
	eachCompose(t, func(t *testing.T, c compose) {
		lasting := c.on(t, "compose.yaml:compose.durable.yaml:"+slow)
		if !c.first {
			lasting("config", "--quiet") // what the broker does then is the same, whoever read the files
			return
		}
		lasting("up", "--build", "--no-start")
		lasting("start", "server", "subscriber-1", "subscriber-2", "publisher-1")
		requireKilledBrokerLosesNothing(t, lasting)
	})
}

// requireKilledBrokerLosesNothing does docker kill and docker start with the broker of a demo that
// Compose runs, in the middle of it, and requires that everybody ends well.
func requireKilledBrokerLosesNothing(t *testing.T, compose func(args ...string) string) {
	t.Helper()
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	require.NoError(t, err)
	defer docker.Close()
	wait.Until(t, func() bool { return strings.Contains(compose("logs", "subscriber-1"), "[FROM ") }, "lines flow")
	server := strings.TrimSpace(compose("ps", "-q", "server"))
	_, err = docker.ContainerKill(t.Context(), server, client.ContainerKillOptions{Signal: "KILL"})
	require.NoError(t, err)
	require.NotContains(t, compose("logs", "subscriber-1"), "summary: ", "that was in the middle")
	info, err := docker.ContainerInspect(t.Context(), server, client.ContainerInspectOptions{})
	require.NoError(t, err)
	require.Equal(t, 137, info.Container.State.ExitCode, "killed")
	_, err = docker.ContainerStart(t.Context(), server, client.ContainerStartOptions{})
	require.NoError(t, err)
	compose("start", "publisher-2")

	for _, node := range []string{"publisher-1", "publisher-2", "subscriber-1", "subscriber-2", "server"} {
		// Compose v2 lists who has ended only where it is told to, 1.29 always and without a word for it.
		id := strings.TrimSpace(compose("ps", "-q", node))
		if id == "" {
			id = strings.TrimSpace(compose("ps", "-a", "-q", node))
		}
		wait.Until(t, func() bool {
			info, err = docker.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
			require.NoError(t, err)
			return !info.Container.State.Running
		}, "%s ends", node)
		require.Zero(t, info.Container.State.ExitCode, "the exit code of %s: %s", node, ending([]byte(compose("logs", node))))
	}
	requireSummaries(t, 2, compose("logs", "subscriber-1", "subscriber-2"))
}
