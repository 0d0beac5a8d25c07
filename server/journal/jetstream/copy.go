package jetstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"

	"pubsublab/protocol"
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
	state copyState // how far the stream had come before this attempt
}

// copyState is how far the copy in a stream has come. It is in the stream's metadata until all of
// it is there: nobody but who copies may use it before.
type copyState struct {
	First    uint64 // the position of the oldest message of the journal
	Done     int    // how many pieces of it were there before this producer's
	Producer string // whose pieces follow; "" for none yet
}

func (s copyState) String() string {
	text, _ := json.Marshal(s) // nothing in it can fail
	return string(text)
}

// originSeq is a sequence number before all messages of a copy. The stream begins behind it, so
// that brokers look for a snapshot, which says at which position, instead of beginning at 1.
const originSeq = 1

// pieceSize is of what is copied at once, in bytes. Whoever goes on with a copy counts the same.
const pieceSize = 2 * protocol.MaxLine

// Copy makes a stream of a journal: with its ID, its positions and what is known of publishers'
// runs. Times are those of the copy. Brokers refuse the stream until all of it is there; when Copy
// fails or its process ends, another one goes on behind what is there. It refuses a stream of
// anything else.
func Copy(ctx context.Context, cfg Config, from Origin) (err error) {
	o := &origin{id: from.ID, first: from.First}
	cfg.origin = o
	j, err := Connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { j.Close(ctx) }()
	if err = j.copy(ctx, o, &from); err != nil {
		return fmt.Errorf("%w. Brokers refuse the stream, because it is not complete: %s", errors.Join(err, context.Cause(j.ctx)), again(cfg.Stream))
	}
	return nil
}

// copy copies what is not there yet.
func (j *Journal) copy(ctx context.Context, o *origin, from *Origin) error {
	mine := copyState{First: o.first, Done: o.state.Done, Producer: j.producer}
	j.mu.Lock()
	last := j.sequencer.last(o.state.Producer)
	j.mu.Unlock()
	if last > 1 { // its first was a barrier
		mine.Done += int(last - 1)
		j.log.Info("going on with a copy that was broken off", "stream", j.cfg.Stream, "next", j.Next())
	}
	if err := j.setCopy(ctx, o.state.String(), mine.String()); err != nil {
		return err
	}
	var failed atomic.Pointer[error]
	next, piece := from.First, 0
	err := from.Entries(func(e *journal.Entry) error {
		if e.Pos != next {
			return fmt.Errorf("there are no messages from position %d to %d", next, e.Pos-1)
		}
		next += uint64(e.Count)
		for rest := *e; ; {
			part := split(&rest, pieceSize)
			if piece++; piece > mine.Done {
				if err := j.Append(ctx, part, func(err error) {
					if err != nil {
						failed.Store(&err)
					}
				}); err != nil {
					return err
				}
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
	if err != nil {
		return err
	}
	if copied := j.Next(); copied != from.Next || next != from.Next {
		return fmt.Errorf("the stream goes on at position %d, and the journal at %d", copied, from.Next)
	}
	return j.setCopy(ctx, mine.String(), "")
}

func again(stream string) string {
	return fmt.Sprintf("copy again to go on with it, or delete it (nats stream rm %s) to begin anew", stream)
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
		c.Metadata[metaID], c.Metadata[metaCopy] = o.id, copyState{First: o.first}.String()
		c.FirstSeq = originSeq + 1
	}
}

// owns reports what is wrong with a stream for this copy, or for a broker, and finds out how far
// the copy has come.
func (o *origin) owns(c *jetstream.StreamConfig) error {
	state, copied := c.Metadata[metaCopy]
	switch {
	case !copied && o == nil:
		return nil
	case !copied:
		return unusable("the stream %s is there already, and a journal can only be copied to a new one", c.Name)
	case o == nil:
		return unusable("the stream %s is not complete: a journal is being copied to it, or that was broken off; then %s", c.Name, again(c.Name))
	case c.Metadata[metaID] != o.id:
		return unusable("the stream %s is the copy of another journal, %s, that is not complete", c.Name, c.Metadata[metaID])
	}
	err := json.Unmarshal([]byte(state), &o.state)
	if err != nil || o.state.First != o.first {
		return unusable("the stream %s was begun when the journal began at another position than %d: delete it (nats stream rm %s), and copy again",
			c.Name, o.first, c.Name)
	}
	return nil
}

// claim has the stream of a copy take what this journal publishes alone: what an attempt before has
// left on its way comes before that, or never.
func (j *Journal) claim(ctx context.Context, c jetstream.StreamConfig) error {
	if j.cfg.origin == nil {
		return nil
	}
	j.subject = c.Name + ".copy." + j.producer
	c.Subjects = []string{j.subject}
	_, err := j.js.UpdateStream(ctx, c)
	return err
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

// setCopy replaces what the stream says of the copy in it; with nothing, brokers may use it.
func (j *Journal) setCopy(ctx context.Context, old, state string) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	stream, err := j.js.Stream(ctx, j.cfg.Stream)
	if err != nil {
		return err
	}
	c := stream.CachedInfo().Config
	if c.Metadata[metaCopy] != old || c.Subjects[0] != j.subject {
		return errors.New("another copy goes on with it now")
	}
	if c.Metadata[metaCopy] = state; state == "" {
		delete(c.Metadata, metaCopy)
		c.Subjects = []string{subject(c.Name)}
	}
	_, err = j.js.UpdateStream(ctx, c)
	return err
}
