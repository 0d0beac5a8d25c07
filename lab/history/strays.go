package history

import "fmt"

// altered pairs lines that nobody sent with lines that are missing in the same place.
func (j *judgement) altered() {
	for n := 0; n < len(j.strays); n++ {
		var group []*stray // the unexplained strays of one publisher in one place
		first := &j.strays[n]
		if !j.maybeAltered(first) {
			continue
		}
		for m := n; m < len(j.strays); m++ {
			s := &j.strays[m]
			if s.p == first.p && (s.prev != first.prev || s.next != first.next) {
				break
			}
			if s.p == first.p && j.maybeAltered(s) {
				group = append(group, s)
			}
		}
		j.pair(group, j.missingAround(first, len(group)))
		for _, s := range group {
			s.tried = true
		}
	}
}

func (j *judgement) maybeAltered(s *stray) bool {
	return !s.done && !s.tried && s.p >= 0 && j.v.matches[s.p] && !j.v.unclear[s.p] &&
		j.textsOf(s.p).symbol(j.v.Received[s.i].Line) == none
}

// missingAround gives the lines that n strays in the place of s may have been: those missing there, or, at an end that
// is free, the next ones.
func (j *judgement) missingAround(s *stray, n int) []int32 {
	var lines []int32
	lo, hi := s.prev+1, s.next
	if hi == none {
		hi = int32(len(j.pubs[s.p].Sent))
	}
	for index := lo; index < hi; index++ {
		if j.state[j.base[s.p]+index] == missing {
			lines = append(lines, index)
		}
	}
	if len(lines) > 0 {
		return lines
	}
	switch atHead := s.prev == none && !j.v.FromFirst; {
	case atHead && s.next == none && j.v.ToEnd:
		hi = int32(j.accepted[s.p])
		lo = max(lo, hi-int32(n))
	case atHead:
		lo = max(lo, hi-int32(n))
	default:
		hi = min(hi, lo+int32(n))
	}
	for index := lo; index < hi; index++ {
		if j.state[j.base[s.p]+index] == unseen {
			lines = append(lines, index)
		}
	}
	return lines
}

// pair takes a missing line for each stray, both in order, the most similar ones where there is a choice.
func (j *judgement) pair(group []*stray, lines []int32) {
	const choices = 64
	for n, s := range group {
		spare := len(lines) - (len(group) - n) // how many lines may be passed over
		if len(lines) == 0 {
			return
		}
		best, most := 0, -1
		got := j.v.Received[s.i].Line
		for k := 0; k <= min(max(spare, 0), choices); k++ {
			if alike := similarity(j.pubs[s.p].Sent[lines[k]], got); alike > most {
				best, most = k, alike
			}
		}
		index := lines[best]
		lines = lines[best+1:]
		j.take(s, s.p, index)
		j.fault(Altered, s, s.p, index, func(_, where string) string {
			want := j.pubs[s.p].Sent[index]
			at := commonPrefix(want, got)
			return fmt.Sprintf("received #%s of %q altered, %s: sent %s, got %s (from byte %s on)", thousands(int(index)+1),
				j.pubs[s.p].Name, where, quoteFrom(want, at), quoteFrom(got, at), thousands(at+1))
		})
	}
}

// similarity of two texts: how many bytes of their beginnings and ends are equal.
func similarity(a, b string) int {
	n := commonPrefix(a, b)
	a, b = a[n:], b[n:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
		n++
	}
	return n
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// wrongTopics finds lines that came with another topic than their publisher's.
func (j *judgement) wrongTopics() {
	for i, node := range j.v.at {
		if node == none {
			continue
		}
		m := j.v.Received[i]
		p := j.named[m.From]
		if topic := j.pubs[p].Topic; m.Topic != topic {
			s := &stray{i: int32(i)}
			j.fault(Misattributed, s, p, node-j.base[p], func(line, where string) string {
				return fmt.Sprintf("received %s of %q with the topic %q instead of %q, %s", line, m.From, m.Topic, topic, where)
			})
		}
	}
}

// gaps compares the declared gaps with what is missing in their places.
func (j *judgement) gaps(absent int) {
	v, total := j.v, j.report.Subscribers[j.v.index].Declared
	if total == 0 {
		return
	}
	exact := v.FromFirst && v.ToEnd // all that is missing is known
	for p := range j.pubs {
		if v.matches[p] && v.unclear[p] {
			return
		}
		exact = exact && v.matches[p] && j.allSure(p) // a gap counts what the filter does not match, too (P12)
	}
	for i, m := range v.Received {
		if m.Gap > 0 && !v.GapsAllowed {
			j.add(v, Fault{Kind: Gap, At: i + 1, Count: m.Gap}, func() string {
				return fmt.Sprintf("was told that %s missing, %s", countAre(m.Gap, "message"), arrived(i+1))
			})
		}
	}
	switch {
	case absent > total:
		j.add(v, Fault{Kind: Lost, Count: absent - total}, func() string {
			return fmt.Sprintf("lost %s more than its gaps declare: %s missing in their places, %s declared",
				count(absent-total, "line"), countAre(absent, "line"), thousands(total))
		})
	case absent < total && exact:
		j.add(v, Fault{Kind: Gap, Count: total - absent}, func() string {
			return fmt.Sprintf("its gaps declare %s more than are missing: %s missing in their places, %s declared",
				count(total-absent, "message"), countAre(absent, "line"), thousands(total))
		})
	}
}

func countAre(n int, what string) string {
	if n == 1 {
		return count(n, what) + " is"
	}
	return count(n, what) + " are"
}
