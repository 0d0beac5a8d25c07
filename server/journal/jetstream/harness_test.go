package jetstream

import (
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"pubsublab/e2e/ports"
	"pubsublab/e2e/wait"
	"pubsublab/server/journal"
)

// nats.go 1.55 can leave a goroutine behind when an object is put: it waits for a channel that was
// nil already when it began.
func TestMain(m *testing.M) {
	wait.Parallel(3) // not more: they wait, but not for long
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

// testTimeout is how long anything may take that has to happen: for ever, for a machine may be
// slow. What hangs is ended by go test's -timeout.
const testTimeout = 24 * time.Hour

// node is a NATS server in this process.
type node struct {
	t      testing.TB
	opts   server.Options
	server *server.Server
	url    string
}

// newNode returns a server with JetStream that has not started.
func newNode(t testing.TB) *node {
	n := &node{t: t, opts: server.Options{
		Host: "127.0.0.1", Port: ports.Free(t), NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
	}}
	t.Cleanup(n.stop)
	return n
}

// startNode starts a server with nobody beside it.
func startNode(t testing.TB) *node {
	t.Helper()
	n := newNode(t)
	n.start()
	return n
}

// startCluster starts so many servers that know each other.
func startCluster(t testing.TB, size int) []*node {
	t.Helper()
	nodes := make([]*node, size)
	var routes []*url.URL
	for i := range nodes {
		n := newNode(t)
		n.opts.ServerName = fmt.Sprint("n", i)
		n.opts.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports.Free(t)}
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", n.opts.Cluster.Port)})
		nodes[i] = n
	}
	for _, n := range nodes {
		n.opts.Routes = routes
		n.start()
	}
	return nodes
}

// caughtUp reports whether the server has all that the others of its cluster have.
func caughtUp(n *node, stream string) bool {
	return n.server.JetStreamIsCurrent() && n.server.JetStreamIsStreamCurrent(server.DEFAULT_GLOBAL_ACCOUNT, stream)
}

// start starts the server, again with the data it had.
func (n *node) start() {
	n.t.Helper()
	opts := n.opts
	var err error
	n.server, err = server.NewServer(&opts)
	require.NoError(n.t, err)
	n.server.Start()
	require.True(n.t, n.server.ReadyForConnections(testTimeout), "the NATS server starts")
	n.url = n.server.ClientURL()
}

func (n *node) stop() {
	if n.server == nil {
		return // it did not start
	}
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// config is that of a broker at this server.
func (n *node) config() Config {
	return Config{Servers: n.url, Stream: "test", Replicas: 1, Size: MinSize, History: journal.MinHistory}
}

// connect is Connect, for as long as the test may take, and a Close at its end.
func connect(t testing.TB, cfg Config) *Journal {
	t.Helper()
	if testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	ctx := wait.Context(t)
	j, err := Connect(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { j.Close(ctx) })
	return j
}
