package jetstream

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// maxCheckpoints is how many are kept of a stream that keeps any size.
const maxCheckpoints = 1 << 15

// In a checkpoint's metadata: the sequence number of the last message before it,
// and the position of the first line after it.
const (
	metaSeq  = "sequence"
	metaNext = "next"
)

// checkpointNames returns how many checkpoints are kept, the newest, of a stream
// that keeps so many bytes: enough to reach back to its beginning, with something
// to spare for messages that take less in the stream than is counted here.
func checkpointNames(keeps int64, every int) uint64 {
	if keeps <= 0 {
		return maxCheckpoints
	}
	return min(2*uint64(keeps)/uint64(every), maxCheckpoints)
}

// saveCheckpoint saves what is known now. All brokers know the same here, and
// one is enough to save it: the one whose message it is.
func (j *Journal) saveCheckpoint() {
	if !j.saving.CompareAndSwap(false, true) {
		return // there will be another one
	}
	o := j.order
	seq, next, data := o.seq, o.next, o.save(j.id)
	name := strconv.FormatUint(o.checkpoints%j.names, 10)
	j.running.Go(func() {
		defer j.saving.Store(false)
		ctx, cancel := context.WithTimeout(j.ctx, 6*answerTimeout)
		defer cancel()
		_, err := j.bucket.Put(ctx, jetstream.ObjectMeta{
			Name: name, Metadata: map[string]string{
				metaID: j.id, metaSeq: strconv.FormatUint(seq, 10), metaNext: strconv.FormatUint(next, 10),
			},
		}, bytes.NewReader(data))
		if err != nil && j.ctx.Err() == nil {
			j.log.Warn("cannot save a checkpoint", "sequence", seq, "error", err)
		}
	})
}

// saved is a checkpoint that can be loaded.
type saved struct {
	name string // "" for the beginning of the stream, which needs none
	seq  uint64
	next uint64
}

// listCheckpoints returns those of this order that the messages kept by the
// stream follow on, when kept is the first of these, oldest first. The beginning
// of the stream is one of them.
func (j *Journal) listCheckpoints(ctx context.Context, kept uint64) ([]saved, error) {
	objects, err := j.bucket.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, err
	}
	var list []saved
	if kept <= 1 {
		list = append(list, saved{next: 1})
	}
	for _, o := range objects {
		seq, err := strconv.ParseUint(o.Metadata[metaSeq], 10, 64)
		next, nextErr := strconv.ParseUint(o.Metadata[metaNext], 10, 64)
		if o.Metadata[metaID] == j.id && err == nil && nextErr == nil && seq+1 >= kept { // others are of a stream that is gone
			list = append(list, saved{o.Name, seq, next})
		}
	}
	slices.SortFunc(list, func(a, b saved) int { return cmp.Compare(a.seq, b.seq) })
	return list, nil
}

// firstOrder returns what a broker that starts has to know: at a checkpoint far
// enough from the end to fill its history, or as far as the stream reaches.
func (j *Journal) firstOrder(ctx context.Context, kept uint64) (*order, error) {
	list, err := j.listCheckpoints(ctx, kept)
	if err != nil {
		return nil, err
	}
	back := min(j.cfg.History/j.cfg.every+2, len(list))
	return j.loadFirst(ctx, list[len(list)-back:], kept)
}

// loadCheckpoint loads the oldest that the message with the number kept, or a
// later one, follows on.
func (j *Journal) loadCheckpoint(ctx context.Context, kept uint64) (*order, error) {
	list, err := j.listCheckpoints(ctx, kept)
	if err != nil {
		return nil, err
	}
	return j.loadFirst(ctx, list, kept)
}

// errReplaced says that there are newer checkpoints than those in a list.
var errReplaced = errors.New("the checkpoints have been replaced meanwhile")

// loadFirst loads the first in the list that is still there.
func (j *Journal) loadFirst(ctx context.Context, list []saved, kept uint64) (*order, error) {
	for _, s := range list {
		if s.name == "" {
			return newOrder(j.cfg.every), nil
		}
		data, err := j.bucket.GetBytes(ctx, s.name)
		if errors.Is(err, jetstream.ErrObjectNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		o, err := loadOrder(data, j.id, j.cfg.every)
		if err != nil {
			return nil, unusable("the checkpoint %s of the stream %s: %v", s.name, j.cfg.Stream, err)
		}
		if o.seq == s.seq { // another one may have taken its name
			return o, nil
		}
	}
	if len(list) > 0 {
		return nil, errReplaced
	}
	return nil, unusable("the stream %s keeps its messages from number %d on, and there is no checkpoint to begin with", j.cfg.Stream, kept)
}
