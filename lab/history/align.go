package history

import (
	"slices"
	"sort"
)

// Everything here works on symbols: equal texts of one publisher have equal symbols, which are not negative. A received
// text that was never sent has the symbol none.
const none = int32(-1)

// maxEdits bounds the exact alignment: its time and memory grow with the square of the number of differences.
const maxEdits = 2000

// occurrences returns every place at which part occurs in whole, in growing order (Knuth, Morris and Pratt).
func occurrences(whole, part []int32) []int32 {
	if len(part) == 0 || len(part) > len(whole) {
		return nil
	}
	border := make([]int32, len(part)+1) // border[i]: the longest proper border of part[:i]
	border[0] = -1
	for i, b := 0, int32(-1); i < len(part); {
		for b >= 0 && part[b] != part[i] {
			b = border[b]
		}
		b++
		i++
		border[i] = b
	}
	var starts []int32
	matched := int32(0)
	for i, s := range whole {
		for matched >= 0 && (int(matched) == len(part) || part[matched] != s) {
			matched = border[matched]
		}
		matched++
		if int(matched) == len(part) {
			starts = append(starts, int32(i+1-len(part)))
		}
	}
	return starts
}

// align says which sent line each received one is: the index in sent, growing, or none. It matches as many as it can.
// With freeHead (freeTail) it costs nothing that the first (last) sent lines did not arrive.
//
// It is exact where no received text was sent twice, and where there are at most maxEdits differences. Beyond both it
// goes by the texts that were sent once, and fills in what stands between them as it comes.
func align(sent, got []int32, freeHead, freeTail bool) []int32 {
	once, all := sentOnce(sent, got)
	if all {
		return longestGrowing(once)
	}
	if at, ok := diff(sent, got, freeHead, freeTail); ok {
		return at
	}
	head, tail := 0, 0 // what is equal at an end that is not free
	for !freeHead && head < min(len(sent), len(got)) && sent[head] == got[head] {
		head++
	}
	for !freeTail && head+tail < min(len(sent), len(got)) && sent[len(sent)-1-tail] == got[len(got)-1-tail] {
		tail++
	}
	end := len(sent) - tail
	at := make([]int32, 0, len(got))
	for i := range head {
		at = append(at, int32(i))
	}
	for _, j := range alignRoughly(sent[head:end], got[head:len(got)-tail]) {
		if j != none {
			j += int32(head)
		}
		at = append(at, j)
	}
	for i := range tail {
		at = append(at, int32(end+i))
	}
	return at
}

// alignRoughly goes by the texts that were sent once, and between them takes the next equal one within reach.
func alignRoughly(sent, got []int32) []int32 {
	once, _ := sentOnce(sent, got)
	at := longestGrowing(once)
	limits := make([]int32, len(got)) // per received line: the next one with a place is that sent line
	limit := int32(len(sent))
	for i := len(got) - 1; i >= 0; i-- {
		if at[i] != none {
			limit = at[i]
		}
		limits[i] = limit
	}
	const lookahead = 64
	next := int32(0) // the first sent line that is still free
	for i := range got {
		if at[i] == none {
			window := sent[next:max(next, min(limits[i], next+lookahead))]
			if k := slices.Index(window, got[i]); k >= 0 {
				at[i] = next + int32(k)
			}
		}
		if at[i] != none {
			next = at[i] + 1
		}
	}
	return at
}

// sentOnce gives the index in sent of each received symbol that was sent exactly once, and whether that is all of them.
func sentOnce(sent, got []int32) (at []int32, all bool) {
	const often = int32(-2)
	where := make(map[int32]int32, len(sent))
	for i, s := range sent {
		if _, seen := where[s]; seen {
			where[s] = often
		} else {
			where[s] = int32(i)
		}
	}
	at, all = make([]int32, len(got)), true
	for i, g := range got {
		j, known := where[g]
		switch {
		case !known:
			j = none
		case j == often:
			j, all = none, false
		}
		at[i] = j
	}
	return at, all
}

// longestGrowing keeps a longest strictly growing subsequence of at and turns the rest into none. Of a value that
// comes twice it keeps the first, so that the second is the duplicate.
func longestGrowing(at []int32) []int32 {
	kept := slices.Repeat([]int32{none}, len(at))
	for _, i := range growing(len(at), func(i int) uint64 { return uint64(at[i] + 1) }) {
		kept[i] = at[i]
	}
	return kept
}

// growing gives the indexes, from the last one down, of a longest strictly growing subsequence of n values; 0 is no
// value.
func growing(n int, value func(i int) uint64) (indexes []int) {
	var ends []int // ends[l]: index of the smallest last element of a growing subsequence of length l+1
	before := make([]int, n)
	for i := range n {
		x := value(i)
		if x == 0 {
			continue
		}
		l := sort.Search(len(ends), func(l int) bool { return value(ends[l]) >= x })
		if l > 0 {
			before[i] = ends[l-1]
		}
		switch {
		case l == len(ends):
			ends = append(ends, i)
		case value(ends[l]) > x:
			ends[l] = i
		}
	}
	for l, i := len(ends), 0; l > 0; l-- {
		if l == len(ends) {
			i = ends[l-1]
		}
		indexes = append(indexes, i)
		i = before[i]
	}
	return indexes
}

// diff is the exact alignment, or false where it would take more than maxEdits.
func diff(sent, got []int32, freeHead, freeTail bool) ([]int32, bool) {
	switch {
	case freeHead && freeTail:
		return diffFromSeed(sent, got)
	case freeHead:
		return diffBackwards(sent, got)
	}
	return editScript(sent, got, freeTail)
}

// diffBackwards aligns from the end, the first sent lines being free.
func diffBackwards(sent, got []int32) ([]int32, bool) {
	sent, got = slices.Clone(sent), slices.Clone(got)
	slices.Reverse(sent)
	slices.Reverse(got)
	at, ok := editScript(sent, got, true)
	slices.Reverse(at)
	for i := range at {
		if at[i] != none {
			at[i] = int32(len(sent)) - 1 - at[i]
		}
	}
	return at, ok
}

// diffFromSeed aligns what is free at both ends: each received text votes for the places it may have come from, the
// rarer the more, and from the place with the most votes it is aligned forwards and backwards.
func diffFromSeed(sent, got []int32) ([]int32, bool) {
	const rare = 16
	places := make(map[int32][]int32, len(sent))
	for j, s := range sent {
		if len(places[s]) <= rare {
			places[s] = append(places[s], int32(j))
		}
	}
	votes := make(map[int32]int)
	best := int32(0)
	for i, g := range got {
		if len(places[g]) > rare {
			continue
		}
		for _, j := range places[g] {
			shift := j - int32(i)
			votes[shift] += rare / len(places[g])
			if votes[shift] > votes[best] || votes[shift] == votes[best] && shift < best {
				best = shift
			}
		}
	}
	seed := 0
	for ; seed < len(got); seed++ {
		if j := int(best) + seed; j >= 0 && j < len(sent) && sent[j] == got[seed] {
			break
		}
	}
	if seed == len(got) {
		return editScript(sent, got, true)
	}
	cut := int(best) + seed
	head, ok := diffBackwards(sent[:cut], got[:seed])
	tail, ok2 := editScript(sent[cut:], got[seed:], true)
	for i := range tail {
		if tail[i] != none {
			tail[i] += int32(cut)
		}
	}
	return append(head, tail...), ok && ok2
}

// editScript is the greedy algorithm of Myers: reach[k] is how far on sent one gets on the diagonal k = sent - received
// with d differences.
func editScript(sent, got []int32, freeTail bool) ([]int32, bool) {
	const zero = maxEdits + 1
	reach := slices.Repeat([]int32{none}, 2*zero+1)
	var steps [][]int32 // steps[d]: reach[-d..d] after d differences
	for d := 0; d <= maxEdits; d++ {
		for k := -d; k <= d; k += 2 {
			x := int32(0)
			if d > 0 {
				x, _ = furthest(reach[zero+k-1], reach[zero+k+1], k, len(sent), len(got))
			}
			if x != none {
				for int(x) < len(sent) && int(x)-k < len(got) && sent[x] == got[int(x)-k] {
					x++
				}
			}
			reach[zero+k] = x
			if x != none && int(x)-k == len(got) && (freeTail || int(x) == len(sent)) {
				return trackBack(steps, x, k, len(sent), len(got)), true
			}
		}
		steps = append(steps, slices.Clone(reach[zero-d:zero+d+1]))
	}
	return nil, false
}

// furthest chooses how diagonal k is entered: from k-1 by a sent line that did not arrive, or from k+1 by a received
// line that is extra.
func furthest(below, above int32, k, sent, got int) (x int32, extra bool) {
	lost := none
	if below != none && int(below) < sent {
		lost = below + 1
	}
	if above != none && int(above)-k > got {
		above = none
	}
	if above != none && above >= lost {
		return above, true
	}
	return lost, false
}

// trackBack reads the matches out of the steps, from the end at sent line x on diagonal k.
func trackBack(steps [][]int32, x int32, k, sent, got int) []int32 {
	at := slices.Repeat([]int32{none}, got)
	for d := len(steps); ; d-- {
		entered, extra := int32(0), false
		if d > 0 {
			entered, extra = furthest(stepAt(steps[d-1], d-1, k-1), stepAt(steps[d-1], d-1, k+1), k, sent, got)
		}
		for x > entered {
			x--
			at[int(x)-k] = x
		}
		switch {
		case d == 0:
			return at
		case extra:
			k++
		default:
			x--
			k--
		}
	}
}

func stepAt(step []int32, d, k int) int32 {
	if k < -d || k > d || (k+d)%2 != 0 {
		return none
	}
	return step[k+d]
}
