package journal

import (
	"bytes"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// MaxRuns is how many publishers' runs a journal remembers, by name; the one
// heard of longest ago is forgotten first (P15).
const MaxRuns = 1 << 16

type run struct {
	id   string
	last uint64 // number of the last line that is in the order, or rejected
}

// Runs is what tells lines that are sent again from new ones. It is a pure
// function of the entries in their order, so that all who read the same order
// drop the same doubles. It is for one goroutine at a time.
type Runs struct {
	byName *simplelru.LRU[string, run]
}

// NewRuns returns what is known at the beginning of an order.
func NewRuns() *Runs {
	byName, err := simplelru.NewLRU[string, run](MaxRuns, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &Runs{byName}
}

// Next returns the number of the line that a run goes on with.
func (r *Runs) Next(name, id string) uint64 {
	if known, ok := r.byName.Peek(name); ok && known.id == id {
		return known.last + 1
	}
	return 1
}

// Admit returns e without the lines that the run has brought already.
func (r *Runs) Admit(e Entry) Entry {
	if e.Run == "" {
		return e
	}
	next := r.Next(e.From, e.Run)
	for ; e.First < next && e.Count > 0; e.First++ {
		e.Lines = e.Lines[bytes.IndexByte(e.Lines, '\n')+1:]
		e.Count--
	}
	r.byName.Add(e.From, run{e.Run, max(next, e.First+uint64(e.Count)) - 1})
	return e
}

// Each calls f for every run that is remembered, the one heard of longest ago
// first.
func (r *Runs) Each(f func(name, id string, next uint64)) {
	for _, name := range r.byName.Keys() {
		known, _ := r.byName.Peek(name)
		f(name, known.id, known.last+1)
	}
}
