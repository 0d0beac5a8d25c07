package topology

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Restart starts a node again that has ended, as docker start does: the same container, or a process
// with the same arguments, ports and folder. What it left in its volumes is there. It returns when
// the node runs, and does not wait for its health check. The deployment was opened with
// [Options].Restarts. A node that runs is an error.
func (n *Node) Restart(ctx context.Context) error {
	if _, err := n.deployment.admit(nil); err != nil {
		return err
	}
	defer n.deployment.starting.Done()
	n.mu.Lock()
	run, back := n.run, n.back
	n.mu.Unlock()
	if run == nil || !n.ended() {
		return fmt.Errorf("%s has not ended", n.Spec.Name)
	}
	if err := run.restart(ctx); err != nil {
		return fmt.Errorf("%s does not start again: %w", n.Spec.Name, err)
	}
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *containerNode) restart(ctx context.Context) error {
	_, err := c.api.ContainerStart(ctx, c.ctr.GetContainerID(), client.ContainerStartOptions{})
	return err
}

// followOn follows a container that has ended whenever somebody starts it again, until life ends.
// It stays the same node: its volumes and its folder are the same, and what it wrote before it
// ended is still there.
func (c *containerNode) followOn(life context.Context) {
	id := c.ctr.GetContainerID()
	// Before the look at its state, so that no start is missed.
	starts := c.api.Events(life, client.EventsListOptions{Filters: client.Filters{}.Add("container", id).Add("event", "start")})
	for {
		if state, err := c.ctr.State(life); err == nil && state.Running {
			// From the end of the run before: on a busy machine a program has written its first lines
			// before the engine notes that it has started.
			c.followAgain(life, state.FinishedAt)
			continue
		}
		select {
		case <-starts.Messages:
		case <-starts.Err:
			return // the engine has gone away, or the deployment is closed
		}
	}
}

// followAgain follows one more run of the container, with what it has written since a time.
func (c *containerNode) followAgain(life context.Context, since string) {
	id := c.ctr.GetContainerID()
	_ = c.findAddresses(life) // they are new where the engine chose the ports; without them it can be followed all the same
	if c.node.Spec.typed {
		if attached, err := c.api.ContainerAttach(life, id, client.ContainerAttachOptions{Stream: true, Stdin: true}); err == nil {
			defer attached.Close()
			c.mu.Lock()
			c.stdin = attached.Conn
			c.mu.Unlock()
		}
	}
	c.node.restarted(c)
	ended := c.api.ContainerWait(life, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	output, err := c.api.ContainerLogs(life, id,
		client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true, Since: since})
	if err != nil {
		c.node.finish(End{}, err)
		return
	}
	defer output.Close()
	c.follow(life, output, ended)
}
