package topology

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// The times between two runs of a health check while a node starts: the first, which then doubles,
// and the longest. In a container a run takes some hundredths of a second of a processor.
const firstProbePause, longestProbePause = 50 * time.Millisecond, 400 * time.Millisecond

// probeUntilHealthy runs a health check, as an engine would but more often, until it passes or the
// file's time for it is over. Engines are not relied on: a Podman without systemd's timers never
// runs a check.
func (s *Spec) probeUntilHealthy(ctx context.Context, check func(context.Context) (said []byte, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.probeTimeout())
	defer cancel()
	var reason error
	for pause := firstProbePause; ; pause = min(2*pause, longestProbePause) {
		said, err := check(ctx)
		if err == nil {
			return nil
		}
		if reason == nil || ctx.Err() == nil { // one that is cut off by the end knows no reason
			reason = fmt.Errorf("its health check says: %s (%w)", bytes.TrimSpace(said), err)
		}
		select {
		case <-ctx.Done():
			return reason
		case <-time.After(pause):
		}
	}
}

// check runs the health check once, in the container.
func (c *containerNode) check(ctx context.Context) (said []byte, err error) {
	created, err := c.api.ExecCreate(ctx, c.ctr.GetContainerID(), client.ExecCreateOptions{
		Cmd: c.node.Spec.service.HealthCheck.Test[1:], AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, err
	}
	attached, err := c.api.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return nil, err
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	var output bytes.Buffer
	_, _ = stdcopy.StdCopy(&output, &output, attached.Reader) // the end of the stream, however it comes, is the end
	for {
		// The stream may end before the engine has noted the end.
		result, err := c.api.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
		switch {
		case err != nil:
			return output.Bytes(), err
		case !result.Running && result.ExitCode == 0:
			return output.Bytes(), nil
		case !result.Running:
			return output.Bytes(), fmt.Errorf("exit code %d", result.ExitCode)
		}
		select {
		case <-time.After(firstProbePause):
		case <-ctx.Done():
			return output.Bytes(), context.Cause(ctx)
		}
	}
}
