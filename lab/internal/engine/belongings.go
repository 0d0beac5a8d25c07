package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// RemoveTimeout bounds the removal of what a program made on an engine.
const RemoveTimeout = 30 * time.Second

// Belongings are what programs made on an engine.
type Belongings struct{ Containers, Networks, Volumes []Belonging }

// A Belonging is a container, a network or a volume.
type Belonging struct {
	ID, Name string
	Labels   map[string]string
}

// List lists what carries a label, NAME or NAME=VALUE.
func List(ctx context.Context, api *client.Client, label string) (found Belongings, err error) {
	filters := client.Filters{}.Add("label", label)
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return found, err
	}
	for _, c := range containers.Items {
		name := strings.TrimPrefix(strings.Join(c.Names, ","), "/")
		found.Containers = append(found.Containers, Belonging{ID: c.ID, Name: name, Labels: c.Labels})
	}
	networks, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	if err != nil {
		return found, err
	}
	for _, n := range networks.Items {
		found.Networks = append(found.Networks, Belonging{ID: n.ID, Name: n.Name, Labels: n.Labels})
	}
	volumes, err := api.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
	if err != nil {
		return found, err
	}
	for _, v := range volumes.Items {
		found.Volumes = append(found.Volumes, Belonging{ID: v.Name, Name: v.Name, Labels: v.Labels})
	}
	return found, nil
}

// Orphans lists what belongs to owners that were killed, and reports whether others than the holder
// of the lease live.
func Orphans(ctx context.Context, api *client.Client, lease *Lease) (found Belongings, living bool, err error) {
	if found, err = List(ctx, api, OwnerLabel); err != nil {
		return Belongings{}, false, err
	}
	leases, err := ReadLeases(ctx, api)
	if err != nil {
		return Belongings{}, false, err
	}
	for _, part := range []*[]Belonging{&found.Containers, &found.Networks, &found.Volumes} {
		*part = slices.DeleteFunc(*part, func(b Belonging) bool { return !leases.Dead(b.Labels[OwnerLabel]) })
	}
	return found, leases.Others(lease.Owner()), nil
}

// RemoveOrphans removes what programs left behind that were killed before they could do it
// themselves, within [RemoveTimeout]. It is a courtesy: its errors are not the caller's.
func RemoveOrphans(ctx context.Context, api *client.Client, lease *Lease) {
	ctx, cancel := context.WithTimeout(ctx, RemoveTimeout)
	defer cancel()
	if found, _, err := Orphans(ctx, api, lease); err == nil {
		_ = found.Remove(ctx, api)
	}
}

// Remove removes what was found, whatever it is doing. What is gone already is no error.
func (b Belongings) Remove(ctx context.Context, api *client.Client) error {
	var g errgroup.Group
	for _, c := range b.Containers {
		g.Go(func() error { return RemoveContainer(ctx, api, c.ID) })
	}
	err := g.Wait()
	for _, n := range b.Networks {
		err = errors.Join(err, removeNetwork(ctx, api, n.ID))
	}
	for _, v := range b.Volumes {
		_, removeErr := api.VolumeRemove(ctx, v.ID, client.VolumeRemoveOptions{})
		err = errors.Join(err, IgnoreGone(removeErr))
	}
	return err
}

// removeNetwork removes a network. Docker Engine 20.10 can keep the endpoint of a container that is gone,
// and says then that it is active until the engine is started anew: an empty network that is left for
// that reason is no error, and found by [RemoveOrphans] again.
func removeNetwork(ctx context.Context, api *client.Client, id string) error {
	_, err := api.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	if err != nil && strings.Contains(err.Error(), "has active endpoints") {
		if left, failed := api.NetworkInspect(ctx, id, client.NetworkInspectOptions{}); failed == nil && len(left.Network.Containers) == 0 {
			return nil
		}
	}
	return IgnoreGone(err)
}

// RemoveContainer removes a container with its own volumes, whatever it is doing. One that is gone
// already is no error.
func RemoveContainer(ctx context.Context, api *client.Client, id string) error {
	_, err := api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return IgnoreGone(err)
}

// SignalContainer sends a container's program a signal, SIGKILL for instance. One that does not run
// is left alone.
func SignalContainer(ctx context.Context, api *client.Client, id, signal string) error {
	_, err := api.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: signal})
	return IgnoreGone(err) // a conflict: it does not run any more
}

// IgnoreGone drops the errors that say that something is removed or just being removed, or that it
// has ended.
func IgnoreGone(err error) error {
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return err
}
