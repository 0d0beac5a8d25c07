package history

import "slices"

// Placing: working out which sent line each received one is.
//
// A part that begins at the beginning, or ends at a known end, is anchored there, and if it is correct a comparison
// settles it. Any other part floats: it may be anywhere, and where its texts repeat at several places a complete
// subscriber, the reference, tells which place fits the order of all publishers together.

// placeAnchored places the parts with a known beginning or end, per publisher.
func (c *checker) placeAnchored(v *view) {
	for _, part := range v.parts {
		for p, lines := range part.lines {
			tailKnown := part.last && c.allSure(p)
			switch sent := c.pubs[p].Sent; {
			case len(lines) == 0, !part.first && !tailKnown:
			case part.first && c.equalAt(v, lines, p, 0):
				c.place(v, lines, p, 0)
			case !part.first && c.equalAt(v, lines, p, len(sent)-len(lines)):
				c.place(v, lines, p, len(sent)-len(lines))
			default:
				at := align(c.textsOf(p).same, c.symbols(v, lines), !part.first, !tailKnown)
				c.placeEach(v, lines, p, at)
			}
		}
	}
}

// equalAt says whether these lines are the ones that publisher p sent from start on.
func (c *checker) equalAt(v *view, lines []int32, p, start int) bool {
	sent := c.pubs[p].Sent
	if start < 0 || start+len(lines) > len(sent) {
		return false
	}
	for k, i := range lines {
		if v.Received[i].Line != sent[start+k] {
			return false
		}
	}
	return true
}

func (c *checker) place(v *view, lines []int32, p, start int) {
	for k, i := range lines {
		v.at[i] = c.base[p] + int32(start+k)
	}
}

func (c *checker) placeEach(v *view, lines []int32, p int, at []int32) {
	for k, i := range lines {
		if at[k] != none {
			v.at[i] = c.base[p] + at[k]
		}
	}
}

// symbols of received lines, as their own publisher's lines.
func (c *checker) symbols(v *view, lines []int32) []int32 {
	symbols := make([]int32, len(lines))
	for k, i := range lines {
		symbols[k] = c.textsOf(c.named[v.Received[i].From]).symbol(v.Received[i].Line)
	}
	return symbols
}

// placeFloating places the other parts.
func (c *checker) placeFloating(v *view) {
	floats := func(part part, p int) bool {
		return len(part.lines[p]) > 0 && !part.first && !(part.last && c.allSure(p))
	}
	floating := false
	for _, part := range v.parts {
		for p := range part.lines {
			floating = floating || floats(part, p)
		}
	}
	if !floating {
		return
	}
	reference := c.reference(v)
	if reference != nil && c.layOut(v, reference) {
		return
	}
	for _, part := range v.parts {
		open := make(map[int][]int32) // per publisher whose place is not clear: the possible starts
		for p, lines := range part.lines {
			if !floats(part, p) {
				continue
			}
			got := c.symbols(v, lines)
			starts := occurrences(c.textsOf(p).same, got)
			if part.last && len(starts) > 0 {
				starts = c.reachEnd(starts, len(lines), p)
			}
			switch len(starts) {
			case 0:
				c.placeEach(v, lines, p, align(c.textsOf(p).same, got, true, true))
			case 1:
				c.place(v, lines, p, int(starts[0]))
			default:
				open[p] = starts
			}
		}
		switch {
		case len(open) == 0:
		case reference != nil && len(v.parts) == 1:
			c.placeOpen(v, reference, open)
		default:
			for p := range open {
				v.unclear[p] = true
			}
		}
	}
}

// reachEnd keeps the starts from which n lines reach the last line that is known to be accepted, or else the last one.
func (c *checker) reachEnd(starts []int32, n, p int) []int32 {
	k, _ := slices.BinarySearch(starts, int32(c.accepted[p]-n))
	return starts[min(k, len(starts)-1):]
}

// entry is a received message, or one that was declared missing, in terms that the messages of two subscribers can be
// compared in.
type entry struct {
	symbol int32 // of the text: the node of its first line; none: never sent; gap: anything
	i      int32 // index into Received
}

const gap = int32(-2)

// entries of a subscriber, of the publishers that another one's filter matches too.
func (c *checker) entries(v, other *view) []entry {
	var entries []entry
	for i, m := range v.Received {
		for range m.Gap {
			entries = append(entries, entry{symbol: gap})
		}
		p, known := c.named[m.From]
		if m.Gap > 0 || !known || !v.matches[p] || !other.matches[p] {
			continue
		}
		e := entry{none, int32(i)}
		if symbol := c.textsOf(p).symbol(m.Line); symbol != none {
			e.symbol = c.base[p] + symbol
		}
		entries = append(entries, e)
	}
	return entries
}

// layOut finds where in what the reference received all that v received fits without a fault, gaps and positions
// included, and places it there. It returns false if it fits nowhere.
func (c *checker) layOut(v, reference *view) bool {
	whole, got := c.entries(reference, v), c.entries(v, v)
	known := c.knownPositions()
	byPosition, last := false, uint64(0)
	fits := func(start int) bool {
		if start < 0 || start+len(got) > len(whole) {
			return false
		}
		byPosition, last = false, 0
		for k, g := range got {
			w := whole[start+k]
			if g.symbol == gap {
				continue
			}
			if g.symbol != w.symbol {
				return false
			}
			pos, at := v.Received[g.i].Pos, known[reference.at[w.i]]
			if pos != 0 && (pos <= last || at != 0 && at != pos) {
				return false
			}
			byPosition = byPosition || pos != 0 && at != 0
			last = max(last, pos)
		}
		return true
	}
	var starts []int
	switch {
	case v.FromFirst && v.ToEnd && len(got) != len(whole):
	case v.FromFirst:
		starts = []int{0}
	case v.ToEnd:
		starts = []int{len(whole) - len(got)}
	default: // wherever its first part fits
		lead := 0
		for got[lead].symbol == gap {
			lead++
		}
		end := lead
		for end < len(got) && got[end].symbol != gap {
			end++
		}
		for _, start := range occurrences(symbolsOf(whole), symbolsOf(got[lead:end])) {
			starts = append(starts, int(start)-lead)
		}
	}
	n := slices.IndexFunc(starts, fits)
	if n < 0 {
		return false
	}
	if last > 0 && !byPosition && slices.ContainsFunc(starts[n+1:], fits) {
		for p := range c.pubs { // positions would tell, but nobody has any that could be compared
			v.unclear[p] = v.matches[p]
		}
		return true
	}
	for k, g := range got {
		if g.symbol != gap {
			v.at[g.i] = reference.at[whole[starts[n]+k].i]
		}
	}
	return true
}

// knownPositions are those of the lines whose place was clear without them, per node; 0: not known.
func (c *checker) knownPositions() []uint64 {
	if c.positions == nil {
		c.positions = make([]uint64, c.base[len(c.pubs)])
		for _, v := range c.views {
			for i, node := range v.at {
				if node != none && c.positions[node] == 0 {
					c.positions[node] = v.Received[i].Pos
				}
			}
		}
	}
	return c.positions
}

func symbolsOf(entries []entry) []int32 {
	symbols := make([]int32, len(entries))
	for k, e := range entries {
		symbols[k] = e.symbol
	}
	return symbols
}

// placeOpen chooses between several places of publishers' lines, where v does not fit without a fault: as much as
// possible of all its lines shall be in the order of the reference.
func (c *checker) placeOpen(v, reference *view, open map[int][]int32) {
	whole, got := c.entries(reference, v), c.entries(v, v)
	at := align(symbolsOf(whole), symbolsOf(got), true, !v.ToEnd)
	seen := make([]int32, len(c.pubs)) // per publisher: how many of its lines came before
	for k, g := range got {
		p := c.named[v.Received[g.i].From]
		if starts := open[p]; starts != nil && at[k] != none {
			start := reference.at[whole[at[k]].i] - c.base[p] - seen[p]
			if !slices.Contains(starts, start) {
				start = starts[0]
			}
			c.place(v, v.parts[0].lines[p], p, int(start))
			delete(open, p)
		}
		seen[p]++
	}
	for p, starts := range open {
		c.place(v, v.parts[0].lines[p], p, int(starts[0]))
	}
}

// reference is a subscriber that received everything that v could have, without fault, or nil.
func (c *checker) reference(v *view) *view {
next:
	for _, r := range c.views {
		if !r.FromFirst || !r.ToEnd || len(r.parts) > 1 || len(r.strays) > 0 {
			continue
		}
		for p, lines := range r.parts[0].lines {
			if v.matches[p] && !r.matches[p] || r.matches[p] && len(lines) != c.accepted[p] {
				continue next
			}
			for _, i := range lines {
				if r.at[i] == none {
					continue next
				}
			}
		}
		return r
	}
	return nil
}
