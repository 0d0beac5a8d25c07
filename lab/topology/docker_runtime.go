package topology

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"pubsublab/lab/internal/engine"
	"pubsublab/lab/internal/proc"
)

// docker runs nodes as containers.
type docker struct {
	at       engine.Endpoint
	api      *testcontainers.DockerClient
	provider *testcontainers.DockerProvider // of api
	lease    *engine.Lease
	sees     atomic.Bool // the engine sees this machine's folders: a container had one of its files
	copies   atomic.Bool // files are copied into containers: the engine does not see them

	// guarded by Engine.building
	images   map[string]string // IDs of what was built, pulled or built in its place, by image name
	goImages map[string]string // what was found, by what was wanted
	told     map[string]bool   // settings that are not handed into builds, which was said
}

// close ends the lease: the deployments are closed.
func (d *docker) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), engine.RemoveTimeout)
	defer cancel()
	return errors.Join(d.lease.Release(ctx), d.api.Close())
}

// labLabel is on everything that is made on an engine: which deployment it belongs to.
const deploymentLabel = "pubsublab.lab"

// dockerRuntime is what the containers of one deployment share.
type dockerRuntime struct {
	docker     *docker
	deployment *Deployment
	labels     map[string]string
	networks   map[string]string // name on the engine by name in the file
	volumes    map[string]string // likewise
	freePort   func(ctx context.Context, ip string) (int, error)
}

// startTries is how often a container is started whose free ports somebody else takes meanwhile.
const startTries = 5

// portTaken matches how engines say so.
var portTaken = regexp.MustCompile(`port is already allocated|address already in use`)

func (d *docker) open(ctx context.Context, deployment *Deployment) (runtime, error) {
	r := &dockerRuntime{
		docker: d, deployment: deployment, networks: map[string]string{}, volumes: map[string]string{}, freePort: proc.FreePort,
		labels: map[string]string{deploymentLabel: deployment.id, engine.OwnerLabel: d.lease.Owner()},
	}
	for key, n := range deployment.topo.networks {
		name := "pubsublab-" + deployment.id + "-" + key
		_, err := d.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{Driver: n.Driver, Internal: n.Internal, Labels: r.labels})
		if err != nil {
			return r, fmt.Errorf("the network %s cannot be made: %w", key, err)
		}
		r.networks[key] = name
	}
	for _, key := range deployment.topo.volumes {
		name := "pubsublab-" + deployment.id + "-" + key
		if _, err := d.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: r.labels}); err != nil {
			return r, fmt.Errorf("the volume %s cannot be made: %w", key, err)
		}
		r.volumes[key] = name
	}
	return r, nil
}

// start binds folders of this machine into the container, unless that has failed before where
// copying them did not.
func (r *dockerRuntime) start(ctx context.Context, n *Node) (runningNode, error) {
	dir, err := r.deployment.folder(n.Spec.Name)
	if err != nil {
		return nil, err
	}
	parts, err := r.shared(n, dir, r.docker.copies.Load())
	if err != nil {
		return nil, err
	}
	c, err := r.run(ctx, n, dir, parts)
	for tries := 1; err != nil && tries < startTries && !r.deployment.opts.FilePorts && portTaken.MatchString(err.Error()); tries++ {
		c, err = r.run(ctx, n, dir, parts)
	}
	if err != nil && ctx.Err() == nil && !parts.copied && (len(parts.binds) > 0 || n.Spec.Role == Subscriber) {
		parts.copied = true
		again, againErr := r.run(ctx, n, dir, parts)
		switch {
		case againErr == nil:
			r.docker.copies.Store(true)
			c, err = again, nil
		case againErr.Error() != err.Error():
			err = fmt.Errorf("%w; and with its files copied into it: %w", err, againErr)
		}
	}
	if err != nil {
		return nil, err
	}
	return c, c.findAddresses(ctx)
}

// run creates and starts the container. Where that fails, nothing is left of it.
func (r *dockerRuntime) run(ctx context.Context, n *Node, dir string, parts shared) (*containerNode, error) {
	request, err := r.request(ctx, n, dir, parts)
	if err != nil {
		return nil, err
	}
	created, err := r.docker.provider.CreateContainer(ctx, request)
	if err != nil {
		return nil, err // one made half-way has the lab's label, by which it is removed
	}
	c := &containerNode{docker: r.docker, api: r.docker.api, at: r.docker.at, ctr: created, node: n, networks: request.NetworkAliases, copied: parts.copied}
	if err := c.launch(ctx, r.deployment.life, parts); err != nil {
		removeErr := engine.RemoveContainer(context.WithoutCancel(ctx), r.docker.api.Client, created.GetContainerID())
		return nil, errors.Join(err, removeErr)
	}
	return c, nil
}

func (r *dockerRuntime) close(ctx context.Context) error {
	return r.docker.removeDeployment(ctx, r.deployment.id)
}

// removeDeployment removes what was made for one deployment, running or not.
func (d *docker) removeDeployment(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, engine.RemoveTimeout)
	defer cancel()
	label := deploymentLabel + "=" + id
	found, err := engine.List(ctx, d.api.Client, label)
	if err != nil {
		return fmt.Errorf("what the lab made cannot be listed, remove it by its label %s: %w", label, err)
	}
	return found.Remove(ctx, d.api.Client)
}
