package report

import (
	"cmp"
	"slices"

	"pubsublab/lab/history"
)

// A travel is the way of one line: when it got its place in the order, and when who had it.
type travel struct {
	pos               uint64
	time              int64
	from, topic, line string
	arrivals          [][]history.Message // by subscriber: as often as it arrived there
}

// travels are the ways of all lines that anybody received, in the order of the broker.
func (r *Run) travels() []travel {
	type key struct {
		pos        uint64
		time       int64
		from, line string
		nth        int // of equal ones without a position
	}
	places := map[key]int{}
	var all []travel
	for i, s := range r.Subscribers {
		again := map[key]int{}
		for _, m := range s.Received {
			if m.Gap != 0 {
				continue
			}
			k := key{pos: m.Pos, time: m.Time, from: m.From, line: m.Line}
			if m.Pos == 0 {
				again[k]++
				k.nth = again[k]
			}
			place, known := places[k]
			if !known {
				place = len(all)
				places[k] = place
				all = append(all, travel{m.Pos, m.Time, m.From, m.Topic, m.Line, make([][]history.Message, len(r.Subscribers))})
			}
			all[place].arrivals[i] = append(all[place].arrivals[i], m)
		}
	}
	slices.SortStableFunc(all, func(a, b travel) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.pos, b.pos)) })
	return all
}
