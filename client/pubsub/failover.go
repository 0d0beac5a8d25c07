package pubsub

import (
	"math"
	"slices"
)

// failover is the brokers of a connector, and which of them is to be used. Its slices have an
// element for each of addrs.
type failover struct {
	addrs      []string
	turn       int     // the one in use, or else the one to try next
	tried      []int   // attempts since the outage began
	final      []bool  // it has failed for good, and is not tried again
	staleConns []int   // connections given up whose role line may still reach it, and take the name over
	errs       []error // why it failed last; nil where it has not
	failed     []int   // those that have failed, the last one at the end
}

func newFailover(addrs []string) failover {
	n := len(addrs)
	return failover{addrs: addrs, tried: make([]int, n), final: make([]bool, n), staleConns: make([]int, n), errs: make([]error, n)}
}

// addr returns the address whose turn it is.
func (f *failover) addr() string { return f.addrs[f.turn] }

// several reports whether there is another broker to go to.
func (f *failover) several() bool { return len(f.addrs) > 1 }

// rounds returns how many times the brokers that are not given up have been tried since the outage
// began: the least and the most of them.
func (f *failover) rounds() (least, most int) {
	least = math.MaxInt
	for i, tried := range f.tried {
		if !f.final[i] {
			least, most = min(least, tried), max(most, tried)
		}
	}
	return least, most
}

// roundOver reports whether the brokers that are not given up have all been tried equally often,
// and at least once.
func (f *failover) roundOver() bool {
	least, most := f.rounds()
	return least > 0 && least == most
}

// blame adds to an error which broker it is of, where there are several.
func (f *failover) blame(err error) error {
	if f.several() {
		return &BrokerError{f.addr(), err}
	}
	return err
}

// fail records why the broker whose turn it is cannot be used, and goes on to the next one that is
// not given up.
func (f *failover) fail(err error, final bool) {
	f.errs[f.turn] = err
	f.final[f.turn] = f.final[f.turn] || final
	f.failed = append(slices.DeleteFunc(f.failed, func(i int) bool { return i == f.turn }), f.turn)
	for range f.addrs {
		if f.turn = (f.turn + 1) % len(f.addrs); !f.final[f.turn] {
			return
		}
	}
}

// hopeless reports whether all brokers have failed for good.
func (f *failover) hopeless() bool { return !slices.Contains(f.final, false) }

// err returns why none of the brokers can be used.
func (f *failover) err() error {
	if len(f.failed) == 1 {
		return f.errs[f.failed[0]]
	}
	var all BrokersError
	for _, i := range f.failed {
		all = append(all, f.errs[i])
	}
	return all
}
