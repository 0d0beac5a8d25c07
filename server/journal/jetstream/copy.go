package jetstream

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"pubsublab/server/journal"
)

// Origin is a journal that is copied to a stream.
type Origin struct {
	ID    string
	First uint64 // the position of the oldest message
	Next  uint64 // of the one that would come next
	// Entries calls take with everything in its order, until that fails.
	Entries func(take func(*journal.Entry) error) error
}

// origin is what the journal of a copy knows; of others there is none.
type origin struct {
	id    string
	first uint64
	copy  string // which copy it is
}

// originSeq is a sequence number before all messages of a copy. The stream begins behind it, so
// that brokers look for a snapshot, which says at which position, instead of beginning at 1.
const originSeq = 1

// Copy makes a stream, which must not be there, of a journal: with its ID, its positions and what is
// known of publishers' runs. Times are those of the copy. Brokers refuse the stream until all of it
// is there; when Copy fails, what it has made stays, and has to be deleted before another try.
func Copy(ctx context.Context, cfg Config, from Origin) (err error) {
	cfg.origin = &origin{id: from.ID, first: from.First, copy: rand.Text()}
	j, err := Connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { j.Close(ctx) }()
	var failed atomic.Pointer[error]
	next := from.First
	err = from.Entries(func(e *journal.Entry) error {
		if e.Pos != next {
			return fmt.Errorf("there are no messages from position %d to %d", next, e.Pos-1)
		}
		next += uint64(e.Count)
		for rest := *e; ; {
			part := split(&rest, int(j.nc.MaxPayload())-headerRoom)
			if err := j.Append(ctx, part, func(err error) {
				if err != nil {
					failed.Store(&err)
				}
			}); err != nil {
				return err
			}
			if rest.Count == 0 {
				return nil
			}
		}
	})
	if err == nil {
		err = j.sync(ctx)
	}
	if first := failed.Load(); first != nil && err == nil {
		err = *first
	}
	if copied := j.Next(); err == nil && (copied != from.Next || next != from.Next) {
		err = fmt.Errorf("the stream goes on at position %d, and the journal at %d", copied, from.Next)
	}
	if err == nil {
		err = j.complete(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w. Brokers refuse the stream, because it is not complete: %s", errors.Join(err, context.Cause(j.ctx)), again(cfg.Stream))
	}
	return nil
}

func again(stream string) string {
	return fmt.Sprintf("delete it (nats stream rm %s), and copy again", stream)
}

// split takes as many lines off e as have so many bytes, or all of them.
func split(e *journal.Entry, most int) journal.Entry {
	part := *e
	if len(e.Lines) <= most {
		e.Count = 0
		return part
	}
	end := bytes.LastIndexByte(e.Lines[:most], '\n') + 1 // a line is shorter than that
	part.Lines = e.Lines[:end:end]
	part.Count = bytes.Count(part.Lines, []byte{'\n'})
	e.Lines = e.Lines[end:]
	e.Count -= part.Count
	e.First += uint64(part.Count)
	return part
}

// mark makes the settings of a new stream those of a copy, where there is one.
func (o *origin) mark(c *jetstream.StreamConfig) {
	if o != nil {
		c.Metadata[metaID], c.Metadata[metaCopy] = o.id, o.copy
		c.FirstSeq = originSeq + 1
	}
}

// owns reports what is wrong with a stream for this copy, or for a broker.
func (o *origin) owns(c *jetstream.StreamConfig) error {
	copy := c.Metadata[metaCopy]
	switch {
	case o == nil && copy == "", o != nil && copy == o.copy:
		return nil
	case copy != "":
		return unusable("the stream %s is not complete: a journal is being copied to it, or that was broken off; then %s", c.Name, again(c.Name))
	}
	return unusable("the stream %s is there already, and a journal can only be copied to a new one", c.Name)
}

// saveOrigin saves what is known before the first message of a copy. What is left of snapshots of a
// stream with that name, which is gone, goes too.
func (j *Journal) saveOrigin(ctx context.Context) error {
	objects, err := j.bucket.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return err
	}
	for _, o := range objects {
		if err := j.bucket.Delete(ctx, o.Name); err != nil {
			return err
		}
	}
	q := newSequencer(j.format, j.cfg.every)
	q.seq, q.next = originSeq, j.cfg.origin.first
	_, err = j.bucket.Put(ctx, jetstream.ObjectMeta{
		Name: "0", Metadata: map[string]string{
			metaID: j.id, metaSeq: strconv.FormatUint(q.seq, 10), metaNext: strconv.FormatUint(q.next, 10),
		},
	}, bytes.NewReader(q.save(j.id)))
	return err
}

// complete lets brokers use the stream.
func (j *Journal) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	stream, err := j.js.Stream(ctx, j.cfg.Stream)
	if err != nil {
		return err
	}
	c := stream.CachedInfo().Config
	delete(c.Metadata, metaCopy)
	_, err = j.js.UpdateStream(ctx, c)
	return err
}
