package topology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/lab/internal/engine"
)

// containerNode is a node that is a container.
type containerNode struct {
	docker   *docker
	api      *testcontainers.DockerClient
	at       engine.Endpoint
	ctr      testcontainers.Container
	node     *Node
	networks map[string][]string // its aliases by network
	copied   bool                // files are copied into and out of it

	mu        sync.Mutex
	addresses map[string]string // by the port's number in the container
	stdin     io.Writer         // where the node is typed
}

// launch starts the created container and everything that follows it.
func (c *containerNode) launch(ctx, life context.Context, parts shared) error {
	id := c.ctr.GetContainerID()
	if parts.copied {
		packed, err := parts.archive()
		if err != nil {
			return err
		}
		_, err = c.api.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: copies, Content: packed})
		if err != nil {
			return fmt.Errorf("files cannot be copied into it: %w", err)
		}
	} else if err := c.seesFiles(ctx, parts); err != nil {
		return err
	}
	// Before the start, so that neither the first line nor an early end is missed.
	output, err := c.api.ContainerAttach(life, id, client.ContainerAttachOptions{Stream: true, Stdin: c.node.Spec.typed, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	c.stdin = output.Conn
	waiting, cancel := context.WithCancel(life)
	ended := c.api.ContainerWait(waiting, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if err := c.ctr.Start(ctx); err != nil {
		output.Close()
		cancel()
		return err
	}
	go func() {
		defer cancel()
		defer context.AfterFunc(life, output.Close)()
		defer output.Close()
		c.follow(life, output.Reader, ended)
		if c.node.deployment.opts.Restarts {
			c.followOn(life)
		}
	}()
	return nil
}

// follow delivers the container's output, its transcript where that has to be copied, and its end.
func (c *containerNode) follow(life context.Context, output io.Reader, ended client.ContainerWaitResult) {
	closed := make(chan struct{})
	transcript := make(chan error, 1)
	if c.copied && c.node.Spec.Role == Subscriber {
		go func() { transcript <- c.copyTranscript(life, closed) }()
	} else {
		transcript <- nil
	}
	stdout := &lineWriter{line: func(text string) { c.node.emit(false, text) }}
	stderr := &lineWriter{line: func(text string) { c.node.emit(true, text) }}
	_, _ = stdcopy.StdCopy(stdout, stderr, output) // the end of the stream, however it comes, is the end
	stdout.end()
	stderr.end()
	select {
	case result := <-ended.Result:
		close(closed)
		// Engine 20.10 tells the end before it gives the ports back, which a replacement wants, and
		// answers this after that.
		state, err := c.ctr.State(life)
		c.node.finish(End{Code: int(result.StatusCode), OutOfMemory: err == nil && state.OOMKilled}, <-transcript)
	case err := <-ended.Error:
		close(closed)
		c.node.finish(End{}, errors.Join(err, <-transcript))
	}
}

// findAddresses asks the engine at which addresses of this machine the published ports are.
func (c *containerNode) findAddresses(ctx context.Context) error {
	addresses := map[string]string{}
	for _, port := range c.node.Spec.service.Ports {
		mapped, err := c.ctr.MappedPort(ctx, target(port)+"/tcp")
		if err != nil {
			if state, stateErr := c.ctr.State(ctx); stateErr == nil && !state.Running {
				return nil // it has ended already; its exit code says why
			}
			return err
		}
		host := port.HostIP // the engine of this machine publishes where the file says
		if !c.at.Local() {
			host = c.at.Machine()
		}
		if host == "" {
			if host, err = c.ctr.Host(ctx); err != nil {
				return err
			}
		}
		addresses[target(port)] = net.JoinHostPort(host, mapped.Port())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses = addresses
	return nil
}

func (c *containerNode) addr(target string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addresses[target]
}

func (c *containerNode) probe(ctx context.Context) error {
	return c.node.Spec.probeUntilHealthy(ctx, c.check)
}

func (c *containerNode) stop(ctx context.Context) error {
	if err := c.ctr.Stop(ctx, nil); err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return c.kill(context.WithoutCancel(ctx))
	}
	return nil
}

func (c *containerNode) kill(ctx context.Context) error {
	return engine.SignalContainer(ctx, c.api.Client, c.ctr.GetContainerID(), "SIGKILL")
}

// pause tries more than once: while a process is just being started in the container, for a health
// check for instance, engines with the first kind of control groups cannot freeze it and give up.
func (c *containerNode) pause(ctx context.Context) error {
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

func (c *containerNode) unpause(ctx context.Context) error {
	_, err := c.api.ContainerUnpause(ctx, c.ctr.GetContainerID(), client.ContainerUnpauseOptions{})
	return err
}

func (c *containerNode) disconnect(ctx context.Context) error {
	for name := range c.networks {
		options := client.NetworkDisconnectOptions{Container: c.ctr.GetContainerID()}
		if _, err := c.api.NetworkDisconnect(ctx, name, options); err != nil {
			return err
		}
	}
	return nil
}

func (c *containerNode) reconnect(ctx context.Context) error {
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

func (c *containerNode) input() io.Writer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stdin
}

// memory counts as `docker stats` does.
func (c *containerNode) memory(ctx context.Context) (uint64, error) {
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
