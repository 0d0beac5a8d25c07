package engine

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

// Labels of what is made on an engine.
const (
	// OwnerLabel is on everything: which running program made it, by the name of its folder.
	OwnerLabel = "pubsublab.owner"
	leaseLabel = "pubsublab.lease" // likewise, on the owner's leases
)

// An owner renews its lease every leaseBeat, and counts as dead when it has not for leaseTime.
const (
	leaseBeat = 10 * time.Second
	leaseTime = time.Minute
)

// A Lease shows, on the engine, that the owner of what carries its label lives. It is an empty
// volume that is replaced by a younger one again and again: its age, by the engine's own clock, is
// all it says.
//
// Programs that share an engine may share nothing else: not the machine, the PID namespace nor the
// file system. Labels cannot be changed, and a held connection is not to be seen by others. A
// container that ends with a connection would be, but is one more in everybody's list, takes an
// image that can wait for its end, and costs a start.
type Lease struct {
	api   *client.Client
	owner string
	made  []string // the volumes, the oldest first; owned by the goroutine that renews
	end   context.CancelFunc
	ended sync.WaitGroup
}

// HoldLease makes the first lease of the owner of a folder, and renews it until Release.
func HoldLease(ctx context.Context, api *client.Client, own *Folder) (*Lease, error) {
	l := &Lease{api: api, owner: own.Name()}
	if err := l.renew(ctx, 1); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	l.end = end
	l.ended.Go(func() {
		tick := time.NewTicker(leaseBeat)
		defer tick.Stop()
		for n := 2; ; n++ {
			select {
			case <-tick.C:
				_ = l.renew(life, n) // or else at the next beat
			case <-life.Done():
				return
			}
		}
	})
	return l, nil
}

// renew makes the n-th volume. The one before the last is removed: who lists while that happens
// sees at least one.
func (l *Lease) renew(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTime/2)
	defer cancel()
	made, err := l.api.VolumeCreate(ctx, client.VolumeCreateOptions{
		Name: l.owner + "-lease-" + strconv.Itoa(n), Labels: map[string]string{leaseLabel: l.owner, OwnerLabel: l.owner},
	})
	if err != nil {
		return err
	}
	l.made = append(l.made, made.Volume.Name)
	if len(l.made) > 2 {
		if _, err = l.api.VolumeRemove(ctx, l.made[0], client.VolumeRemoveOptions{}); IgnoreGone(err) == nil {
			l.made = l.made[1:]
		}
	}
	return err
}

// Release ends the lease. What the owner made must be gone.
func (l *Lease) Release(ctx context.Context) error {
	l.end()
	l.ended.Wait()
	var err error
	for _, name := range l.made {
		if _, removeErr := l.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{}); IgnoreGone(removeErr) != nil {
			err = removeErr
		}
	}
	return err
}

// Owner is the value of [OwnerLabel] on what is made under this lease.
func (l *Lease) Owner() string { return l.owner }

// Leases are those of everyone who uses an engine.
type Leases struct {
	renewed map[string]time.Time // by owner
	now     time.Time            // by the engine's clock: when the youngest was made
}

// ReadLeases asks the engine. Who wants to know whose the things are that it lists must ask
// afterwards: whoever made something had a lease before.
func ReadLeases(ctx context.Context, api *client.Client) (Leases, error) {
	l := Leases{renewed: map[string]time.Time{}}
	list, err := api.VolumeList(ctx, client.VolumeListOptions{Filters: client.Filters{}.Add("label", leaseLabel)})
	if err != nil {
		return l, err
	}
	for _, v := range list.Items {
		owner := v.Labels[leaseLabel]
		made, err := time.Parse(time.RFC3339, v.CreatedAt)
		if owner == "" || err != nil {
			continue
		}
		if made.After(l.renewed[owner]) {
			l.renewed[owner] = made
		}
		if made.After(l.now) {
			l.now = made
		}
	}
	return l, nil
}

// Dead reports whether an owner is dead: its folder says so, at once; or, where that is not to be
// seen from here, it has not renewed its lease for long. The caller holds a lease, or else nobody
// is dead.
func (l Leases) Dead(owner string) bool {
	switch livenessOf(owner) {
	case alive:
		return false
	case dead:
		return true
	default:
		return l.now.Sub(l.renewed[owner]) > leaseTime && !l.now.IsZero()
	}
}

// Others reports whether anybody with a lease lives but that owner.
func (l Leases) Others(owner string) bool {
	for other := range l.renewed {
		if other != owner && !l.Dead(other) {
			return true
		}
	}
	return false
}
