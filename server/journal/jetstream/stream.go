package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// What the stream's metadata tells.
const (
	metaID     = "pubsublab-journal"
	metaFormat = "pubsublab-format"
	metaNames  = "pubsublab-checkpoints"
	metaCopy   = "pubsublab-copy" // a copyState, while that is not complete
)

// subject is where the entries of a stream are published.
func subject(stream string) string { return stream + ".entries" }

// prepare finds or creates the stream and the bucket for snapshots, and loads what there is to know
// of the order before it is read on.
func (j *Journal) prepare(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	stream, err := j.stream(ctx)
	if err != nil {
		return err
	}
	info := stream.CachedInfo()
	if err := j.cfg.origin.owns(&info.Config); err != nil {
		return err
	}
	if err := j.claim(ctx, info.Config); err != nil {
		return err
	}
	if err := check(&info.Config, j.cfg.origin != nil, int64(4*j.cfg.every)); err != nil {
		return err
	}
	j.id = info.Config.Metadata[metaID]
	j.names, _ = strconv.ParseUint(info.Config.Metadata[metaNames], 10, 64)
	j.format, _ = strconv.Atoi(info.Config.Metadata[metaFormat])
	if j.format == lastRunOnly {
		j.log.Warn("the stream was made by an earlier version: of publishers with one name at several brokers it knows only one; a new stream knows all",
			"stream", j.cfg.Stream)
	}
	j.bucket, err = j.objectStore(ctx, info.Config.Replicas)
	if err != nil {
		return err
	}
	bucket, err := j.js.Stream(ctx, "OBJ_"+bucketName(j.cfg.Stream))
	if err != nil {
		return err
	}
	if err := j.trySnapshot(ctx, bucket); err != nil {
		return err
	}
	if err := j.sweep(ctx, bucket, 2*saveTimeout); err != nil {
		return err
	}
	j.log.Info("using the stream", "stream", info.Config.Name, "journal", j.id, "server", j.nc.ConnectedAddr(),
		"replicas", info.Config.Replicas, "max_bytes", info.Config.MaxBytes, "first", info.State.FirstSeq, "last", info.State.LastSeq)
	if o := j.cfg.origin; o != nil && o.state.Producer == "" { // nothing was copied yet
		if err := j.saveOrigin(ctx); err != nil {
			return err
		}
	}
	j.sequencer, err = j.firstSequencer(ctx, info.State.FirstSeq)
	return err
}

func (j *Journal) stream(ctx context.Context) (jetstream.Stream, error) {
	stream, err := j.js.Stream(ctx, j.cfg.Stream)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return stream, err
	}
	cfg := jetstream.StreamConfig{
		Name:        j.cfg.Stream,
		Description: "The order of Pub/Sub Lab",
		Subjects:    []string{subject(j.cfg.Stream)},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    j.cfg.Size,
		Replicas:    j.cfg.Replicas,
		Metadata: map[string]string{
			metaID: journal.NewID(), metaFormat: strconv.Itoa(j.cfg.format),
			metaNames: strconv.FormatUint(snapshotNames(j.cfg.Size, j.cfg.every), 10),
		},
	}
	j.cfg.origin.mark(&cfg)
	stream, err = j.js.CreateStream(ctx, cfg)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another broker was first
		return j.js.Stream(ctx, j.cfg.Stream)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot create the stream, of %d MiB: %w", j.cfg.Size>>20, err)
	}
	return stream, nil
}

// check reports what is wrong with the settings of a stream. It may keep as many bytes as its owner
// wants; other limits could leave it without a snapshot to begin with.
func check(c *jetstream.StreamConfig, copying bool, minSize int64) error {
	id := c.Metadata[metaID]
	if protocol.CheckName(id) != nil {
		return unusable("the stream %s was not made for a journal: its metadata has no %s", c.Name, metaID)
	}
	if f := c.Metadata[metaFormat]; f != strconv.Itoa(format) && f != strconv.Itoa(lastRunOnly) {
		return unusable("the stream %s: its %s in the metadata is %q, expected \"%d\" or \"%d\"", c.Name, metaFormat, f, lastRunOnly, format)
	}
	for _, setting := range []struct {
		name      string
		got, want string
	}{
		{"storage", c.Storage.String(), jetstream.FileStorage.String()},
		{"retention", c.Retention.String(), jetstream.LimitsPolicy.String()},
		{"discard policy", c.Discard.String(), jetstream.DiscardOld.String()},
		{"persist mode", c.PersistMode.String(), jetstream.DefaultPersistMode.String()},
		{"no_ack", strconv.FormatBool(c.NoAck), "false"},
		{"number of subjects", strconv.Itoa(len(c.Subjects)), "1"},
		{"max_age", c.MaxAge.String(), "0s"},
		{"max_msgs", strconv.FormatInt(max(c.MaxMsgs, -1), 10), "-1"},
		{"max_msgs_per_subject", strconv.FormatInt(max(c.MaxMsgsPerSubject, -1), 10), "-1"},
	} {
		if setting.got != setting.want {
			return unusable("the stream %s: its %s is %q, expected %q", c.Name, setting.name, setting.got, setting.want)
		}
	}
	if c.Subjects[0] != subject(c.Name) && !copying {
		return unusable("the stream %s: its subject is %q, expected %q", c.Name, c.Subjects[0], subject(c.Name))
	}
	if n, err := strconv.ParseUint(c.Metadata[metaNames], 10, 64); err != nil || n == 0 || n > maxSnapshots {
		return unusable("the stream %s: %s in its metadata is %q, expected 1 to %d", c.Name, metaNames, c.Metadata[metaNames], maxSnapshots)
	}
	if least := int32(2*protocol.MaxLine + headerRoom); c.MaxMsgSize > 0 && c.MaxMsgSize < least {
		return unusable("the stream %s: its max_msg_size is %d, expected at least %d", c.Name, c.MaxMsgSize, least)
	}
	if c.MaxBytes > 0 && c.MaxBytes < minSize {
		return unusable("the stream %s: it keeps %d bytes, expected at least %d", c.Name, c.MaxBytes, minSize)
	}
	return nil
}

// bucketName is the name of the object store that keeps the snapshots of a stream.
func bucketName(stream string) string { return stream + "-checkpoints" }

func (j *Journal) objectStore(ctx context.Context, replicas int) (jetstream.ObjectStore, error) {
	name := bucketName(j.cfg.Stream)
	bucket, err := j.js.ObjectStore(ctx, name)
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return bucket, err
	}
	size := int64(j.names+spareSnapshots) * maxSnapshot
	bucket, err = j.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: name, Description: "Where reading the stream " + j.cfg.Stream + " can begin", Replicas: replicas, MaxBytes: size,
	})
	if errors.Is(err, jetstream.ErrBucketExists) { // another broker was first
		return j.js.ObjectStore(ctx, name)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot create %s, of %d MiB: %w", name, size>>20, err)
	}
	return bucket, nil
}
