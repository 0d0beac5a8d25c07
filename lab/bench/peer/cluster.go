package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"pubsublab/lab/bench/load"
)

// Cluster is NATS servers with JetStream that run, each with a folder of its own. All streams in it
// have a replica at every server.
type Cluster struct {
	URLs []string // of the servers

	servers  []*Server
	monitors []string // addresses of the servers' monitoring
	dir      string
	nc       *nats.Conn
	js       jetstream.JetStream
}

// StartCluster starts so many servers, 1 or 3, and returns once streams can be made. They keep
// their data in dir, which it makes and Stop removes. With always they sync to disk before they
// acknowledge, otherwise when they come to it.
func (p *Peer) StartCluster(ctx context.Context, dir string, servers int, always bool) (*Cluster, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir}
	if err := c.start(ctx, p, servers, always); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, p *Peer, servers int, always bool) error {
	ports := make([]string, 2*servers)
	for i := range ports {
		var err error
		if ports[i], err = freePort(ctx); err != nil {
			return err
		}
	}
	routes := make([]string, servers)
	for i := range routes {
		routes[i] = "nats://127.0.0.1:" + ports[i]
	}
	for i := range servers {
		node := *p
		node.Key = fmt.Sprintf("nats-%d", i+1)
		node.args = func(s setting) ([]string, string) {
			args, config := natsArgs(s)
			config += fmt.Sprintf("server_name: %s\nhttp: \"127.0.0.1:%s\"\n", node.Key, ports[servers+i])
			config += fmt.Sprintf("jetstream { store_dir: %q", filepath.Join(c.dir, node.Key))
			if always {
				config += ", sync_interval: always"
			}
			config += " }\n"
			if servers > 1 {
				config += fmt.Sprintf("cluster { name: bench, listen: \"127.0.0.1:%s\", routes: [%s] }\n", ports[i], strings.Join(routes, ", "))
			}
			return args, config
		}
		s, err := node.Start(ctx, c.dir, nil)
		if err != nil {
			return err
		}
		c.servers = append(c.servers, s)
		c.URLs = append(c.URLs, "nats://"+s.address)
		c.monitors = append(c.monitors, "127.0.0.1:"+ports[servers+i])
	}
	var err error
	if c.nc, err = nats.Connect(strings.Join(c.URLs, ",")); err != nil {
		return err
	}
	if c.js, err = jetstream.New(c.nc); err != nil {
		return err
	}
	return c.ready(ctx)
}

// ready waits until the servers have found each other. Its stream stays: a server that deletes its
// last stream removes the folder of all a moment later, from under one that is just made.
func (c *Cluster) ready(ctx context.Context) error {
	const probe = "probe"
	ctx, cancel := context.WithTimeout(ctx, 3*startTimeout)
	defer cancel()
	for {
		attempt, cancel := context.WithTimeout(ctx, time.Second)
		_, err := c.js.CreateStream(attempt, jetstream.StreamConfig{Name: probe, Replicas: len(c.servers)})
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no stream can be made on %d NATS servers: %w%s", len(c.servers), err, c.servers[0].lastWords())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// MakeStream makes a stream as brokers have them. Its URL is that of the server that leads it, to
// spare its clients a way.
func (c *Cluster) MakeStream(ctx context.Context, name string) (*load.Stream, error) {
	stream, err := c.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{name}, Storage: jetstream.FileStorage, Replicas: len(c.servers), MaxBytes: 1 << 30,
	})
	if err != nil {
		return nil, err
	}
	url := c.URLs[0]
	if cluster := stream.CachedInfo().Cluster; cluster != nil {
		for i, s := range c.servers {
			if s.Peer.Key == cluster.Leader {
				url = c.URLs[i]
			}
		}
	}
	return &load.Stream{URL: url, Name: name, Subject: name}, nil
}

// DeleteStream deletes a stream, and what a broker has put beside it, to spare the disk. What is
// left goes with Stop.
func (c *Cluster) DeleteStream(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c.js.DeleteObjectStore(ctx, name+"-checkpoints")
	c.js.DeleteStream(ctx, name)
}

// CPU is the time that all servers have used.
func (c *Cluster) CPU() (time.Duration, error) { return allCPU(c.servers) }

func allCPU(servers []*Server) (sum time.Duration, err error) {
	for _, s := range servers {
		used, err := s.CPU()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// ReadByBrokers is how many bytes of messages the servers have sent to the brokers that run,
// without what the protocol puts around them.
func (c *Cluster) ReadByBrokers(ctx context.Context) (sum int64, err error) {
	for _, monitor := range c.monitors {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+monitor+"/connz", nil)
		if err != nil {
			return 0, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		var connz struct {
			Connections []struct {
				Name     string `json:"name"`
				OutBytes int64  `json:"out_bytes"`
			} `json:"connections"`
		}
		err = json.NewDecoder(response.Body).Decode(&connz)
		response.Body.Close()
		if err != nil {
			return 0, err
		}
		for _, connection := range connz.Connections {
			if connection.Name == "pubsublab" { // as brokers call their connections
				sum += connection.OutBytes
			}
		}
	}
	return sum, nil
}

// Stop ends the servers and removes their data. A nil cluster has none.
func (c *Cluster) Stop() {
	if c == nil {
		return
	}
	if c.nc != nil {
		c.nc.Close()
	}
	for _, s := range c.servers {
		s.Stop()
	}
	os.RemoveAll(c.dir)
}

// brokerTimeout is more than a broker itself has with a stream that cannot be used yet.
const brokerTimeout = 40 * time.Second

// Brokers are several that share the stream of a cluster.
type Brokers struct {
	// System is all of them: clients are spread over them in turn, a lone publisher is at the
	// first.
	System load.System

	servers []*Server
}

// StartBrokers starts so many brokers with the stream's name, which the first of them makes.
func (p *Peer) StartBrokers(ctx context.Context, c *Cluster, brokers int, stream string) (*Brokers, error) {
	b := &Brokers{}
	for i := range brokers {
		one := *p
		one.Key, one.timeout = fmt.Sprintf("broker-%d", i+1), brokerTimeout
		one.args = func(s setting) ([]string, string) {
			args := []string{"--host=127.0.0.1", "--journal=" + strings.Join(c.URLs, ","), "--stream=" + stream}
			return append(args, s.port), ""
		}
		s, err := one.Start(ctx, c.dir, nil)
		if err != nil {
			b.Stop()
			return nil, err
		}
		b.servers = append(b.servers, s)
	}
	b.System = b.servers[0].System
	b.System.CPU = func() (time.Duration, error) { return allCPU(b.servers) }
	b.System.Dial = func(ctx context.Context, client int) (net.Conn, error) {
		return b.servers[client%len(b.servers)].System.Dial(ctx, client)
	}
	return b, nil
}

// Resident is the memory of the first, in bytes.
func (b *Brokers) Resident() (uint64, error) { return b.servers[0].Resident() }

// Stop ends them.
func (b *Brokers) Stop() {
	for _, s := range b.servers {
		s.Stop()
	}
}
