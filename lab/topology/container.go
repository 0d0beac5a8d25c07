package topology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/shirou/gopsutil/v4/process"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/wait"
	"golang.org/x/sync/errgroup"
)

// Labels of everything the lab makes on an engine.
const (
	labLabel  = "pubsublab.lab"  // which lab it belongs to
	hostLabel = "pubsublab.host" // the machine the lab runs on
	pidLabel  = "pubsublab.pid"  // the process of the lab
)

// transcripts is where a subscriber's container sees the node's folder.
const transcripts = "/transcripts"

// dialTimeout is how long an engine may take to answer.
const dialTimeout = 5 * time.Second

// removeTimeout bounds the removal of what a lab made.
const removeTimeout = 30 * time.Second

// docker runs nodes as containers.
type docker struct {
	api *testcontainers.DockerClient

	// guarded by Engine.building
	images   map[string]string // what was built, pulled or built in its place, by image name
	goImages map[string]string // what was found, by what was wanted
}

// dialDocker finds a Docker engine that answers within a few seconds and can run Linux containers, and says which.
func dialDocker(ctx context.Context) (*docker, string, error) {
	// Testcontainers' reaper is one more image to pull and wants the engine's socket. The lab removes what it made by
	// label, and what a killed lab left behind at the next start, so it only runs where someone asks for it.
	if os.Getenv("TESTCONTAINERS_RYUK_DISABLED") == "" {
		if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
			return nil, "", err
		}
	}
	// Its log would come between the lines of the demo.
	tclog.SetDefault(tclog.NewNoopLogger())

	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	api, err := dial(ctx)
	if err != nil {
		return nil, "", oneLine(err)
	}
	d := &docker{api: api, images: map[string]string{}, goImages: map[string]string{}}
	version, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err == nil && version.Os != "linux" {
		err = fmt.Errorf("the engine runs %s containers, not linux ones", version.Os)
	}
	if err == nil {
		// An engine whose network code is stuck still tells its version, and then hangs for good.
		if _, err = api.NetworkList(ctx, client.NetworkListOptions{}); err != nil {
			err = fmt.Errorf("it answers, but not about its networks (restart it): %w", err)
		}
	}
	if err != nil {
		return nil, "", errors.Join(err, d.close())
	}
	d.removeOrphans(ctx) // now, because they hold ports
	return d, version.Version + " answers at " + api.DaemonHost(), nil
}

// dial finds the engine where Testcontainers looks for it. The library panics when the engine stops answering half-way.
func dial(ctx context.Context) (api *testcontainers.DockerClient, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return testcontainers.NewDockerClientWithOpts(ctx)
}

// oneLine makes a sentence of the library's report of all the places where it looked for an engine.
func oneLine(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("there is one, but it has not answered for %s", dialTimeout)
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	if _, reason, ok := strings.Cut(first, "docker info: "); ok {
		first = reason
	}
	return errors.New(strings.TrimSuffix(first, "."))
}

func (d *docker) close() error { return d.api.Close() }

// site is what the containers of one lab share.
type site struct {
	docker   *docker
	lab      *Lab
	labels   map[string]string
	networks map[string]string // name on the engine by name in the file
	volumes  map[string]string // likewise
}

func (d *docker) open(ctx context.Context, l *Lab) (ground, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	s := &site{docker: d, lab: l, networks: map[string]string{}, volumes: map[string]string{}, labels: map[string]string{
		labLabel: l.id, hostLabel: host, pidLabel: strconv.Itoa(os.Getpid()),
	}}
	for key, n := range l.topo.networks {
		name := "pubsublab-" + l.id + "-" + key
		_, err := d.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{Driver: n.Driver, Internal: n.Internal, Labels: s.labels})
		if err != nil {
			return s, fmt.Errorf("the network %s cannot be made: %w", key, err)
		}
		s.networks[key] = name
	}
	for _, key := range l.topo.volumes {
		name := "pubsublab-" + l.id + "-" + key
		if _, err := d.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: s.labels}); err != nil {
			return s, fmt.Errorf("the volume %s cannot be made: %w", key, err)
		}
		s.volumes[key] = name
	}
	return s, nil
}

func (s *site) start(ctx context.Context, n *Node) (unit, error) {
	request, err := s.request(n)
	if err != nil {
		return nil, err
	}
	created, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: request,
		Logger:           tclog.NewNoopLogger(),
	})
	if err != nil {
		return nil, err // a container made half-way has the lab's label, by which it is removed
	}
	c := &containerUnit{api: s.docker.api, ctr: created, node: n, networks: request.NetworkAliases}
	// Before the start, so that neither the first line nor an early end is missed.
	output, err := s.docker.api.ContainerAttach(s.lab.life, created.GetContainerID(),
		client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return c, err
	}
	ended := s.docker.api.ContainerWait(s.lab.life, created.GetContainerID(),
		client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	go c.follow(s.lab.life, output, ended)
	if err := created.Start(ctx); err != nil {
		return c, err
	}
	return c, c.findAddresses(ctx)
}

func (s *site) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	return s.docker.remove(ctx, func(labels map[string]string) bool { return labels[labLabel] == s.lab.id })
}

// removeOrphans removes what labs of this machine left behind that were killed before they could do it themselves. It
// is a courtesy: its errors are not the caller's.
func (d *docker) removeOrphans(ctx context.Context) {
	host, err := os.Hostname()
	if err != nil {
		return
	}
	_ = d.remove(ctx, func(labels map[string]string) bool {
		pid, err := strconv.ParseInt(labels[pidLabel], 10, 32)
		if err != nil || labels[hostLabel] != host {
			return false
		}
		alive, err := process.PidExistsWithContext(ctx, int32(pid))
		return err == nil && !alive
	})
}

// remove removes the containers, networks and volumes of labs whose labels match, whatever they are doing.
func (d *docker) remove(ctx context.Context, match func(labels map[string]string) bool) error {
	filters := client.Filters{}.Add("label", labLabel)
	containers, err := d.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return fmt.Errorf("what the lab made cannot be listed, remove it by its label %s: %w", labLabel, err)
	}
	var g errgroup.Group
	for _, c := range containers.Items {
		if match(c.Labels) {
			g.Go(func() error {
				_, err := d.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
				return ignoreGone(err)
			})
		}
	}
	err = g.Wait()
	networks, listErr := d.api.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	err = errors.Join(err, listErr)
	for _, n := range networks.Items {
		if match(n.Labels) {
			_, removeErr := d.api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			err = errors.Join(err, ignoreGone(removeErr))
		}
	}
	volumes, listErr := d.api.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
	err = errors.Join(err, listErr)
	for _, v := range volumes.Items {
		if match(v.Labels) {
			_, removeErr := d.api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{})
			err = errors.Join(err, ignoreGone(removeErr))
		}
	}
	return err
}

// ignoreGone drops the errors that say that something is removed or just being removed.
func ignoreGone(err error) error {
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return err
}

// containerUnit is a node that is a container.
type containerUnit struct {
	api      *testcontainers.DockerClient
	ctr      testcontainers.Container
	node     *Node
	networks map[string][]string // its aliases by network

	mu        sync.Mutex
	addresses map[string]string // by the port's number in the container
}

// follow delivers the container's output and its end.
func (c *containerUnit) follow(life context.Context, output client.ContainerAttachResult, ended client.ContainerWaitResult) {
	defer context.AfterFunc(life, output.Close)()
	defer output.Close()
	stdout := &lineWriter{line: func(text string) { c.node.emit(false, text) }}
	stderr := &lineWriter{line: func(text string) { c.node.emit(true, text) }}
	_, _ = stdcopy.StdCopy(stdout, stderr, output.Reader) // the end of the stream, however it comes, is the end
	stdout.end()
	stderr.end()
	select {
	case result := <-ended.Result:
		// Engine 20.10 tells the end before it gives the ports back, which a successor wants, and answers this after that.
		_, _ = c.ctr.State(life)
		c.node.finish(int(result.StatusCode), nil)
	case err := <-ended.Error:
		c.node.finish(0, err)
	}
}

// findAddresses asks the engine at which addresses of this machine the published ports are.
func (c *containerUnit) findAddresses(ctx context.Context) error {
	addresses := map[string]string{}
	for _, port := range c.node.Spec.service.Ports {
		address, err := c.ctr.PortEndpoint(ctx, target(port)+"/tcp", "")
		if err != nil {
			if state, stateErr := c.ctr.State(ctx); stateErr == nil && !state.Running {
				return nil // it has ended already; its exit code says why
			}
			return err
		}
		// The library's host is a guess about where the engine is. The engine of this machine publishes where the file says.
		if port.HostIP != "" && isLocal(c.api) {
			if _, number, err := net.SplitHostPort(address); err == nil {
				address = net.JoinHostPort(port.HostIP, number)
			}
		}
		addresses[target(port)] = address
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses = addresses
	return nil
}

// isLocal tells whether the engine publishes ports on this machine.
func isLocal(api *testcontainers.DockerClient) bool {
	engine := api.DaemonHost()
	return strings.HasPrefix(engine, "unix:") || strings.HasPrefix(engine, "npipe:")
}

func (c *containerUnit) addr(target string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addresses[target]
}

func (c *containerUnit) probe(ctx context.Context) error {
	err := wait.ForHealthCheck().WithStartupTimeout(c.node.Spec.probeTimeout()).WaitUntilReady(ctx, c.ctr)
	if state, stateErr := c.ctr.State(ctx); err != nil && stateErr == nil && !state.Running {
		select { // the exit code and the last lines, which say more, are on their way
		case <-c.node.done:
		case <-ctx.Done():
		}
	}
	return err
}

func (c *containerUnit) stop(ctx context.Context) error {
	if err := c.ctr.Stop(ctx, nil); err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return c.kill(context.WithoutCancel(ctx))
	}
	return nil
}

func (c *containerUnit) kill(ctx context.Context) error {
	_, err := c.api.ContainerKill(ctx, c.ctr.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
	return ignoreGone(err) // a conflict: it does not run any more
}

// pause tries more than once: while a process is just being started in the container, for a health check for instance,
// engines with the first kind of control groups cannot freeze it and give up.
func (c *containerUnit) pause(ctx context.Context) error {
	for tries := 1; ; tries++ {
		_, err := c.api.ContainerPause(ctx, c.ctr.GetContainerID(), client.ContainerPauseOptions{})
		if err == nil || tries == 10 || !strings.Contains(err.Error(), "unable to freeze") {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *containerUnit) unpause(ctx context.Context) error {
	_, err := c.api.ContainerUnpause(ctx, c.ctr.GetContainerID(), client.ContainerUnpauseOptions{})
	return err
}

func (c *containerUnit) disconnect(ctx context.Context) error {
	for name := range c.networks {
		options := client.NetworkDisconnectOptions{Container: c.ctr.GetContainerID()}
		if _, err := c.api.NetworkDisconnect(ctx, name, options); err != nil {
			return err
		}
	}
	return nil
}

func (c *containerUnit) reconnect(ctx context.Context) error {
	for name, aliases := range c.networks {
		_, err := c.api.NetworkConnect(ctx, name, client.NetworkConnectOptions{
			Container: c.ctr.GetContainerID(), EndpointConfig: &network.EndpointSettings{Aliases: aliases},
		})
		if err != nil {
			return err
		}
	}
	return c.findAddresses(ctx)
}

// memory counts as `docker stats` does.
func (c *containerUnit) memory(ctx context.Context) (uint64, error) {
	result, err := c.api.ContainerStats(ctx, c.ctr.GetContainerID(), client.ContainerStatsOptions{})
	if err != nil {
		return 0, err
	}
	defer result.Body.Close()
	var stats container.StatsResponse
	if err := json.NewDecoder(result.Body).Decode(&stats); err != nil {
		return 0, err
	}
	usage := stats.MemoryStats.Usage
	for _, cache := range []string{"total_inactive_file", "inactive_file"} { // of control groups v1 and v2
		if bytes, ok := stats.MemoryStats.Stats[cache]; ok {
			return usage - min(bytes, usage), nil
		}
	}
	return usage, nil
}
