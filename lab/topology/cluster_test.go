package topology

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
)

// clusterFile is the compose file of several brokers.
const clusterFile = "../../compose.cluster.yaml"

func TestLoadCluster(t *testing.T) {
	topo, err := Load(clusterFile)
	require.NoError(t, err)
	assert.Len(t, topo.WithRole(Stream), 3)
	assert.Len(t, topo.WithRole(Broker), 3)
	assert.Len(t, topo.WithRole(Publisher), 2)
	assert.Len(t, topo.WithRole(Subscriber), 2)
	assert.ElementsMatch(t, []string{"nats-1", "nats-2", "nats-3"}, topo.volumes)
	assert.Equal(t, []string{"4222", "8222", "6222"}, topo.Spec("nats-1").targets())
	for _, s := range topo.Specs {
		assert.True(t, s.service.ReadOnly && s.service.MemLimit > 0 && s.service.PidsLimit > 0, "%s is hardened", s.Name)
		assert.Equal(t, []string{"ALL"}, s.service.CapDrop)
		assert.Equal(t, s.Role == Stream || s.Role == Broker, s.service.Restart == "on-failure", "%s: what keeps lines comes back", s.Name)
		for _, port := range s.service.Ports {
			assert.Equal(t, "127.0.0.1", port.HostIP, "%s is not for the whole network", s.Name)
		}
	}
}

// What brokers take by their flags (docs/operating.md) is less than their containers' limits, so that
// no client can have one killed. GOMEMLIMIT would replace the limit that follows from the flags.
func TestBrokersFitTheirContainers(t *testing.T) {
	for _, file := range []string{demoFile, clusterFile} {
		topo, err := Load(file)
		require.NoError(t, err)
		for _, s := range topo.WithRole(Broker) {
			var history, clients uint64
			for _, arg := range s.Args {
				name, value, _ := strings.Cut(arg, "=")
				switch name {
				case "--history":
					history, err = humanize.ParseBytes(value)
				case "--max-clients":
					clients, err = strconv.ParseUint(value, 10, 64)
				}
				require.NoError(t, err, arg)
			}
			require.NotZero(t, history, s.Name)
			require.NotZero(t, clients, "%s: --max-clients", s.Name)
			assert.Less(t, history*3/2+32<<20+clients*128<<10, uint64(s.service.MemLimit), "%s in %s", s.Name, file)
			assert.NotContains(t, s.service.Environment, "GOMEMLIMIT", s.Name)
		}
	}
}

func TestNATSIsTheVersionOfTheModule(t *testing.T) {
	topo, err := Load(clusterFile)
	require.NoError(t, err)
	image := topo.Spec("nats-1").service.Image
	recipe := topo.images[image]
	require.True(t, recipe.standIn)
	version, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", recipe.pkg).Output()
	require.NoError(t, err)
	assert.Equal(t, "nats:"+strings.TrimPrefix(strings.TrimSpace(string(version)), "v")+"-alpine", image)
	dockerfile, err := os.ReadFile("../../" + recipe.build.Dockerfile)
	require.NoError(t, err)
	assert.Contains(t, string(dockerfile), `"`+recipe.pkg+`"`)
}

// streamNodes opens the NATS nodes alone.
func streamNodes(t *testing.T, mode Mode) *Deployment {
	t.Helper()
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long, and -short asks for short ones")
	}
	engine := map[Mode]*madeEngine{Processes: fakeEngine, Containers: containerEngine}[mode].get(t)
	topo, err := Load(clusterFile)
	require.NoError(t, err)
	topo.Specs = topo.WithRole(Stream)
	deployment, err := engine.Open(t.Context(), topo, Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, deployment.Close(context.Background()))
		if d, ok := engine.backend.(*docker); ok {
			assert.Empty(t, d.left(t, deployment), "nothing with the deployment's label is left, volumes neither")
		}
	})
	return deployment
}

func TestStreamNodesThatAreProcesses(t *testing.T)  { testStreamNodes(t, streamNodes(t, Processes)) }
func TestStreamNodesThatAreContainers(t *testing.T) { testStreamNodes(t, streamNodes(t, Containers)) }

// testStreamNodes kills all nodes and starts them again, with their volumes and at their ports.
func testStreamNodes(t *testing.T, deployment *Deployment) {
	require.NoError(t, deployment.Start(t.Context()))
	addr := deployment.Node("nats-1").AddrOf(4222)
	assert.Equal(t, deployment.Node("nats-1").Addr(), addr, "the first port")
	assert.Empty(t, deployment.Node("nats-1").AddrOf(6222), "which is not published")
	conn, err := nats.Connect(addr, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "s", Replicas: 3})
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "s", []byte("kept"))
	require.NoError(t, err)

	var again []*Spec
	for _, n := range deployment.Nodes() {
		require.NoError(t, n.Pause(t.Context()))
		require.NoError(t, n.Kill(t.Context()))
		again = append(again, n.Spec.Replacement(n.Spec.Name+"-again"))
	}
	require.NoError(t, deployment.Start(t.Context(), again...), "their health checks pass: they have found each other")
	assert.Equal(t, addr, deployment.Node("nats-1-again").AddrOf(4222))
	wait.Until(t, func() bool {
		stream, err := js.Stream(t.Context(), "s")
		return err == nil && stream.CachedInfo().State.Msgs == 1
	}, "the stream has its message again")

	response, err := http.Get("http://" + deployment.Node("nats-2-again").AddrOf(8222) + "/jsz")
	require.NoError(t, err)
	defer response.Body.Close()
	var jsz struct {
		Meta struct{ Leader string } `json:"meta_cluster"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&jsz))
	assert.Regexp(t, "^nats-[123]$", jsz.Meta.Leader)
}
