package journal

import "bytes"

// Extent is how far an order reaches, and what of it is in memory.
type Extent struct {
	Oldest  uint64 // the position of the oldest message that is kept; 0 for not known
	Next    uint64 // the position of the next message; 0 for not known
	Bytes   int    // of the history in memory
	Limit   int    // of them
	Waiting bool   // what is appended waits for room, which readers have to make
}

func (c *chain) Extent() Extent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Extent{Oldest: c.segments[0].pos, Next: c.next, Bytes: c.size, Limit: c.limit, Waiting: c.waiting > 0}
}

func (c *chain) Place(s *Segment, entry, line int) (pos uint64, size int) {
	entries, _ := s.Entries(0) // the caller has acquired it, so they stay
	pos = s.pos
	if entry < len(entries) {
		e := &entries[entry]
		pos = e.Pos + uint64(line)
		for lines := e.Lines; line > 0; line-- {
			n := bytes.IndexByte(lines, '\n') + 1
			lines, size = lines[n:], size-n
		}
		for _, e := range entries[entry:] {
			size += len(e.Lines)
		}
	} else if last := len(entries) - 1; last >= 0 {
		pos = entries[last].Pos + uint64(entries[last].Count)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.segments) - 1; i >= 0 && c.segments[i].Seq > s.Seq; i-- {
		size += c.segments[i].text
	}
	return pos, size
}
