package feed

// Progress is how far a cursor has come.
type Progress struct {
	Lines    uint64 // messages that were passed
	Position uint64 // of the last message that was passed, or was not for it
	Messages uint64 // of the order that are after that, those of other topics too
	Bytes    int    // of their lines, as far as they are in memory
}

// spot is a place in a segment: an entry, and how many of its lines are passed.
type spot struct{ entry, line int }

// Progress returns how far the cursor has come. It may be called on any goroutine until Close, and
// never goes back. What was passed of a block that has left the cache is known only at its end.
func (c *Cursor) Progress() Progress {
	s := c.set
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookLocked()
	segment, at, lines := c.segment, c.begun, 0
	if c.parked {
		segment, at = s.tail, spot{entry: s.seen}
	} else if segment != nil && segment.Seq > 0 {
		if b := c.feed.blocks[segment.Seq]; b != nil {
			at, lines = b.passed(at, int(c.passed.Load()))
		}
	}
	var p Progress
	if segment != nil {
		var pos uint64
		pos, p.Bytes = s.journal.Place(segment, at.entry, at.line)
		p.Position = max(pos, 1) - 1
	}
	end := max(s.journal.Extent().Next, 1) - 1
	if segment == nil {
		p.Position = end
	}
	p.Position, p.Lines = max(p.Position, c.shown.Position), max(c.lines+uint64(lines), c.shown.Lines)
	p.Messages = end - min(p.Position, end)
	c.shown = p
	return p
}

// passed returns where in the block a cursor is that began at a spot and is at an offset now, 0 for
// where it began, and how many messages it has passed.
func (b *block) passed(begun spot, off int) (at spot, msgs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if off == 0 || off > b.len() || begun.entry > len(b.ends) {
		return begun, 0 // it is made again, and not as far yet
	}
	entry, line, before := b.findLocked(off)
	msgs = before + line - begun.line
	if begun.entry > 0 {
		msgs -= b.ends[begun.entry-1].msgs
	}
	return spot{entry, line}, msgs
}

// Gaps returns how many gaps cursors were told because what they asked for was no longer kept (P12).
func (s *Set) Gaps() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gaps
}
