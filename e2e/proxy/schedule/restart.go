package schedule

import (
	"errors"
	"fmt"

	"pubsublab/lab/history"
)

// endOfOrder stands where a subscriber is told that the order has ended: the
// broker has lost its history. No message and no gap is like that.
var endOfOrder history.Message

// errForgotten is of a subscriber that is told so when nothing was restarted.
var errForgotten = errors.New("the broker has lost its history")

// restart restarts the broker while publishers publish.
func (r *runner) restart() {
	r.present.Wait()
	for i, c := range r.clients {
		if c != nil {
			r.result.Orders[1].Publishers[i].Acked = int(c.Stats().Acked)
		}
	}
	r.fail("restart", r.host.Restart())
}

// next is where a subscriber's messages go after the end of an order.
func (r *runner) next(i int) *history.Subscriber {
	before, after := &r.result.Orders[0].Subscribers[i], new(history.Subscriber)
	if len(r.result.Orders) == 2 {
		after = &r.result.Orders[1].Subscribers[i]
	}
	if len(r.result.Orders) == 1 || after.Name != "" {
		r.fail(before.Name, errForgotten)
	}
	// It was not connected when the order ended, unless nothing breaks its connection.
	before.ToEnd = len(r.Subscribers[i].Plans) == 0
	*after = history.Subscriber{Name: before.Name, Filter: before.Filter, FromFirst: true, ToEnd: true}
	return after
}

// divide tells which lines belong to the order after the restart, by the
// witness: a publisher sends again what was not acknowledged, up to its last
// line. All before that belong to the order before, and were delivered.
func (r *runner) divide() {
	first, second := &r.result.Orders[0], &r.result.Orders[1]
	for i := range r.Publishers {
		p, acked := &first.Publishers[i], second.Publishers[i].Acked
		before, after := count(first.Subscribers[0], p.Name), count(second.Subscribers[0], p.Name)
		again := max(0, len(p.Sent)-after) // the first line of the second order, counted from 0
		if again < acked {
			r.fail(p.Name, fmt.Errorf("%d lines were acknowledged, and it sent again from line %d", acked, again+1))
		}
		if before > again {
			r.result.Again += before - again
			if len(r.Publishers[i].Plans) == 0 {
				r.fail(p.Name, fmt.Errorf("line %d to %d were delivered in both orders, although nothing broke its connection", again+1, before))
			}
		}
		second.Publishers[i] = history.Publisher{Name: p.Name, Topic: p.Topic, Sent: p.Sent[again:], Acked: p.Acked - again}
		p.Acked = again
	}
}

// count is how many lines of a publisher a subscriber received.
func count(s history.Subscriber, publisher string) (n int) {
	for _, m := range s.Received {
		if m.From == publisher {
			n++
		}
	}
	return n
}
