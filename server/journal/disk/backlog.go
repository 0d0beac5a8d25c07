package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

const (
	// maxReaders is how many read old history at once; others wait for their turn. Each may take
	// some MiB.
	maxReaders = 8

	// searchTime is for how long the files are looked through for the last messages of a topic: who
	// asks for them waits to be let in meanwhile. maxSearches is how many do so at once.
	searchTime  = 2 * time.Second
	maxSearches = 4

	// lookPause is how long a reader waits that has all there is on the disk, and not all there is.
	lookPause = 5 * time.Millisecond
)

// Open reads what is not in memory from the files.
func (j *Journal) Open(ctx context.Context, from protocol.From, filter protocol.Filter) (journal.Start, error) {
	place, err := j.Mirror.Open(ctx, from, filter)
	if err != nil || place.Missing == 0 && place.Short == 0 && !from.First() {
		return place, err
	}
	files := j.segments()
	p := journal.Start{Next: files[0].first}
	if p.Next >= place.Next {
		return place, nil
	}
	j.Release(place.Segment) // nobody is to wait meanwhile
	switch {
	case place.Short > 0:
		if p.Next, err = j.lastBefore(ctx, files, place, filter); err != nil {
			return journal.Start{}, err
		}
	case place.Missing > 0:
		wanted := place.Next - place.Missing
		p.Missing = p.Next - min(p.Next, wanted)
		p.Next = max(p.Next, wanted)
	}
	if p.Next >= place.Next {
		return j.Mirror.Open(ctx, from, filter)
	}
	p.Segment = journal.NewBacklog(nil, newBacklog(j, files, p.Next))
	return p, nil
}

// segments returns what the files have now.
func (j *Journal) segments() []segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.files)
}

// lastBefore returns the position of the first of those messages before a place that are still
// short of how many last ones were asked for, as far back as they are found in time.
func (j *Journal) lastBefore(ctx context.Context, files []segment, place journal.Start, filter protocol.Filter) (uint64, error) {
	first, short := place.Next, place.Short
	if filter == (protocol.Filter{}) {
		return max(first-min(first, short), files[0].first), nil
	}
	brief, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	select {
	case j.searches <- struct{}{}:
		defer func() { <-j.searches }()
	case <-brief.Done():
		return first, context.Cause(ctx)
	}
	for i := len(files) - 1; i >= 0; i-- {
		matching, err := j.matching(brief, files[i], place.Next, filter)
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
	}
	return first, nil
}

// stretch is consecutive messages.
type stretch struct{ pos, count uint64 }

// matching returns those in a file, before the position end, that a filter matches.
func (j *Journal) matching(ctx context.Context, s segment, end uint64, filter protocol.Filter) (found []stretch, err error) {
	if s.first >= end {
		return nil, nil
	}
	s.sealed = true // more may come behind its end meanwhile
	c := &contents{fs: j.fs, files: []segment{s}, damage: j.damaged}
	c.frame = func(_ *segment, f *frame) error {
		if f.kind == kindSnapshot || f.pos >= end {
			return ctx.Err()
		}
		entries, err := f.entries()
		for i := range entries {
			if e := &entries[i]; e.Count > 0 && e.Pos < end && filter.Match(e.Topic) {
				found = append(found, stretch{e.Pos, min(uint64(e.Count), end-e.Pos)})
			}
		}
		return errors.Join(err, ctx.Err())
	}
	if err = c.read(); errors.Is(err, fs.ErrNotExist) { // it has just been dropped
		err = nil
	}
	return found, err
}

// backlog reads the files for one reader, until it has caught up with what is in memory. It is a
// journal.Backlog.
type backlog struct {
	j    *Journal
	from uint64 // the position of the first message wanted

	number uint64 // the file to read, and from where
	off    int64
	next   uint64          // the position after all that was read
	exact  bool            // what was read last is a message
	left   []journal.Entry // read, and not given
	turn   bool            // it has one
}

// newBacklog returns a backlog that begins at from, with what happened right before it.
func newBacklog(j *Journal, files []segment, from uint64) *backlog {
	i := sort.Search(len(files), func(i int) bool { return files[i].first >= from })
	return &backlog{j: j, from: from, number: files[max(0, i-1)].number, off: int64(len(banner)), next: from}
}

// Close lets the next one have its turn.
func (r *backlog) Close() {
	if r.turn {
		r.turn = false
		<-r.j.turns
	}
}

func (r *backlog) Next(ctx context.Context) (journal.Start, error) {
	if !r.turn {
		select {
		case r.j.turns <- struct{}{}:
			r.turn = true
		case <-ctx.Done():
			return journal.Start{}, context.Cause(ctx)
		}
	}
	for len(r.left) == 0 {
		place, there, err := r.more(ctx)
		if there || err != nil {
			r.Close()
			return place, err
		}
	}
	next := r.left[0].Pos
	s, rest := journal.FillBacklog(r.left, r)
	r.left = rest
	return journal.Start{Segment: s, Next: next}, nil
}

// more reads something, or finds that the reader has come to what is in memory.
func (r *backlog) more(ctx context.Context) (place journal.Start, there bool, err error) {
	if r.exact {
		if place, there = r.j.Resume(r.next); there {
			return place, true, nil
		}
	}
	s, last := r.segment()
	switch {
	case r.off < s.end:
		select {
		case r.j.reads <- struct{}{}:
		case <-ctx.Done():
			return place, false, context.Cause(ctx)
		}
		begun := time.Now()
		err := r.read(ctx, s)
		if r.j.outbox.busy() { // publishers have as much of the time, unless the disk is slow
			time.Sleep(min(time.Since(begun), lookPause))
		}
		<-r.j.reads
		if now, _ := r.segment(); errors.Is(err, fs.ErrNotExist) && now.number != s.number { // it has just been dropped
			err = nil
		}
		return place, false, err
	case !last:
		r.number, r.off = r.number+1, int64(len(banner))
		return place, false, nil
	}
	return r.join(ctx, s.end)
}

// join goes on in memory where the files have nothing more.
func (r *backlog) join(ctx context.Context, end int64) (place journal.Start, there bool, err error) {
	j := r.j
	j.mu.Lock()
	if last := &j.files[len(j.files)-1]; last.number == r.number && last.end == end && !j.adding {
		place, err = j.Mirror.Open(ctx, protocol.From{}, protocol.Filter{})
		j.mu.Unlock()
		if errors.Is(err, journal.ErrClosed) {
			return place, true, nil // there is an end
		}
		place.Missing = place.Next - r.next
		return place, true, err
	}
	j.mu.Unlock()
	select {
	case <-time.After(lookPause):
		return place, false, nil
	case <-j.ended:
		return place, true, nil
	case <-ctx.Done():
		return place, false, context.Cause(ctx)
	}
}

// segment returns the file to read now, and whether it is the last. If that is gone it is the
// oldest there is, behind a gap.
func (r *backlog) segment() (s segment, last bool) {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	files := r.j.files
	for i := range files {
		if files[i].number >= r.number {
			s, last = files[i], i == len(files)-1
			break
		}
	}
	if s.number != r.number {
		r.number, r.off = s.number, int64(len(banner))
	}
	return s, last
}

// read reads some of a file, and passes over what is not wanted.
func (r *backlog) read(ctx context.Context, s segment) error {
	return s.open(r.j.fs, func(f file) error {
		sc := scanner{file: f, number: s.number, limit: s.end, sure: true, off: r.off}
		for read := int64(0); read < chunk && ctx.Err() == nil; {
			fr, damaged, ok, err := sc.next()
			if err != nil {
				return err
			}
			if damaged > 0 {
				e := &DamageError{File: fileName(s.number), Offset: r.off, What: "what is there was changed since the start"}
				if err := r.j.damaged(e); err != nil {
					r.j.log.Error("cannot send what is on the disk", "error", err)
					r.j.setTrouble(err)
					return err
				}
			}
			if !ok {
				r.off = s.end
				return nil
			}
			r.off = fr.end()
			if fr.kind == kindSnapshot || fr.next() < r.from {
				continue
			}
			if err := r.take(&fr); err != nil {
				return fmt.Errorf("%s at offset %d: %w", fileName(s.number), fr.off, err)
			}
			read += int64(len(fr.payload))
		}
		return context.Cause(ctx)
	})
}

// take takes what is wanted of a frame, behind a gap if something is missing.
func (r *backlog) take(f *frame) error {
	if f.pos > r.next {
		gap := &protocol.Event{Kind: protocol.Gap, Missing: f.pos - r.next}
		r.left = append(r.left, journal.Entry{Pos: f.pos, Event: gap})
		r.exact = false
	}
	entries, err := f.entries()
	for i := range entries {
		e := &entries[i]
		if e.Count == 0 && e.Event == nil || !e.StartAt(r.from) {
			continue
		}
		r.left = append(r.left, *e)
		r.exact = e.Count > 0
	}
	r.next = max(r.next, f.next())
	return err
}

var _ journal.Backlog = (*backlog)(nil)
