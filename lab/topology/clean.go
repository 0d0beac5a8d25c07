package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"pubsublab/lab/internal/engine"
)

// A Leftover is something on an engine that a lab made, or a build of the Dockerfiles, and that can
// go.
type Leftover struct {
	Kind string // "container", "network", "volume" or "image"
	Name string
	Size int64 // of an image, in bytes, with the layers that it shares with others; else 0
	Kept error // why it stays; nil where it is removed, or would be
}

// Clean removes what labs left on the engine: everything of those that were killed, and images: the
// built ones, the stages of builds that are kept as a cache, and the stand-ins. Images stay while a
// lab runs, which may start more nodes from them, and so do those that a container uses. Each thing
// is told to say, after the attempt. With dry nothing is removed. It returns how many bytes the
// engine needs less for its images, 0 where it does not tell.
func Clean(ctx context.Context, dry bool, say func(Leftover)) (freed int64, err error) {
	e, err := newEngine(ctx, Containers, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return e.backend.(*docker).clean(ctx, dry, say)
}

func (d *docker) clean(ctx context.Context, dry bool, say func(Leftover)) (freed int64, err error) {
	orphans, living, err := engine.Orphans(ctx, d.api.Client, d.lease)
	if err != nil {
		return 0, err
	}
	if !dry {
		err = orphans.Remove(ctx, d.api.Client)
	}
	for kind, all := range map[string][]engine.Belonging{"container": orphans.Containers, "network": orphans.Networks, "volume": orphans.Volumes} {
		for _, one := range all {
			say(Leftover{Kind: kind, Name: one.Name})
		}
	}
	before := d.imageBytes(ctx)
	if imagesErr := d.cleanImages(ctx, imageLabel, dry, living, say); imagesErr != nil {
		return 0, errors.Join(err, imagesErr)
	}
	return max(before-d.imageBytes(ctx), 0), err
}

// imageBytes is how much the engine keeps for images, each layer counted once, or 0 where it does
// not tell.
func (d *docker) imageBytes(ctx context.Context) int64 {
	usage, err := d.api.DiskUsage(ctx, client.DiskUsageOptions{Images: true})
	if err != nil {
		return 0
	}
	return usage.Images.TotalSize
}

var errLabRuns = errors.New("a lab runs, which may need it")

// cleanImages removes the images with a label, but for the names that others gave them.
func (d *docker) cleanImages(ctx context.Context, label string, dry, living bool, say func(Leftover)) error {
	list, err := d.api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", label)})
	if err != nil {
		return err
	}
	// The youngest first, for they may be made from older ones.
	slices.SortStableFunc(list.Items, func(a, b image.Summary) int { return cmp.Compare(b.Created, a.Created) })
	for _, made := range list.Items {
		_, hash, _ := strings.Cut(made.ID, ":")
		found := Leftover{Kind: "image", Name: fmt.Sprintf("%.12s, a stage of a build", hash), Size: made.Size}
		if what := made.Labels[imageLabel]; what != "build" {
			found.Name = fmt.Sprintf("%.12s, an older %s", hash, what)
		}
		names := slices.DeleteFunc(made.RepoTags, func(tag string) bool { return tag == "<none>:<none>" })
		ours := slices.DeleteFunc(slices.Clone(names), func(tag string) bool { return !strings.HasPrefix(tag, "pubsublab/") })
		switch {
		case len(ours) > 0:
			found.Name = strings.Join(ours, ", ")
		case len(names) > 0:
			continue // only others' names are left
		default:
			ours = []string{made.ID}
		}
		if living {
			found.Kept = errLabRuns
		} else if !dry {
			for _, name := range ours {
				if _, err := d.api.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true}); err != nil {
					found.Kept = errors.Join(found.Kept, oneLine(err))
				}
			}
		}
		say(found)
	}
	return ctx.Err()
}
