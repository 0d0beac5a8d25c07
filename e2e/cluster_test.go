package e2e

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"pubsublab/e2e/wait"
	"pubsublab/lab/history"
	"pubsublab/lab/topology"
)

// clusterRate is how many lines a second each of the two publishers sends.
const clusterRate = 100

// cluster is the topology of compose.cluster.yaml, in which lines flow while
// nodes of it fail.
type cluster struct {
	*testbed
	d          dice
	at         map[string]string // the node that stands at a place now, by host name
	happenings []happening
}

// happening is a fault, from its beginning until all nodes were well again.
type happening struct {
	what        string
	begun, over time.Time
}

// openCluster starts it, with endless publishers.
func openCluster(t *testing.T) *cluster {
	t.Helper()
	long(t)
	topo, err := topology.Load(clusterFile)
	require.NoError(t, err)
	c := &cluster{d: throw(t), at: map[string]string{}}
	c.d.scripts(topo, endless, 40, clusterRate)
	for _, s := range topo.WithRole(topology.Subscriber) {
		s.SetFlag("format", "tsv")
	}
	for _, s := range append(topo.WithRole(topology.Subscriber), topo.WithRole(topology.Publisher)...) {
		s.SetFlag("retry", forEver)
	}
	c.testbed = open(t, topo)
	for _, role := range []topology.Role{topology.Stream, topology.Broker} {
		for _, name := range names(topo, role) {
			c.at[name] = name
		}
	}
	c.start()
	c.flow()
	return c
}

func (c *cluster) node(place string) *topology.Node { return c.Node(c.at[place]) }

// flow waits until some lines more have reached every subscriber.
func (c *cluster) flow() {
	c.t.Helper()
	for _, name := range []string{"subscriber-1", "subscriber-2"} {
		c.reach(name, c.lines(name)+clusterRate/2)
	}
}

// leader returns which NATS node leads the stream, by what the others say.
func (c *cluster) leader() string {
	c.t.Helper()
	var leader string
	wait.Until(c.t, func() bool {
		for _, place := range names(c.topo, topology.Stream) {
			if leader = c.leaderAt(place); leader != "" {
				return true
			}
		}
		return false
	}, "the stream has a leader")
	return leader
}

func (c *cluster) leaderAt(place string) string {
	if c.at[place] == "" {
		return ""
	}
	return topology.StreamLeader(c.t.Context(), c.node(place).AddrOf(topology.MonitoringPort))
}

// well waits until a NATS node has caught up, or a broker is healthy.
func (c *cluster) well(place string) {
	c.t.Helper()
	wait.Until(c.t, func() bool {
		require.False(c.t, c.ended(c.at[place]), "%s has ended", place)
		if c.node(place).Spec.Role == topology.Broker {
			return healthy(c.node(place).Addr())
		}
		client := http.Client{Timeout: time.Second}
		answer, err := client.Get("http://" + c.node(place).AddrOf(topology.MonitoringPort) + "/healthz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, "%s is well again", place)
}

// during writes down when something happens, and waits until it is over: the
// nodes are well and lines flow.
func (c *cluster) during(what string, places []string, fault func()) {
	c.t.Helper()
	h := happening{what: what, begun: time.Now()}
	fault()
	for _, place := range places {
		c.well(place)
	}
	c.flow()
	h.over = time.Now()
	c.happenings = append(c.happenings, h)
}

// again starts nodes at once, in the places of those that have ended.
func (c *cluster) again(places ...string) {
	c.t.Helper()
	var specs []*topology.Spec
	for _, place := range places {
		next := c.node(place).Spec.Replacement(fmt.Sprintf("%s.%d", place, len(c.Nodes())+len(specs)))
		specs = append(specs, next)
	}
	if len(specs) > 0 {
		require.NoError(c.t, c.Start(c.ctx, specs...))
	}
	for i, place := range places {
		c.at[place] = specs[i].Name
	}
}

// fault is what can happen to a node: its beginning and its end.
type fault struct {
	begin, end func(c *cluster, place string)
}

var clusterFaults = map[string]fault{
	"kill": {
		begin: func(c *cluster, place string) { c.must(c.node(place).Kill) },
		end:   func(c *cluster, place string) { c.again(place) },
	},
	"stop": {
		begin: func(c *cluster, place string) { c.must(c.node(place).Stop) },
		end:   func(c *cluster, place string) { c.again(place) },
	},
	"pause": {
		begin: func(c *cluster, place string) { c.must(c.node(place).Pause) },
		end:   func(c *cluster, place string) { c.must(c.node(place).Unpause) },
	},
	"disconnect": {
		begin: func(c *cluster, place string) { c.must(c.node(place).Disconnect) },
		end:   func(c *cluster, place string) { c.must(c.node(place).Reconnect) },
	},
}

// strike makes one node fail for up to so many milliseconds.
func (c *cluster) strike(kind, place string, most int) {
	c.t.Helper()
	c.during(kind+" "+place, []string{place}, func() {
		clusterFaults[kind].begin(c, place)
		time.Sleep(time.Duration(c.d.between(0, most)) * time.Millisecond)
		clusterFaults[kind].end(c, place)
	})
}

// healthy asks a broker how it is (P2).
func healthy(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintln(conn, "HEALTH")
	answer, err := io.ReadAll(conn)
	return err == nil && string(answer) == prompt+"healthy\n"
}

// finish stops the publishers and lets the subscribers come to their end. The
// ground truth is what the publishers were acknowledged.
func (c *cluster) finish() {
	c.t.Helper()
	var h history.History
	for _, name := range []string{"publisher-1", "publisher-2"} {
		c.must(c.Node(name).Stop)
		said := c.said(name)
		var sent, acked int
		i := strings.LastIndex(said, "summary: ")
		require.GreaterOrEqual(c.t, i, 0, said)
		_, err := fmt.Sscanf(said[i:], "summary: %d lines sent, %d acknowledged", &sent, &acked)
		require.NoError(c.t, err, said)
		require.Equal(c.t, sent, acked, "all is well at the end: %s", said)
		p := c.sent(name)
		require.Less(c.t, sent, len(p.Sent), "lines flowed to the end")
		p.Sent, p.Acked = p.Sent[:sent], acked
		h.Publishers = append(h.Publishers, p)
	}
	c.wait("subscriber-1", "subscriber-2")
	for _, name := range []string{"subscriber-1", "subscriber-2"} {
		h.Subscribers = append(h.Subscribers, whole(name, c.tsv(c.file(name)).Messages))
	}
	report := c.judge(h)
	c.t.Logf("%s\n%s", report, c.unavailable())
}

// unavailable tells for how long nothing of a publisher was taken during each
// happening, by the stream's clock, which is that of this machine.
func (c *cluster) unavailable() string {
	times := map[string][]time.Time{} // when lines were taken, by publisher
	for line := range strings.Lines(c.file("subscriber-1")) {
		if cells := strings.Split(line, "\t"); !strings.HasPrefix(line, "#") {
			at, err := time.Parse(time.RFC3339Nano, cells[1])
			require.NoError(c.t, err)
			times[cells[2]] = append(times[cells[2]], at)
		}
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	publishers := slices.Sorted(maps.Keys(times))
	fmt.Fprintf(table, "seconds without a line of\t%s\n", strings.Join(publishers, "\t"))
	for _, h := range c.happenings {
		fmt.Fprint(table, h.what)
		for _, name := range publishers {
			fmt.Fprintf(table, "\t%.2f", h.longest(times[name]).Seconds())
		}
		fmt.Fprintln(table)
	}
	table.Flush()
	return text.String()
}

// longest returns the longest time during h in which there was none of times.
func (h *happening) longest(times []time.Time) (longest time.Duration) {
	last := h.begun
	for _, at := range append(slices.Clip(times), h.over) {
		if at.After(last) && !at.After(h.over) {
			longest = max(longest, at.Sub(last))
			last = at
		}
	}
	return longest
}

// places are the nodes that may fail: brokers and NATS nodes.
func (c *cluster) places() []string {
	return append(names(c.topo, topology.Broker)[:3:3], names(c.topo, topology.Stream)[:3:3]...)
}

// shuffled are the places in another order.
func (c *cluster) shuffled() []string {
	places := c.places()
	c.d.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	return places
}

// A cluster on which lines flow all the while. Its nodes fail one at a time, are restarted one after
// the other as for an update, and fail as is drawn: some of them, and all where PUBSUBLAB_SOAK is set.
func TestClusterFaults(t *testing.T) {
	t.Parallel()
	c := openCluster(t)
	each, drawn := 1, 1
	if soak() {
		each, drawn = 3, 3
	}
	t.Logf("%d of 3 brokers and NATS nodes each are killed and restarted, and %d times several fail as drawn; PUBSUBLAB_SOAK=1 for all, and 3", each, drawn)
	c.failOneAtATime(each)
	c.restartInTurn(each)
	for range drawn {
		c.failAsDrawn()
	}
	c.finish()
}

// some draws so many brokers, and behind them as many NATS nodes.
func (c *cluster) some(each int) (places []string) {
	for _, role := range []topology.Role{topology.Broker, topology.Stream} {
		of := names(c.topo, role)[:3:3]
		c.d.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		places = append(places, of[:each]...)
	}
	return places
}

// failOneAtATime kills so many brokers and so many NATS nodes, and freezes one of each; and both to
// the leader of the stream.
func (c *cluster) failOneAtATime(each int) {
	c.t.Helper()
	for _, place := range c.some(each) {
		c.strike("kill", place, 1000)
	}
	c.strike("kill", c.leader(), 1000)
	for _, role := range []topology.Role{topology.Broker, topology.Stream} {
		c.strike("pause", names(c.topo, role)[c.d.IntN(3)], 1000)
	}
	c.strike("pause", c.leader(), 1000)
}

// restartInTurn stops so many brokers and NATS nodes and starts them again, one after the other.
func (c *cluster) restartInTurn(each int) {
	c.t.Helper()
	for _, place := range c.some(each) {
		before := c.node(place)
		c.strike("stop", place, 0)
		code, err := before.Wait(c.ctx)
		require.NoError(c.t, err)
		require.Zero(c.t, code, "exit code of %s", place)
	}
}

// failAsDrawn has several nodes fail at once, or even all: without a majority of the NATS nodes
// nothing can be published, and nothing is lost.
func (c *cluster) failAsDrawn() {
	c.t.Helper()
	kinds := []string{"kill", "pause", "disconnect"}
	if why := engine.Uncuttable(); why != "" {
		c.t.Logf("nobody is cut off: %s", why)
		kinds = kinds[:2]
	}
	places := c.shuffled()[:c.d.between(2, 6)]
	struck := map[string][]string{}
	for _, place := range places {
		kind := kinds[c.d.IntN(len(kinds))]
		struck[kind] = append(struck[kind], place)
	}
	c.during(strings.TrimPrefix(fmt.Sprint(struck), "map"), places, func() {
		for _, kind := range kinds {
			for _, place := range struck[kind] {
				clusterFaults[kind].begin(c, place)
			}
		}
		time.Sleep(time.Duration(c.d.between(0, 3000)) * time.Millisecond)
		for _, kind := range kinds[1:] {
			for _, place := range struck[kind] {
				clusterFaults[kind].end(c, place)
			}
		}
		// A NATS node that begins waits for others, and a broker for NATS nodes.
		for _, role := range []topology.Role{topology.Stream, topology.Broker} {
			c.again(slices.DeleteFunc(slices.Clone(struck["kill"]), func(place string) bool { return c.node(place).Spec.Role != role })...)
		}
	})
}

// Each node is cut off from the network, briefly or until others notice.
func TestClusterDisconnects(t *testing.T) {
	networksOnly(t)
	c := openCluster(t)
	for _, place := range c.shuffled() {
		c.strike("disconnect", place, 20_000)
	}
	c.strike("disconnect", c.leader(), 20_000)
	c.finish()
}
