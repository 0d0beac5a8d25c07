package e2e

import (
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/e2e/wait"
)

// requireBrokersBack has all brokers of a cluster that Compose runs fail, and requires that they are
// started again and well.
func requireBrokersBack(t *testing.T, compose func(args ...string) string) {
	t.Helper()
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	require.NoError(t, err)
	defer docker.Close()
	brokers := strings.Fields(compose("ps", "-q", "broker-1", "broker-2", "broker-3"))
	require.Len(t, brokers, 3)
	nc, err := nats.Connect("nats://" + strings.TrimSpace(compose("port", "nats-1", "4222")))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), "pubsublab"))
	for _, id := range brokers {
		wait.Until(t, func() bool {
			info, err := docker.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
			require.NoError(t, err)
			return info.Container.RestartCount > 0 && info.Container.State.Health.Status == "healthy"
		}, "a broker that failed is started again")
	}
}
