package jetstream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"pubsublab/server/journal"
)

var errForgotten = errors.New("the order has forgotten this broker, which published nothing for so long")

// consumerTimeout is after how long without an answer another consumer is made.
const consumerTimeout = 2 * time.Second

// read reads the stream into the mirror, until the journal ends.
func (j *Journal) read() {
	defer j.End()
	seen := time.Now() // the stream, or no answer that there is none
	for {
		err := j.consume(j.ctx, j, window)
		gone := errors.Is(err, jetstream.ErrStreamNotFound)
		if !gone {
			seen = time.Now()
		}
		var unusable *unusableError
		switch {
		case errors.As(err, &unusable):
			j.cancel(err)
		case gone && time.Since(seen) > answerTimeout: // it is not just a cluster that starts
			j.cancel(fmt.Errorf("the stream %s is gone", j.cfg.Stream))
		case j.ctx.Err() == nil:
			j.log.Debug("reading the stream again", "after", j.sequencer.seq, "error", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-j.ctx.Done():
			return
		}
	}
}

// streamReader is whoever reads the stream, message by message.
type streamReader interface {
	// last returns the sequence number of the last message taken.
	last() uint64
	// take takes the next one.
	take(msg jetstream.Msg, at time.Time) error
	// jump goes on behind messages that the stream does not keep any more: kept is the first that
	// it does.
	jump(kept uint64) error
}

// consume reads for r, so many bytes at a time, until something goes wrong or life ends. It does
// what the library's ordered consumer does, but that one takes 10 s to try again what a cluster
// without a leader did not answer.
func (j *Journal) consume(life context.Context, r streamReader, window int) error {
	ctx, cancel := context.WithTimeout(life, consumerTimeout)
	defer cancel()
	stream, err := j.js.Stream(ctx, j.cfg.Stream)
	if err != nil {
		return err
	}
	if id := stream.CachedInfo().Config.Metadata[metaID]; id != j.id {
		return unusable("the stream %s is another one now: of journal %q, not %s", j.cfg.Stream, id, j.id)
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       r.last() + 1,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: 5 * consumerTimeout,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxBytes(window), jetstream.PullExpiry(10*time.Second),
		jetstream.PullHeartbeat(consumerTimeout/2), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	j.consumptions.Store(messages, nil)
	defer j.consumptions.Delete(messages)
	stop := context.AfterFunc(life, messages.Stop)
	defer messages.Stop()
	defer stop()
	for delivered := uint64(1); ; delivered++ {
		msg, err := messages.Next()
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != delivered {
			return fmt.Errorf("the consumer's message %d came instead of %d", meta.Sequence.Consumer, delivered)
		}
		if meta.Sequence.Stream != r.last()+1 {
			return r.jump(meta.Sequence.Stream)
		}
		if err := r.take(msg, meta.Timestamp); err != nil {
			return err
		}
	}
}

func (j *Journal) last() uint64 { return j.sequencer.seq }

// take takes the next message in.
func (j *Journal) take(msg jetstream.Msg, at time.Time) error {
	m, err := decode(msg.Headers(), msg.Data())
	if err != nil {
		j.log.Warn("ignoring what is no broker's message in the stream", "sequence", j.sequencer.seq+1, "error", err)
		m = message{}
	}
	j.mu.Lock()
	entries := j.sequencer.take(at, &m, size(msg.Headers(), msg.Data()))
	j.mu.Unlock()
	j.seq.Store(j.sequencer.seq)
	for _, e := range entries {
		if e.Count > 0 || e.Event != nil {
			if err := j.Add(j.ctx, e); err != nil {
				return err
			}
		}
	}
	if m.producer != j.producer {
		return nil
	}
	switch last := j.sequencer.last(j.producer); {
	case len(entries) > 0:
		j.accepted = last
		j.outbox.accept(last, j.sequencer.seq)
	case last < j.accepted:
		j.cancel(errForgotten)
	case m.number > last:
		j.again(m.attempt)
	}
	if j.sequencer.due || j.unsaved.Load() {
		j.saveSnapshot()
	}
	return nil
}

// jump goes on behind messages that are lost to everyone here: what there was in them is a gap
// (P12).
func (j *Journal) jump(kept uint64) error {
	ctx, cancel := context.WithTimeout(j.ctx, answerTimeout)
	defer cancel()
	later, err := j.loadSnapshot(ctx, kept)
	if err != nil {
		return err
	}
	missing := later.next - j.sequencer.next
	j.log.Error("the stream does not keep any more what was to be read next",
		"after", j.sequencer.seq, "kept_from", kept, "going_on_after", later.seq, "missing", missing)
	j.mu.Lock()
	j.sequencer = later
	j.mu.Unlock()
	j.seq.Store(later.seq)
	if missing > 0 {
		if err := j.Skip(j.ctx, missing); err != nil {
			return err
		}
	}
	last := later.last(j.producer)
	if last < j.accepted {
		j.cancel(errForgotten)
	}
	j.accepted = last
	j.outbox.accept(last, later.seq)
	j.again(math.MaxUint64) // the answers to what was accepted meanwhile may have come already
	return nil
}

// again lets the sender begin again, unless a later attempt is at it.
func (j *Journal) again(attempt uint64) {
	for {
		select {
		case j.holes <- attempt:
			return
		case earlier := <-j.holes:
			attempt = max(attempt, earlier)
		}
	}
}

var _ journal.Journal = (*Journal)(nil)
