package jetstream

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// maxSnapshots is how many are kept of a stream that keeps any size.
const maxSnapshots = 1 << 15

// maxSnapshot is more than a snapshot has, in bytes, with all the runs and producers that are
// remembered.
const maxSnapshot = 5 << 20

// spareSnapshots is for how many more a bucket has room: one is replaced only when the next is
// complete, and a broker that dies meanwhile leaves a part of one.
const spareSnapshots = 8

// saveTimeout is how long it may take to save one.
const saveTimeout = 6 * answerTimeout

// In a snapshot's metadata: the sequence number of the last message before it, and the position of
// the first line after it.
const (
	metaSeq  = "sequence"
	metaNext = "next"
)

// snapshotNames returns how many snapshots are kept, the newest, of a stream that keeps so many
// bytes: enough to reach back to its beginning, with something to spare for messages that take less
// in the stream than is counted here.
func snapshotNames(keeps int64, every int) uint64 {
	if keeps <= 0 {
		return maxSnapshots
	}
	return min(2*uint64(keeps)/uint64(every), maxSnapshots)
}

// saveSnapshot saves what is known now. All brokers know the same here, and one is enough to save
// it: the one whose message it is. Where that fails it is tried again soon, with what is known by
// then: without snapshots, no broker can start any more when the stream has forgotten its
// beginning.
func (j *Journal) saveSnapshot() {
	if !j.saving.CompareAndSwap(false, true) {
		return // there will be another one
	}
	q := j.sequencer
	seq, next, snapshot := q.seq, q.next, q.snapshot(j.id)
	name := strconv.FormatUint(q.snapshots%j.names, 10)
	j.running.Go(func() {
		defer j.saving.Store(false)
		ctx, cancel := context.WithTimeout(j.ctx, saveTimeout)
		defer cancel()
		_, err := j.bucket.Put(ctx, jetstream.ObjectMeta{
			Name: name, Metadata: map[string]string{
				metaID: j.id, metaSeq: strconv.FormatUint(seq, 10), metaNext: strconv.FormatUint(next, 10),
			},
		}, bytes.NewReader(snapshot.encode()))
		switch {
		case err == nil && j.unsaved.CompareAndSwap(true, false):
			j.log.Info("snapshots can be saved again", "sequence", seq)
		case err != nil && j.ctx.Err() == nil:
			j.unsaved.Store(true)
			j.log.Warn("cannot save a snapshot, trying again", "sequence", seq, "error", err)
			select {
			case <-time.After(answerTimeout):
			case <-j.ctx.Done():
			}
		}
	})
}

// trySnapshot does with the bucket all that a snapshot takes, the second time in place of another
// one, and leaves nothing behind. Who may not do that is of no use, even if it is noticed only when
// the stream has forgotten its beginning.
func (j *Journal) trySnapshot(ctx context.Context, bucket jetstream.Stream) error {
	name := "try-" + j.producer
	// Large ones are sent under flow control, which what is tried here is too small for.
	if err := j.nc.Publish("$JS.FC.OBJ_"+bucketName(j.cfg.Stream)+"."+name, nil); err != nil {
		return err
	}
	var info *jetstream.ObjectInfo
	for range 2 {
		var err error
		if info, err = j.bucket.PutString(ctx, name, name); err != nil {
			return fmt.Errorf("cannot save snapshots: %w", err)
		}
	}
	if _, err := j.bucket.GetString(ctx, name); err != nil {
		return fmt.Errorf("cannot read snapshots: %w", err)
	}
	for _, subject := range []string{metas(j.cfg.Stream) + base64.URLEncoding.EncodeToString([]byte(name)), chunks(j.cfg.Stream) + info.NUID} {
		if err := bucket.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return fmt.Errorf("cannot replace snapshots: %w", err)
		}
	}
	return nil
}

// chunks and metas are how the subjects begin at which the bucket keeps what objects hold, and what
// is known of them.
func chunks(stream string) string { return "$O." + bucketName(stream) + ".C." }
func metas(stream string) string  { return "$O." + bucketName(stream) + ".M." }

// sweep deletes what is left of snapshots that were not completed, because their brokers died
// meanwhile, and is older than that: nothing else does, and a bucket has room for a few only.
func (j *Journal) sweep(ctx context.Context, bucket jetstream.Stream, older time.Duration) error {
	info, err := bucket.Info(ctx, jetstream.WithSubjectFilter(chunks(j.cfg.Stream)+">"))
	if err != nil {
		return err
	}
	left := info.State.Subjects
	objects, err := j.bucket.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return err
	}
	for _, o := range objects {
		delete(left, chunks(j.cfg.Stream)+o.NUID)
	}
	for subject := range left {
		msg, err := bucket.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if info.State.LastTime.Sub(msg.Time) < older {
			continue // somebody may be at it
		}
		if err := bucket.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return err
		}
		j.log.Info("deleted what was left of a snapshot that had not been completed", "subject", subject)
	}
	return nil
}

// saved is a snapshot that can be loaded.
type saved struct {
	name string // "" for the beginning of the stream, which needs none
	seq  uint64
	next uint64
}

// listSnapshots returns those of this order that the messages kept by the stream follow on, when
// kept is the first of these, oldest first. The beginning of the stream is one of them.
func (j *Journal) listSnapshots(ctx context.Context, kept uint64) ([]saved, error) {
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

// firstSequencer returns what a broker that starts has to know: at a snapshot far enough from the
// end to fill its history, or as far as the stream reaches.
func (j *Journal) firstSequencer(ctx context.Context, kept uint64) (*sequencer, error) {
	list, err := j.listSnapshots(ctx, kept)
	if err != nil {
		return nil, err
	}
	back := min(j.cfg.History/j.cfg.every+2, len(list))
	return j.loadFirst(ctx, list[len(list)-back:], kept)
}

// loadSnapshot loads the oldest that the message with the number kept, or a later one, follows on.
func (j *Journal) loadSnapshot(ctx context.Context, kept uint64) (*sequencer, error) {
	list, err := j.listSnapshots(ctx, kept)
	if err != nil {
		return nil, err
	}
	return j.loadFirst(ctx, list, kept)
}

// errReplaced says that there are newer snapshots than those in a list.
var errReplaced = errors.New("the snapshots have been replaced meanwhile")

// loadFirst loads the first in the list that is still there.
func (j *Journal) loadFirst(ctx context.Context, list []saved, kept uint64) (*sequencer, error) {
	for _, s := range list {
		if s.name == "" {
			return newSequencer(j.format, j.cfg.every), nil
		}
		data, err := j.bucket.GetBytes(ctx, s.name)
		if errors.Is(err, jetstream.ErrObjectNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		o, err := loadSequencer(data, j.id, j.format, j.cfg.every)
		if err != nil {
			return nil, unusable("the snapshot %s of the stream %s: %v", s.name, j.cfg.Stream, err)
		}
		if o.seq == s.seq { // another one may have taken its name
			return o, nil
		}
	}
	if len(list) > 0 {
		return nil, errReplaced
	}
	return nil, unusable("the stream %[1]s keeps its messages from number %[2]d on, and there is no snapshot to begin with: "+
		"has it been purged, or its snapshots deleted? Where another broker still uses it, start this one again when that has saved a snapshot, "+
		"after %[3]d MiB more; else delete the stream (nats stream rm %[1]s), and a new order begins at position 1", j.cfg.Stream, kept, j.cfg.every>>20)
}
