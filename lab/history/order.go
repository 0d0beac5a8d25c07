package history

import (
	"cmp"
	"fmt"
	"slices"
)

// checkOrder compares the subscribers with each other: positions, the one order (P9), and what only that order shows to
// be missing (P10). Only lines received in the order of their publishers are compared; the others are faults already.
func (c *checker) checkOrder() {
	nodes := int(c.base[len(c.pubs)])
	if nodes == 0 || len(c.views) == 0 {
		return
	}
	byPosition := c.checkPositions()
	seqs := make([][]int32, 0, len(c.views)+len(c.pubs)+1)
	for _, v := range c.views {
		seqs = append(seqs, slices.DeleteFunc(slices.Clone(v.at), func(node int32) bool { return node == none }))
	}
	for p := range c.pubs {
		chain := make([]int32, c.accepted[p])
		for i := range chain {
			chain[i] = c.base[p] + int32(i)
		}
		seqs = append(seqs, chain)
	}
	seqs = append(seqs, byPosition)
	m := newMerge(seqs, nodes)
	m.run()
	if !c.disagreements(m) {
		c.holes(m)
	}
}

// checkPositions checks that positions grow, and are the same for everyone (P12). What is not right is taken out of the
// order of its subscriber. It returns the other nodes with known positions, in the order of these.
func (c *checker) checkPositions() (nodes []int32) {
	type place struct {
		pos  uint64
		v, i int32 // the view that had it first, and where
	}
	var places []place // per node
	for n, v := range c.views {
		last, grow := uint64(0), true
		position := func(i int) uint64 {
			if v.at[i] == none {
				return 0
			}
			return v.Received[i].Pos
		}
		for i := range v.at {
			if pos := position(i); pos != 0 {
				grow = grow && pos > last
				last = pos
			}
		}
		if last == 0 {
			continue
		}
		if !grow {
			c.notGrowing(v, position)
		}
		if places == nil {
			places = make([]place, c.base[len(c.pubs)])
		}
		for i, node := range v.at {
			switch pos := position(i); {
			case pos == 0:
			case places[node].pos == 0:
				places[node] = place{pos, int32(n), int32(i)}
				nodes = append(nodes, node)
			case places[node].pos != pos:
				first := c.views[places[node].v]
				c.wrongPosition(v, i, "%s at %s", first.Name, thousands(int(places[node].pos)))
			}
		}
	}
	slices.SortStableFunc(nodes, func(a, b int32) int { return cmp.Compare(places[a].pos, places[b].pos) })
	last := place{}
	return slices.DeleteFunc(nodes, func(node int32) bool {
		this := places[node]
		if this.pos != last.pos {
			last = this
			return false
		}
		other := c.views[last.v]
		p, index := c.owner(other.at[last.i])
		c.wrongPosition(c.views[this.v], int(this.i), "where %s received %s of %q", other.Name, c.lineName(p, index), c.pubs[p].Name)
		return true
	})
}

// notGrowing reports the positions of a subscriber that do not grow: as few as explain it.
func (c *checker) notGrowing(v *view, position func(int) uint64) {
	right := growing(len(v.at), position)
	slices.Reverse(right)
	last := uint64(0)
	for i := range v.at {
		switch {
		case len(right) > 0 && right[0] == i:
			right, last = right[1:], position(i)
		case position(i) > last:
			c.wrongPosition(v, i, "before position %s", thousands(int(position(right[0]))))
		case position(i) != 0:
			c.wrongPosition(v, i, "after position %s", thousands(int(last)))
		}
	}
}

func (c *checker) wrongPosition(v *view, i int, format string, args ...any) {
	p, index := c.owner(v.at[i])
	f := Fault{Kind: Disagreement, Publisher: c.pubs[p].Name, First: int(index) + 1, Last: int(index) + 1, At: i + 1, Count: 1}
	c.add(v, f, func() string {
		return fmt.Sprintf("received %s of %q at position %s, %s", c.lineName(p, index), c.pubs[p].Name,
			thousands(int(v.Received[i].Pos)), fmt.Sprintf(format, args...))
	})
	v.setAside(i)
}

// setAside takes a received line out of the comparison with other subscribers.
func (v *view) setAside(i int) {
	v.elsewhere = append(v.elsewhere, v.at[i])
	v.at[i] = none
}

// disagreements reports what stands in the way of one order, and says whether there was anything. Each time it takes
// the way that blames the fewest, and among equals the later subscribers.
func (c *checker) disagreements(m *merge) (found bool) {
	for {
		cycle := m.cycle()
		if cycle == nil {
			return found
		}
		found = true
		node, against := none, 0
		slices.Sort(cycle) // subscribers first, in their order
		for _, q := range cycle {
			n := c.against(m, m.at(q))
			if node == none || n < against {
				node, against = m.at(q), n
			}
		}
		c.resolve(m, node)
		m.run()
	}
}

// against counts the sequences that have a node later than what they wait at. The order of a publisher, and that of
// positions, count for more than any subscriber.
func (c *checker) against(m *merge, node int32) (n int) {
	for q := range m.seqs {
		switch {
		case !m.later(int32(q), node):
		case q < len(c.views):
			n++
		default:
			n += len(c.views)
		}
	}
	return n
}

// resolve gets the merge past a contradiction by making node the next one: the subscribers that have it later are at
// fault. If just one is, and node is not what it has in the wrong place, its own next line is taken out instead.
func (c *checker) resolve(m *merge, node int32) {
	var late []int32
	for q := range c.views {
		if m.later(int32(q), node) {
			late = append(late, int32(q))
		}
	}
	witness := none
	for q := m.waiting[node]; q != none; q = m.behind[q] {
		if int(q) < len(c.views) && (witness == none || q < witness) {
			witness = q
		}
	}
	for _, q := range late {
		c.outOfOrder(q, m.at(q), node, c.witness(m, node, m.at(q)))
	}
	switch {
	case len(late) == 0 && witness != none: // only the order of a publisher, or that of positions, is against it
		c.outOfOrder(witness, node, none, none)
		m.drop(witness)
		return
	case len(late) == 0: // the orders of publishers and of positions are against each other
		holder := slices.IndexFunc(m.holds[:len(c.views)], func(b bitset) bool { return b.has(node) })
		if holder >= 0 { // or else this line is at fault already
			c.outOfOrder(int32(holder), node, none, none)
		}
	case len(late) == 1 && witness != none && m.nearer(late[0], node, witness, m.at(late[0])):
		m.drop(late[0])
		return
	}
	m.force(node)
}

// witness is a subscriber that received node, and then other, or none.
func (c *checker) witness(m *merge, node, other int32) int32 {
	for q := range c.views {
		if m.at(int32(q)) == node && m.later(int32(q), other) {
			return int32(q)
		}
	}
	return none
}

// force makes a node the next one although not every sequence waits at it.
func (m *merge) force(node int32) {
	m.others[node] = 0
	m.emit(node)
}

// nearer says whether a is nearer in sequence q than b is in sequence r, both looked for from where these are.
func (m *merge) nearer(q, a, r, b int32) bool {
	const far = 256
	for d := 0; d < far; d++ {
		if i := m.head[q] + d; i < len(m.seqs[q]) && m.seqs[q][i] == a {
			j := m.head[r] + d
			return j >= len(m.seqs[r]) || m.seqs[r][j] != b
		}
		if j := m.head[r] + d; j < len(m.seqs[r]) && m.seqs[r][j] == b {
			return false
		}
	}
	return false
}

// outOfOrder reports that subscriber q received node before other.
func (c *checker) outOfOrder(q, node, other, witness int32) {
	v := c.views[q]
	p, index := c.owner(node)
	f := Fault{Kind: Disagreement, Publisher: c.pubs[p].Name, First: int(index) + 1, Last: int(index) + 1, Count: 1}
	if c.report.spellsOut(Disagreement) {
		f.At = slices.Index(v.at, node) + 1
	}
	c.add(v, f, func() string {
		text := fmt.Sprintf("received %s of %q, %s, ", c.lineName(p, index), c.pubs[p].Name, arrived(f.At))
		if other == none {
			return text + "in another place than positions and the other subscribers say"
		}
		p, index := c.owner(other)
		text += fmt.Sprintf("before %s of %q, ", c.lineName(p, index), c.pubs[p].Name)
		if witness == none {
			return text + "which contradicts what the others received"
		}
		return text + c.views[witness].Name + " the other way round"
	})
}

// holes finds lines that a subscriber skipped although it received something before and something after them, which
// only other subscribers show: of that publisher it has nothing before, or nothing after them. What m found is one
// order that agrees with everything; a line that seems to be skipped in it is only reported if it is in all of them.
func (c *checker) holes(m *merge) {
	rank := make([]int32, len(m.waiting))
	for i, node := range m.order {
		rank[node] = int32(i)
	}
	for n, v := range c.views {
		seq := m.seqs[n]
		if len(seq) == 0 || v.FromFirst && v.ToEnd || len(v.parts) > 1 {
			continue
		}
		from, to := 0, len(m.order)
		if !v.FromFirst {
			from = int(rank[seq[0]])
		}
		if !v.ToEnd {
			to = int(rank[seq[len(seq)-1]])
		}
		had := newBitset(len(rank))
		for _, node := range append(slices.Clone(v.elsewhere), seq...) {
			had.set(node)
		}
		var suspects []int32
		for p := range c.pubs {
			for i := 0; v.matches[p] && !v.unclear[p] && i < c.accepted[p]; i++ {
				node := c.base[p] + int32(i)
				if r := int(rank[node]); r >= from && r < to && !had.has(node) {
					suspects = append(suspects, node)
				}
			}
		}
		if len(suspects) > 0 {
			c.addHoles(v, seq, c.proven(m, v, seq, suspects))
		}
	}
}

// proven keeps the nodes that are within what a subscriber received in every order that agrees with all sequences.
func (c *checker) proven(m *merge, v *view, seq, suspects []int32) []int32 {
	within := suspects
	keep := func(marked bitset) {
		within = slices.DeleteFunc(within, func(node int32) bool { return !marked.has(node) })
	}
	if !v.FromFirst {
		keep(after(m.seqs, len(m.waiting), seq[0]))
	}
	if !v.ToEnd {
		backwards := make([][]int32, len(m.seqs))
		for q, s := range m.seqs {
			backwards[q] = slices.Clone(s)
			slices.Reverse(backwards[q])
		}
		keep(after(backwards, len(m.waiting), seq[len(seq)-1]))
	}
	return within
}

// addHoles reports skipped nodes, which are in the order of publishers and their lines; consecutive ones are one fault.
func (c *checker) addHoles(v *view, seq, nodes []int32) {
	for len(nodes) > 0 {
		p, lo := c.owner(nodes[0])
		n := 1
		for n < len(nodes) && nodes[n] == nodes[0]+int32(n) && nodes[n] < c.base[p+1] {
			n++
		}
		f := Fault{Kind: Hole, Publisher: c.pubs[p].Name, First: int(lo) + 1, Last: int(lo) + n, Count: n, Want: c.pubs[p].Sent[lo]}
		c.add(v, f, func() string {
			lines := c.lineName(p, lo)
			if n > 1 {
				lines += " to " + c.lineName(p, lo+int32(n)-1)
			}
			where := "between its first line and its last"
			if v.FromFirst {
				where = "before its last line"
			} else if v.ToEnd {
				where = "after its first line"
			}
			return fmt.Sprintf("skipped %s of %q: %s, which others received %s", count(n, "line"), c.pubs[p].Name, lines, where)
		})
		nodes = nodes[n:]
	}
}
