package history

import (
	"fmt"
	"slices"
	"sort"
)

// Judging: with every received line placed or not, saying what is wrong with one subscriber, publisher by publisher.
//
// What is placed out of order is taken out again. Then each stray, a received line with no place, is explained by what
// is missing, if it can be, in the order of the methods of judgement below; what is left missing after that is lost.

// lineState is what became of a sent line at one subscriber.
type lineState uint8

const (
	unseen   lineState = iota // not received, and it did not have to be
	received                  // received, in place or out of it
	missing                   // not received, and it had to be
)

// run is lines lo to hi-1 of a publisher that are missing between two of its received lines.
type run struct {
	lo, hi        int32
	after, before int32 // indexes into Received; -1 and len(Received) at the ends
}

// stray is a received line with no place.
type stray struct {
	i          int32 // index into Received
	p          int   // its publisher, or -1 for an unknown one
	prev, next int32 // lines of that publisher that were received in place before and after it, or none
	done       bool  // explained
	tried      bool  // not found to be altered
}

// judgement is the state of judging one subscriber. It shares c.state, which no two views use at a time.
type judgement struct {
	*checker
	v      *view
	runs   [][]run
	strays []stray
	cursor map[cursorKey]int32

	// swapped holds the other one of two neighbours that came in each other's place: either may be the one that is not
	// where it belongs, and only one of them shall be at fault.
	swapped map[int32]bool
}

type cursorKey struct {
	symbol int32 // of the text: the node of its first line
	state  lineState
}

func (c *checker) judge(v *view) {
	j := &judgement{checker: c, v: v, runs: make([][]run, len(c.pubs)), cursor: make(map[cursorKey]int32), swapped: make(map[int32]bool)}
	declared := 0
	for p := range c.pubs {
		if v.unclear[p] {
			c.unplace(v, p)
		} else if v.matches[p] {
			declared += j.walk(p)
		}
	}
	for _, i := range v.strays {
		p, known := c.named[v.Received[i].From]
		if !known {
			p = -1
		}
		j.strays = append(j.strays, stray{i: i, p: p, prev: none, next: none})
	}
	faulty := len(j.strays) > 0 || slices.ContainsFunc(j.runs, func(r []run) bool { return len(r) > 0 })
	if faulty {
		sort.SliceStable(j.strays, func(a, b int) bool { return j.strays[a].i < j.strays[b].i })
		j.fillState()
		j.unmatched()
		j.outOfOrder(missing)
		j.misattributed()
		j.outOfOrder(unseen)
		j.altered()
		j.duplicated()
		j.invented()
		j.lost()
	}
	j.wrongTopics()
	j.gaps(declared)
	for i, node := range v.at {
		if j.swapped[node] {
			v.setAside(i)
		}
	}
}

// unplace forgets the places of a publisher's lines where repeated texts leave them open.
func (c *checker) unplace(v *view, p int) {
	for _, part := range v.parts {
		for _, i := range part.lines[p] {
			v.at[i] = none
		}
	}
}

// walk finds what is missing between the placed lines of p, and its strays. It returns how many lines are missing
// where there is a gap, and so declared.
func (j *judgement) walk(p int) (declared int) {
	v, base := j.v, j.base[p]
	prev, prevAt, prevPart := none, none, 0
	firstStray := len(j.strays)
	miss := func(to, before int32, part int) {
		switch {
		case prev+1 >= to:
		case part != prevPart:
			declared += int(to - prev - 1)
		default:
			j.runs[p] = append(j.runs[p], run{prev + 1, to, prevAt, before})
		}
	}
	for n, part := range v.parts {
		for _, i := range part.lines[p] {
			index := v.at[i] - base
			if v.at[i] == none || index <= prev {
				v.at[i] = none
				j.strays = append(j.strays, stray{i: i, p: p, prev: prev, next: none})
				continue
			}
			if prev != none || v.FromFirst {
				miss(index, i, n)
			}
			for s := len(j.strays) - 1; s >= firstStray && j.strays[s].prev == prev; s-- {
				j.strays[s].next = index
			}
			prev, prevAt, prevPart = index, i, n
		}
	}
	if v.ToEnd && (prev != none || v.FromFirst) {
		miss(int32(j.accepted[p]), int32(len(v.Received)), len(v.parts)-1)
	}
	return declared
}

func (j *judgement) fillState() {
	if j.state == nil {
		j.checker.state = make([]lineState, j.base[len(j.pubs)])
	}
	clear(j.state)
	for _, node := range j.v.at {
		if node != none {
			j.state[node] = received
		}
	}
	for p, runs := range j.runs {
		for _, r := range runs {
			for index := r.lo; index < r.hi; index++ {
				j.state[j.base[p]+index] = missing
			}
		}
	}
}

// find gives the first line of p with this text and state, or none. The states that it is asked for only ever become
// less, so that it never has to look back.
func (j *judgement) find(p int, text string, state lineState) int32 {
	t := j.textsOf(p)
	index := t.symbol(text)
	if index == none {
		return none
	}
	key := cursorKey{j.base[p] + index, state}
	if at, again := j.cursor[key]; again {
		index = at
	}
	for index != none && j.state[j.base[p]+index] != state {
		index = t.next[index]
	}
	j.cursor[key] = index
	return index
}

// take marks a line as received by a stray.
func (j *judgement) take(s *stray, p int, index int32) {
	s.done = true
	j.state[j.base[p]+index] = received
	j.v.elsewhere = append(j.v.elsewhere, j.base[p]+index)
}

// fault of a stray that is explained by line index of publisher p.
func (j *judgement) fault(k Kind, s *stray, p int, index int32, text func(line, where string) string) {
	f := Fault{Kind: k, Publisher: j.pubs[p].Name, First: int(index) + 1, Last: int(index) + 1, At: int(s.i) + 1, Count: 1}
	f.Want, f.Got = j.pubs[p].Sent[index], j.v.Received[s.i].Line
	j.add(j.v, f, func() string { return text(j.lineName(p, index), arrived(f.At)) })
}

// lineName is how reports show a sent line: its number and its text.
func (c *checker) lineName(p int, index int32) string {
	return fmt.Sprintf("#%s %s", thousands(int(index)+1), quote(c.pubs[p].Sent[index]))
}

// unmatched finds the lines that the subscriber's filter should have kept away.
func (j *judgement) unmatched() {
	for n := range j.strays {
		s := &j.strays[n]
		if s.p < 0 || j.v.matches[s.p] {
			continue
		}
		text := j.v.Received[s.i].Line
		index := j.find(s.p, text, unseen)
		if index == none {
			index = j.textsOf(s.p).symbol(text)
		}
		if index == none {
			continue
		}
		j.take(s, s.p, index)
		j.fault(Misfiltered, s, s.p, index, func(line, where string) string {
			return fmt.Sprintf("received %s of %q %s, whose topic %q does not match its filter %q",
				line, j.pubs[s.p].Name, where, j.pubs[s.p].Topic, j.v.Filter)
		})
	}
}

// outOfOrder finds lines that were received, but not in their place.
func (j *judgement) outOfOrder(state lineState) {
	for n := range j.strays {
		s := &j.strays[n]
		if s.done || s.p < 0 || !j.v.matches[s.p] {
			continue
		}
		index := j.find(s.p, j.v.Received[s.i].Line, state)
		if index == none {
			continue
		}
		j.take(s, s.p, index)
		if s.prev == index+1 {
			j.swapped[j.base[s.p]+s.prev] = true
		} else if s.next != none && s.next == index-1 {
			j.swapped[j.base[s.p]+s.next] = true
		}
		j.fault(Reordered, s, s.p, index, func(line, where string) string {
			return fmt.Sprintf("received %s of %q out of order, %s%s", line, j.pubs[s.p].Name, where, s.between())
		})
	}
}

// misattributed finds lines that one publisher sent, that are missing there, and that came under another one's name.
func (j *judgement) misattributed() {
	for n := range j.strays {
		s := &j.strays[n]
		for p := 0; p < len(j.pubs) && !s.done; p++ {
			if p == s.p || !j.v.matches[p] || !j.missesAt(p, s.i) {
				continue
			}
			index := j.find(p, j.v.Received[s.i].Line, missing)
			if index == none {
				continue
			}
			j.take(s, p, index)
			j.fault(Misattributed, s, p, index, func(line, where string) string {
				return fmt.Sprintf("received %s of %q under the name %q, %s", line, j.pubs[p].Name, j.v.Received[s.i].From, where)
			})
		}
	}
}

// missesAt says whether lines of p are missing around the i-th received message.
func (j *judgement) missesAt(p int, i int32) bool {
	n := sort.Search(len(j.runs[p]), func(n int) bool { return j.runs[p][n].before > i })
	return n < len(j.runs[p]) && j.runs[p][n].after < i
}

// duplicated finds lines that were received before, or are yet to be received in their place.
func (j *judgement) duplicated() {
	for n := range j.strays {
		s := &j.strays[n]
		if s.done || s.p < 0 || !j.v.matches[s.p] {
			continue
		}
		index := j.textsOf(s.p).symbol(j.v.Received[s.i].Line)
		if index == none {
			continue
		}
		if s.prev != none && j.textsOf(s.p).same[s.prev] == index {
			index = s.prev // of equal texts, the one just before
		}
		s.done = true
		j.fault(Duplicated, s, s.p, index, func(line, where string) string {
			return fmt.Sprintf("received %s of %q once more, %s%s", line, j.pubs[s.p].Name, where, s.between())
		})
	}
}

// invented is all that is left.
func (j *judgement) invented() {
	for n := range j.strays {
		s := &j.strays[n]
		if s.done {
			continue
		}
		m := j.v.Received[s.i]
		f := Fault{Kind: Invented, Publisher: m.From, At: int(s.i) + 1, Count: 1, Got: m.Line}
		j.add(j.v, f, func() string {
			if s.p < 0 {
				return fmt.Sprintf("received %s from %q, which is no publisher, %s", quote(m.Line), m.From, arrived(f.At))
			}
			return fmt.Sprintf("received %s, which %q never sent, %s%s", quote(m.Line), m.From, arrived(f.At), s.between())
		})
	}
}

// between says where among its publisher's lines a stray arrived.
func (s *stray) between() string {
	switch {
	case s.prev != none && s.next != none:
		return fmt.Sprintf(" (between #%s and #%s)", thousands(int(s.prev)+1), thousands(int(s.next)+1))
	case s.prev != none:
		return fmt.Sprintf(" (after #%s)", thousands(int(s.prev)+1))
	case s.next != none:
		return fmt.Sprintf(" (before #%s)", thousands(int(s.next)+1))
	}
	return ""
}

// lost reports what is still missing, consecutive lines as one fault.
func (j *judgement) lost() {
	for p, runs := range j.runs {
		for _, r := range runs {
			for lo := r.lo; lo < r.hi; lo++ {
				hi := lo
				for hi < r.hi && j.state[j.base[p]+hi] == missing {
					j.v.elsewhere = append(j.v.elsewhere, j.base[p]+hi)
					hi++
				}
				if hi > lo {
					j.addLost(p, lo, hi)
					lo = hi
				}
			}
		}
	}
}

func (j *judgement) addLost(p int, lo, hi int32) {
	pub := j.pubs[p]
	f := Fault{Kind: Lost, Publisher: pub.Name, First: int(lo) + 1, Last: int(hi), Count: int(hi - lo), Want: pub.Sent[lo]}
	j.add(j.v, f, func() string {
		lines := j.lineName(p, lo)
		if hi > lo+1 {
			lines += " to " + j.lineName(p, hi-1)
		}
		before := lo > 0 && j.state[j.base[p]+lo-1] == received
		after := int(hi) < len(pub.Sent) && j.state[j.base[p]+hi] == received
		evidence := "; it received nothing else of it"
		switch {
		case before && after:
			evidence = fmt.Sprintf(" (between #%s and #%s)", thousands(int(lo)), thousands(int(hi)+1))
		case before:
			evidence = fmt.Sprintf(" (after #%s)", thousands(int(lo)))
		case after:
			evidence = fmt.Sprintf(" (before #%s)", thousands(int(hi)+1))
		}
		return fmt.Sprintf("lost %s of %q: %s%s", count(f.Count, "line"), pub.Name, lines, evidence)
	})
}
