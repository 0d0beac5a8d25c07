package topology

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Where a container has what it shares with this machine.
const (
	// transcripts is a bind mount of the node's folder, where the engine sees that.
	transcripts = "/transcripts"
	// copies is a volume of the container's own, where the engine does not see this machine's
	// folders: it is another machine's, or the lab itself is in a container. Files can be copied
	// into a volume even if all else is read-only.
	copies = "/pubsublab"
	// written is the part of copies that the node may write into.
	written = "node"
)

// copyPause is the time between two looks at a transcript that has to be copied out of its
// container.
const copyPause = 100 * time.Millisecond

// shared is what a node shares with this machine.
type shared struct {
	binds  []types.ServiceVolumeConfig
	others []types.ServiceVolumeConfig // named volumes
	copied bool                        // copied into the container, rather than bound
	mark   string                      // of a subscriber: a file in its folder, to be found in the container
}

// shared prepares the mounts of a node. Files that are only read are copied first to where any user
// may read them: a container's is not this one's, and a checkout may be closed to others.
func (r *dockerRuntime) shared(n *Node, dir string, copied bool) (shared, error) {
	found := shared{copied: copied}
	if n.Spec.Role == Subscriber && !copied {
		found.mark = filepath.Join(dir, ".mark")
		if err := os.WriteFile(found.mark, []byte(r.deployment.id), 0o600); err != nil {
			return found, err
		}
	}
	mounts, err := n.Spec.mounts(dir)
	if err != nil {
		return found, err
	}
	for _, m := range mounts {
		if m.Type == types.VolumeTypeVolume {
			found.others = append(found.others, m)
			continue
		}
		info, err := os.Stat(m.Source)
		if err != nil {
			return found, err
		}
		if m.ReadOnly && info.Mode().IsRegular() && !copied {
			if m.Source, err = r.readable(m.Source, n.Spec.Name+"-"+strconv.Itoa(len(found.binds))); err != nil {
				return found, err
			}
		}
		found.binds = append(found.binds, m)
	}
	return found, nil
}

// seesFiles returns an error where the created container lacks a file of this machine that it
// should have. Docker says that a folder is missing; Podman makes it, on its own machine. What one
// container had is not asked of the others.
func (c *containerNode) seesFiles(ctx context.Context, parts shared) error {
	if c.docker.sees.Load() {
		return nil
	}
	for here, there := range parts.files() {
		info, err := os.Stat(here)
		if err != nil {
			return err
		}
		found, err := c.api.ContainerStatPath(ctx, c.ctr.GetContainerID(), client.ContainerStatPathOptions{Path: there})
		if err != nil || found.Stat.Mode.IsDir() || found.Stat.Size != info.Size() {
			return fmt.Errorf("the engine does not see %s of this machine", here)
		}
		c.docker.sees.Store(true)
	}
	return nil
}

// files are those of this machine that a container should have, and where.
func (c shared) files() map[string]string {
	files := map[string]string{}
	if c.mark != "" {
		files[c.mark] = path.Join(transcripts, path.Base(filepath.ToSlash(c.mark)))
	}
	for _, m := range c.binds {
		if info, err := os.Stat(m.Source); err == nil && info.Mode().IsRegular() {
			files[m.Source] = m.Target
		}
	}
	return files
}

// readable copies a file into a folder that only the engine and this user can enter, with a mode
// that lets the container's user read it.
func (r *dockerRuntime) readable(source, name string) (string, error) {
	content, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(r.deployment.dir, ".files")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	target := filepath.Join(dir, name)
	if err := os.WriteFile(target, content, 0o600); err != nil {
		return "", err
	}
	return target, os.Chmod(target, 0o444)
}

// rewriter turns the targets of copied mounts into where the copies are.
func (c shared) rewriter() rewriter {
	if !c.copied {
		return rewriter{}
	}
	var w rewriter
	for i, m := range c.binds {
		m.Source = path.Join(copies, strconv.Itoa(i))
		w.mounts = append(w.mounts, m)
	}
	return w
}

// output is where the node writes its transcript, as its own path.
func (c shared) output() string {
	if c.copied {
		return path.Join(copies, written, transcriptName)
	}
	return path.Join(transcripts, transcriptName)
}

// archive packs what is copied into a container, readable by everyone.
func (c shared) archive() (*bytes.Buffer, error) {
	var packed bytes.Buffer
	out := tar.NewWriter(&packed)
	err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: written + "/", Mode: 0o777})
	for i, m := range c.binds {
		err = errors.Join(err, pack(out, m.Source, strconv.Itoa(i)))
	}
	return &packed, errors.Join(err, out.Close())
}

// pack packs a file, or a folder with what is in it, under a name.
func pack(out *tar.Writer, source, name string) error {
	return filepath.WalkDir(source, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(source, at)
		if err != nil {
			return err
		}
		header := tar.Header{Typeflag: tar.TypeDir, Name: path.Join(name, filepath.ToSlash(below)), Mode: 0o755}
		if entry.IsDir() {
			return out.WriteHeader(&header)
		}
		content, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		header.Typeflag, header.Mode, header.Size = tar.TypeReg, 0o444, int64(len(content))
		if err := out.WriteHeader(&header); err != nil {
			return err
		}
		_, err = out.Write(content)
		return err
	})
}

// copyTranscript copies what a subscriber writes to the node's folder on this machine as it grows,
// until end is closed, and then all the rest.
func (c *containerNode) copyTranscript(ctx context.Context, end <-chan struct{}) error {
	target, err := os.OpenFile(c.node.Transcript(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer target.Close()
	var copied int64
	for ended := false; ; {
		began := time.Now()
		size, err := c.copyRest(ctx, target, copied)
		copied += size
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case ended && err != nil:
			return fmt.Errorf("its transcript cannot be copied from the engine: %w", err)
		case ended && size == 0:
			return nil
		case ended:
			continue
		}
		select {
		case <-end:
			ended = true
		case <-time.After(max(copyPause, 2*time.Since(began))): // a long one takes its time, and the engine's
		case <-ctx.Done():
		}
	}
}

// copyRest appends what the transcript has beyond its first so many bytes, and returns how many
// that were. What was written in the meantime may be missing. No transcript is an empty one.
func (c *containerNode) copyRest(ctx context.Context, target io.Writer, have int64) (int64, error) {
	source := path.Join(copies, written, transcriptName)
	stat, err := c.api.ContainerStatPath(ctx, c.ctr.GetContainerID(), client.ContainerStatPathOptions{Path: source})
	if errdefs.IsNotFound(err) || err == nil && stat.Stat.Size <= have {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	result, err := c.api.CopyFromContainer(ctx, c.ctr.GetContainerID(), client.CopyFromContainerOptions{SourcePath: source})
	if err != nil {
		return 0, err
	}
	defer result.Content.Close()
	packed := tar.NewReader(result.Content)
	if _, err := packed.Next(); err != nil {
		return 0, err
	}
	if _, err := io.CopyN(io.Discard, packed, have); err != nil {
		return 0, err
	}
	return io.Copy(target, packed)
}
