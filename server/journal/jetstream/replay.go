package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

const (
	// maxReplays is how many replays read at once; others wait for their turn. Each may take some
	// MiB: what was fetched and not sent, and a sequencer of its own.
	maxReplays = 8

	// replaySegment is about how many bytes a segment of a replay has, and replayOverhead what an
	// entry counts for besides its lines.
	replaySegment  = 256 << 10
	replayOverhead = 256

	// searchTime is for how long the stream is looked through for the last messages of a topic: who
	// asks for them waits to be let in meanwhile. maxSearches is how many do so at once.
	searchTime  = 2 * time.Second
	maxSearches = 4

	// lookPause is the time between two tries to find out what the stream keeps.
	lookPause = 250 * time.Millisecond
)

// backlog finds where a reader begins that wants what is before its place in the mirror. It is not
// ok where the stream has nothing of that. While the stream does not answer it tries again, until
// ctx ends: what cannot be had now is not missing.
func (j *Journal) backlog(ctx context.Context, filter protocol.Filter, place journal.Start) (p journal.Start, ok bool, err error) {
	for {
		p, ok, err = j.lookBack(ctx, filter, place)
		var unusable *unusableError
		if err == nil || errors.As(err, &unusable) {
			return p, ok, err
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return p, false, context.Cause(ctx)
		case <-j.ctx.Done():
			return p, false, journal.ErrClosed
		}
	}
}

func (j *Journal) lookBack(ctx context.Context, filter protocol.Filter, place journal.Start) (p journal.Start, ok bool, err error) {
	list, err := j.beginnings(ctx)
	if err != nil || len(list) == 0 || list[0].next >= place.Next {
		return p, false, err
	}
	wanted := list[0].next // what the stream keeps begins there
	switch {
	case place.Short > 0:
		wanted, err = j.lastBefore(ctx, list, place, filter)
	case place.Missing > 0:
		p.Missing = wanted - min(wanted, place.Next-place.Missing)
		wanted = max(wanted, place.Next-place.Missing)
	}
	if err != nil || wanted >= place.Next {
		return p, false, err
	}
	p.Next = wanted
	p.Segment = journal.NewBacklog(nil, newReplay(j, list, wanted))
	return p, true, nil
}

// beginnings returns the snapshots from which the stream can be read now.
func (j *Journal) beginnings(ctx context.Context) ([]saved, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	stream, err := j.js.Stream(ctx, j.cfg.Stream)
	if err != nil {
		return nil, err
	}
	return j.listSnapshots(ctx, stream.CachedInfo().State.FirstSeq)
}

// lastBefore returns the position of the first of those messages before a place that are still
// short of how many last ones were asked for, as far back as they are found in time.
func (j *Journal) lastBefore(ctx context.Context, list []saved, place journal.Start, filter protocol.Filter) (uint64, error) {
	first, end, short := place.Next, place.Next, place.Short
	if filter == (protocol.Filter{}) {
		return max(end-min(end, short), list[0].next), nil
	}
	brief, cancel := context.WithTimeout(ctx, j.cfg.search)
	defer cancel()
	select {
	case j.searches <- struct{}{}:
		defer func() { <-j.searches }()
	case <-brief.Done():
		return first, context.Cause(ctx)
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].next >= end {
			continue
		}
		matching, err := j.matching(brief, list[i:], end, filter)
		if brief.Err() != nil {
			return first, context.Cause(ctx)
		}
		if err != nil {
			return 0, err
		}
		for k := len(matching) - 1; k >= 0; k-- {
			if matching[k].count >= short {
				return matching[k].pos + matching[k].count - short, nil
			}
			first = matching[k].pos
			short -= matching[k].count
		}
		end = list[i].next
	}
	return first, nil
}

// stretch is consecutive messages.
type stretch struct{ pos, count uint64 }

// matching returns those from the first snapshot of the list to the position end that a filter
// matches.
func (j *Journal) matching(ctx context.Context, list []saved, end uint64, filter protocol.Filter) (found []stretch, err error) {
	r := newReplay(j, list, list[0].next)
	r.turns = nil // it has one as a search
	defer r.Close()
	for {
		entries, err := r.gather(ctx)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			e := &entries[i]
			if e.Pos >= end {
				return found, nil
			}
			if e.Event == nil && filter.Match(e.Topic) {
				found = append(found, stretch{e.Pos, min(uint64(e.Count), end-e.Pos)})
			}
			if e.Pos+uint64(e.Count) >= end {
				return found, nil
			}
		}
	}
}

// replay reads the stream for one reader, from a snapshot on, until it has caught up with what is
// in the mirror. It is a journal.Backlog.
type replay struct {
	// Static after construction.
	j     *Journal
	list  []saved       // where it can begin, the best first
	from  uint64        // the position of the first message wanted
	turns chan struct{} // holds one while it reads; nil where none is needed

	entries chan journal.Entry // from the one who reads; closed at its end
	ctx     context.Context    // ends when nobody wants them any more; the cause may be why there are none
	cancel  context.CancelCauseFunc

	// Owned by the reader.
	started bool
	at      uint64 // the position after the last message taken; 0 where an event was taken last

	sequencer *sequencer // owned by the one who reads
}

// newReplay returns a replay that begins at the last snapshot before from, or at the first one
// there is.
func newReplay(j *Journal, list []saved, from uint64) *replay {
	r := &replay{j: j, list: upTo(list, from), from: from, turns: j.replays, entries: make(chan journal.Entry, 16)}
	r.ctx, r.cancel = context.WithCancelCause(j.ctx)
	return r
}

// upTo leaves out what is before the last snapshot up to a position.
func upTo(list []saved, pos uint64) []saved {
	for len(list) > 1 && list[1].next <= pos {
		list = list[1:]
	}
	return list
}

// Close makes who reads for it end, soon.
func (r *replay) Close() { r.cancel(nil) }

func (r *replay) Next(ctx context.Context) (journal.Start, error) {
	var entries []journal.Entry
	for len(entries) == 0 {
		if r.at > 0 {
			if place, ok := r.j.Resume(r.at); ok {
				r.Close()
				return place, nil
			}
		}
		var err error
		if entries, err = r.gather(ctx); err != nil {
			r.Close()
			return journal.Start{}, err
		}
	}
	r.at = 0
	if last := &entries[len(entries)-1]; last.Count > 0 {
		r.at = last.Pos + uint64(last.Count)
	}
	return journal.Start{Segment: journal.NewBacklog(entries, r), Next: entries[0].Pos}, nil
}

// gather waits for entries, but not for long, and returns those that are there, up to a message
// after which the mirror has all.
func (r *replay) gather(ctx context.Context) (entries []journal.Entry, err error) {
	if !r.started {
		if err := r.start(ctx); err != nil {
			return nil, err
		}
		r.started = true
	}
	for size := 0; size < replaySegment; {
		var e journal.Entry
		ok := true
		if len(entries) == 0 {
			select {
			case e, ok = <-r.entries:
			case <-time.After(lookPause): // the mirror may have caught up with the replay
				return nil, nil
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		} else {
			select {
			case e, ok = <-r.entries:
			default:
				return entries, nil
			}
		}
		if !ok {
			if len(entries) > 0 {
				return entries, nil // the next call says why
			}
			return nil, context.Cause(r.ctx)
		}
		entries = append(entries, e)
		if e.Count > 0 && r.j.Has(e.Pos+uint64(e.Count)) {
			break
		}
		size += len(e.Lines) + replayOverhead
	}
	return entries, nil
}

// start waits for its turn, and has the stream read.
func (r *replay) start(ctx context.Context) error {
	done := func() {}
	if r.turns != nil {
		select {
		case r.turns <- struct{}{}:
			done = func() { <-r.turns }
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.j.ctx.Done():
			return context.Cause(r.j.ctx)
		}
	}
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	if r.j.ctx.Err() != nil { // nobody waits for it any more
		done()
		return context.Cause(r.j.ctx)
	}
	r.j.running.Go(func() {
		defer done()
		defer close(r.entries)
		r.read()
	})
	return nil
}

// read reads until nobody wants any more.
func (r *replay) read() {
	for {
		err := r.begin()
		if err == nil {
			err = r.j.consume(r.ctx, r, 2*int(r.j.nc.MaxPayload()))
		}
		var unusable *unusableError
		if errors.As(err, &unusable) {
			r.j.log.Warn("cannot send what is in the stream", "stream", r.j.cfg.Stream, "error", err)
			r.cancel(err)
		}
		select {
		case <-time.After(lookPause):
		case <-r.ctx.Done():
			return
		}
	}
}

// begin loads the snapshot, the first time that it can be had.
func (r *replay) begin() error {
	if r.sequencer != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, answerTimeout)
	defer cancel()
	sequencer, err := r.j.loadFirst(ctx, r.list, 0)
	if errors.Is(err, errReplaced) {
		if list, err := r.j.beginnings(ctx); err == nil {
			r.list = upTo(list, r.from)
		}
	}
	if err != nil {
		return err
	}
	r.sequencer = sequencer
	if sequencer.next <= r.from {
		return nil
	}
	return r.skip(sequencer.next - r.from) // those before it have been deleted meanwhile
}

func (r *replay) last() uint64 { return r.sequencer.seq }

func (r *replay) take(msg jetstream.Msg, at time.Time) error {
	m, err := decode(msg.Headers(), msg.Data())
	if err != nil {
		m = message{} // the log has heard of it
	}
	for _, e := range r.sequencer.take(at, &m, size(msg.Headers(), msg.Data())) {
		if e.Count == 0 && e.Event == nil || !e.StartAt(r.from) {
			continue
		}
		if e.Event != nil {
			e.Event.Time = e.Time
		}
		if err := r.give(e); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) jump(kept uint64) error {
	ctx, cancel := context.WithTimeout(r.ctx, answerTimeout)
	defer cancel()
	later, err := r.j.loadSnapshot(ctx, kept)
	if err != nil {
		return err
	}
	had := max(r.sequencer.next, r.from)
	r.sequencer = later
	if later.next <= had {
		return nil
	}
	return r.skip(later.next - had)
}

// skip gives a gap in place of messages that the stream does not keep any more.
func (r *replay) skip(missing uint64) error {
	return r.give(journal.Entry{Pos: r.sequencer.next, Event: &protocol.Event{Kind: protocol.Gap, Missing: missing}})
}

func (r *replay) give(e journal.Entry) error {
	select {
	case r.entries <- e:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

var _ journal.Backlog = (*replay)(nil)
