package history

import (
	"fmt"
	"slices"
)

// reading is what one subscriber received of one publisher, read as lines of it.
type reading struct {
	c        *checker
	v        *view
	pub      *publisher
	at       []int  // the messages: indexes into Received
	received []bool // by line
	excused  []bool // by line: in the place of a declared gap
	next     int    // the line that should come
	lost     bool   // it is not known which line should come: behind a gap, or it joined late
}

// read goes through what a subscriber received of a publisher, and sets the number of each line.
// From the beginning on, one line follows the other. Behind a gap, and where it joined late, the
// next line whose number is known says where it is: by its position, or by a text that was sent
// once.
func (c *checker) read(v *view, p int) *reading {
	pub := c.pubs[p]
	r := &reading{c: c, v: v, pub: pub, received: make([]bool, len(pub.Sent)), excused: make([]bool, len(pub.Sent))}
	r.lost = !v.FromFirst || !Match(v.Filter, pub.Topic)
	for i := range v.Received {
		if v.from[i] == p {
			r.at = append(r.at, i)
		}
	}
	gaps := 0
	for n, i := range r.at {
		r.lost = r.lost || v.gaps[i] > gaps
		gaps = v.gaps[i]
		if r.lost && !r.find(n) {
			v.line[i] = unknown
			continue
		}
		r.message(n)
	}
	r.lost = r.lost || v.gaps[len(v.Received)] > gaps
	return r
}

// find looks for the place of the n-th message, as far as the next gap, and reports whether it is
// known.
func (r *reading) find(n int) bool {
	for k, i := range r.at[n:] {
		if r.v.gaps[i] > r.v.gaps[r.at[n]] {
			return false
		}
		if number, known := r.number(i); known {
			for r.lost = false; r.next < number-k; r.next++ {
				r.excused[r.next] = true
			}
			return true
		}
	}
	return len(r.pub.numbers[r.v.Received[r.at[n]].Line]) == 0 // it is wrong, wherever it is
}

// number is the line that a message can only be, by its position or its text.
func (r *reading) number(i int) (line int, known bool) {
	m := r.v.Received[i]
	if s, placed := r.c.at[m.Pos]; m.Pos != 0 && placed && s.number() >= 0 && s.message().From == m.From && s.message().Line == m.Line {
		return s.number(), true
	}
	numbers := r.pub.numbers[m.Line]
	if len(numbers) != 1 {
		return 0, false
	}
	return numbers[0], true
}

// message reads the n-th message.
func (r *reading) message(n int) {
	i := r.at[n]
	text, came := r.v.Received[i].Line, thousands(i+1)
	line := r.choose(i)
	r.v.line[i] = line
	switch {
	case line < 0 && r.altered(n):
		sent := r.pub.Sent[r.next]
		at := differ(sent, text)
		r.c.fault(r.v, Altered, i, "received #%s of %q altered, as line %s: sent %s, got %s (from byte %s on)",
			thousands(r.next+1), r.pub.Name, came, quoteFrom(sent, at), quoteFrom(text, at), thousands(at+1))
		r.received[r.next] = true
		r.next++
	case line < 0:
		r.c.fault(r.v, Invented, i, "received %s, which %q never sent, as line %s", quote(text), r.pub.Name, came)
	case r.received[line]:
		r.c.fault(r.v, Duplicated, i, "received %s once more, as line %s", r.v.tell(i), came)
		r.v.line[i] = wrong
	case line < r.next:
		r.c.fault(r.v, Reordered, i, "received %s after #%s, as line %s", r.v.tell(i), thousands(r.next), came)
		r.received[line] = true
	default:
		r.next, r.received[line] = line+1, true
	}
}

// choose returns the line that a message is: that of its position, or of its text the one that
// should come, the next one behind it that is missing, one before it that is, or the last one.
// Wrong: none.
func (r *reading) choose(i int) int {
	m := r.v.Received[i]
	if m.Pos == 0 && r.next < len(r.received) && !r.received[r.next] && r.pub.Sent[r.next] == m.Line {
		return r.next
	}
	if line, known := r.number(i); known {
		return line
	}
	numbers := r.pub.numbers[m.Line]
	from, _ := slices.BinarySearch(numbers, r.next)
	for k := range numbers {
		if line := numbers[(from+k)%len(numbers)]; !r.received[line] {
			return line
		}
	}
	if len(numbers) == 0 {
		return wrong
	}
	return numbers[len(numbers)-1]
}

// altered reports whether the n-th message, which nobody sent, stands in the place of the line that
// should come: right before the one behind that, or at the end.
func (r *reading) altered(n int) bool {
	if r.lost || r.next >= len(r.pub.Sent) || r.received[r.next] {
		return false
	}
	if n+1 == len(r.at) {
		return r.next+1 == len(r.pub.Sent)
	}
	following := r.v.Received[r.at[n+1]].Line
	return len(r.pub.numbers[following]) == 0 || r.next+1 < len(r.pub.Sent) && r.pub.Sent[r.next+1] == following
}

// lost reports the lines that had to come and did not, each run of them once.
func (c *checker) lost(r *reading, accepted int) {
	if !Match(r.v.Filter, r.pub.Topic) {
		return
	}
	first, end := 0, r.next
	if !r.v.FromFirst {
		first = slices.Index(r.received, true)
	}
	if r.v.ToEnd && !r.lost {
		end = max(end, accepted)
	}
	n := 0 // the message behind them
	for lo := first; lo >= 0 && lo < end; lo++ {
		hi := lo
		for hi < end && !r.received[hi] && !r.excused[hi] {
			hi++
		}
		if hi == lo {
			continue
		}
		text := fmt.Sprintf("lost %s of %q: #%s %s", count(hi-lo, "line"), r.pub.Name, thousands(lo+1), quote(r.pub.Sent[lo]))
		if hi-lo > 1 {
			text += fmt.Sprintf(" to #%s %s", thousands(hi), quote(r.pub.Sent[hi-1]))
		}
		at := len(r.v.Received)
		for n < len(r.at) && r.v.line[r.at[n]] < hi {
			n++
		}
		if n < len(r.at) {
			at = r.at[n]
		}
		c.add(r.v, Fault{Kind: Lost, At: at + 1, Count: hi - lo, Text: text})
		r.v.lost += hi - lo
		lo = hi
	}
}

// differ is the first byte in which two texts differ.
func differ(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
