package journal

import (
	"bytes"
	"slices"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// What a journal remembers of publishers' runs is bounded (P15): the last RunsPerName of a name, so
// that namesakes at several brokers, or one who takes over and one who comes back, do not make each
// other forgotten; and MaxRuns of all names, of which the one heard of longest ago is forgotten
// first, with all its runs.
const (
	MaxRuns     = 1 << 16
	RunsPerName = 16
)

type run struct {
	id   string
	last uint64 // number of the last line that is in the order, or rejected
}

// Dedup is what tells lines that are sent again from new ones. It is a pure function of the entries
// in their order, so that all who read the same order drop the same doubles. It is for one
// goroutine at a time.
type Dedup struct {
	perName int
	names   *simplelru.LRU[string, []run] // of each name, the run heard of last is the last
	count   int                           // runs of all names
}

// NewDedup returns what is known at the beginning of an order, in which so many runs of a name are
// remembered: RunsPerName, unless the order began with another number.
func NewDedup(perName int) *Dedup {
	d := &Dedup{perName: perName}
	names, err := simplelru.NewLRU(MaxRuns, func(_ string, forgotten []run) { d.count -= len(forgotten) })
	if err != nil {
		panic(err) // only for a size below 1
	}
	d.names = names
	return d
}

// Next returns the number of the line that a run goes on with.
func (d *Dedup) Next(name, id string) uint64 {
	runs, _ := d.names.Peek(name)
	if i := find(runs, id); i >= 0 {
		return runs[i].last + 1
	}
	return 1
}

func find(runs []run, id string) int {
	return slices.IndexFunc(runs, func(known run) bool { return known.id == id })
}

// Admit returns e without the lines that the run has brought already.
func (d *Dedup) Admit(e Entry) Entry {
	if e.Run == "" {
		return e
	}
	known := d.hear(e.From, e.Run)
	for ; e.First <= known.last && e.Count > 0; e.First++ {
		e.Lines = e.Lines[bytes.IndexByte(e.Lines, '\n')+1:]
		e.Count--
	}
	known.last = max(known.last+1, e.First+uint64(e.Count)) - 1
	return e
}

// hear returns the run, as the last one heard of, until the next call.
func (d *Dedup) hear(name, id string) *run {
	runs, _ := d.names.Get(name)
	last := len(runs) - 1
	if last >= 0 && runs[last].id == id {
		return &runs[last]
	}
	if last < 0 {
		name = strings.Clone(name) // from a larger text, perhaps, as the run is
	}
	known := run{id: strings.Clone(id)}
	i := find(runs, id)
	switch {
	case i >= 0:
		known = runs[i]
	case len(runs) == d.perName:
		i = 0
	default:
		i = len(runs)
		runs = append(runs, run{})
		d.count++
	}
	runs = append(append(runs[:i], runs[i+1:]...), known)
	d.names.Add(name, runs)
	for d.count > MaxRuns {
		d.names.RemoveOldest()
	}
	return &runs[len(runs)-1]
}

// Each calls f for every run that is remembered, the names heard of longest ago first, and the runs
// of a name likewise: in this order, they can be admitted again.
func (d *Dedup) Each(f func(name, id string, next uint64)) {
	for _, name := range d.names.Keys() {
		runs, _ := d.names.Peek(name)
		for _, known := range runs {
			f(name, known.id, known.last+1)
		}
	}
}
