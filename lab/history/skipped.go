package history

import (
	"fmt"
	"iter"
	"slices"
)

// nothingSkipped: from its first message to its last, a subscriber has every message that its
// filter matches, or a gap that counts them (P10, P12); from the very beginning and to the very
// end, where it has to.
func (c *checker) nothingSkipped(v *view) {
	had := map[uint64]bool{}
	for _, pos := range v.pos {
		had[pos] = true
	}
	skipped, at, first := -v.lost, 0, uint64(0)
	for s := range c.stretches(v) {
		missing, one := c.missing(v, s, had)
		most := int(s.before - s.after - 1)
		if v.Filter == "" && !c.Others {
			most = missing
		}
		switch {
		case s.ended:
		case missing-s.unplaced > s.declared:
			if skipped += missing - s.unplaced - s.declared; skipped > 0 && at == 0 {
				at, first = s.at, one
			}
		case s.declared > most && s.unplaced == 0 && c.counted && c.bounded(s):
			c.add(v, Fault{Kind: Gap, At: s.at, Count: s.declared - most, Text: fmt.Sprintf(
				"was told of %s missing, where at most %s are", count(s.declared, "message"), thousands(most))})
		}
	}
	if skipped > 0 {
		text := fmt.Sprintf("skipped %s before line %s", count(skipped, "message"), thousands(at))
		if s, known := c.at[first]; known {
			text += fmt.Sprintf(", the first is %s, which %s received", s.tell(s.i), s.Name)
		}
		c.add(v, Fault{Kind: Hole, At: at, Count: skipped, Text: text})
	}
}

// stretch is what lies between two messages that a subscriber received one after the other.
type stretch struct {
	after, before uint64 // their positions
	declared      int    // missing there, as gaps say
	ended         bool   // an order ended there, and nobody knows what is missing
	unplaced      int    // messages without a position that were received there
	at            int    // number of the later message among those received, from 1
}

// stretches are those of what a subscriber received, that at the beginning and at the end only
// where it has to have everything there.
func (c *checker) stretches(v *view) iter.Seq[stretch] {
	return func(yield func(stretch) bool) {
		if len(c.order) == 0 {
			return
		}
		open, s := !v.FromFirst, stretch{after: c.order[0] - 1}
		for i, m := range v.Received {
			switch {
			case m.Gap <= Unknown:
				s.ended = true
			case m.Gap > 0:
				s.declared += m.Gap
			case v.pos[i] == 0:
				s.unplaced++
			case open || v.pos[i] > s.after:
				if s.before, s.at = v.pos[i], i+1; !open && !yield(s) {
					return
				}
				open, s = false, stretch{after: v.pos[i]}
			}
		}
		if s.before, s.at = c.order[len(c.order)-1]+1, len(v.Received)+1; v.ToEnd && !open && s.before > s.after+1 {
			yield(s)
		}
	}
}

// missing counts the messages of a stretch that a subscriber should have and has not, and finds the
// first of them.
func (c *checker) missing(v *view, s stretch, had map[uint64]bool) (missing int, first uint64) {
	from, _ := slices.BinarySearch(c.order, s.after+1)
	received := 0
	for _, pos := range c.order[from:] {
		if pos >= s.before {
			break
		}
		if had[pos] {
			received++
		} else if Match(v.Filter, c.at[pos].message().Topic) {
			if missing++; first == 0 {
				first = pos
			}
		}
	}
	if v.Filter == "" && c.counted && !c.Others { // every position is a message that it should have
		missing = int(s.before-s.after-1) - received
	}
	return missing, first
}

// bounded reports whether it is known which positions there are in a stretch: before the first one
// that anybody received, and behind the last one, only somebody who had to have everything there,
// and has no gap there, shows that there are none.
func (c *checker) bounded(s stretch) bool {
	first, last := c.order[0], c.order[len(c.order)-1]
	begin, end := s.after >= first, s.before <= last
	for _, v := range c.views {
		if n := len(v.pos); n > 0 && v.Filter == "" {
			begin = begin || v.FromFirst && v.pos[0] == first
			end = end || v.ToEnd && v.pos[n-1] == last
		}
	}
	return begin && end
}
