package report

import (
	"cmp"
	"slices"

	"pubsublab/lab/history"
)

// overhead is about how many bytes a message takes in run.json besides its line.
const overhead = 170

// cut returns the run, or, where that would be more than so many bytes, a window of it around its
// first fault: or its end where it has none.
func (r Run) cut(most int) Run {
	type cost struct {
		at    int64
		bytes int
	}
	var costs []cost
	total, received := 0, 0
	for _, p := range r.Publishers {
		for _, line := range p.Sent {
			total += len(line)
		}
	}
	for _, s := range r.Subscribers {
		received += len(s.Received)
		for _, m := range s.Received {
			costs = append(costs, cost{m.Time, overhead + 2*len(m.Line)}) // twice, for it was sent, too
			total += overhead + len(m.Line)
		}
	}
	if total <= most {
		return r
	}
	slices.SortStableFunc(costs, func(a, b cost) int { return cmp.Compare(a.at, b.at) })
	center, _ := slices.BinarySearchFunc(costs, r.focus(r.faults()), func(c cost, at int64) int { return cmp.Compare(c.at, at) })
	from, to := center, center // costs[from:to] are kept
	for kept := 0; kept <= most && (from > 0 || to < len(costs)); {
		if from > 0 {
			from--
			kept += costs[from].bytes
		}
		if to < len(costs) {
			kept += costs[to].bytes
			to++
		}
	}
	r.Cut = &Cut{From: costs[from].at, To: costs[to-1].at, Received: received}
	r.History = window(r.History, r.Cut.From, r.Cut.To)
	return r
}

// focus is when the first of these faults was, or else the end.
func (r *Run) focus(faults []fault) int64 {
	first := r.Ended
	for _, f := range faults {
		first = min(first, f.at)
	}
	return first
}

// window is what got its place in the order between two times. Who was there from the first line
// or to the last one was there from the first or to the last one of it.
func window(h history.History, from, to int64) history.History {
	inside := func(m history.Message) bool { return m.Time >= from && m.Time <= to }
	h.Publishers, h.Subscribers = slices.Clone(h.Publishers), slices.Clone(h.Subscribers)
	witness := slices.MaxFunc(h.Subscribers, func(a, b history.Subscriber) int { return len(a.Received) - len(b.Received) })
	for i := range h.Publishers {
		p := &h.Publishers[i]
		var before int
		var lines []string
		for _, m := range witness.Received {
			if m.From == p.Name && inside(m) {
				lines = append(lines, m.Line)
			} else if m.From == p.Name && m.Time < from {
				before++
			}
		}
		if len(lines) == 0 {
			p.Sent, p.Acked = []string{}, 0
			continue
		}
		begin := nearest(p.Sent, lines[0], before)
		end := nearest(p.Sent, lines[len(lines)-1], begin+len(lines)-1)
		p.Sent, p.Acked = p.Sent[begin:max(begin, end+1)], max(0, p.Acked-begin)
	}
	for i := range h.Subscribers {
		s := &h.Subscribers[i]
		begin := max(0, slices.IndexFunc(s.Received, inside))
		end := len(s.Received)
		for end > begin && !inside(s.Received[end-1]) {
			end--
		}
		s.Received = s.Received[begin:end]
	}
	return h
}

// nearest finds the line with a text that is nearest to a guess; the guess where there is none.
func nearest(lines []string, text string, guess int) int {
	for d := range len(lines) + 1 {
		for _, i := range []int{guess - d, guess + d} {
			if i >= 0 && i < len(lines) && lines[i] == text {
				return i
			}
		}
	}
	return min(max(guess, 0), len(lines)-1)
}
