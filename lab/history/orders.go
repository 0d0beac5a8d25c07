package history

import "slices"

// Order is what was sent and received in one order of a broker. A broker that lost its memory
// begins a new one (P12).
type Order struct {
	History
	// First holds, by publisher, the index of the line with which it began in this order: its Sent
	// begins there.
	First []int
}

// Broken is what one subscriber had of one publisher where an order ended.
type Broken struct {
	Subscriber, Publisher string
	Lost                  int // lines that it received in neither order
	Again                 int // lines that it received in both
}

// Orders tells the orders of a history apart, by the gaps that are [Unknown], and returns what went
// wrong between them. Each order is then to be judged by itself, with [Check]. A publisher sends
// again, in the next order, what was not acknowledged in the one before, and all the rest. Without
// such a gap there is one order, and nothing broken. A subscriber with fewer of these gaps than
// others saw the last orders where it stayed ToEnd, else the first ones after those that had ended
// before it joined ([Subscriber].Since).
func Orders(h History) (orders []Order, broken []Broken) {
	received := make([][][]Message, len(h.Subscribers)) // by subscriber and order
	n := 1
	for i, s := range h.Subscribers {
		received[i] = append(make([][]Message, s.Since), split(s.Received)...)
		n = max(n, len(received[i]))
	}
	for i, s := range h.Subscribers {
		missing := make([][]Message, n-len(received[i]))
		if s.ToEnd {
			received[i] = append(missing, received[i]...)
		} else {
			received[i] = append(received[i], missing...)
		}
	}
	next := make([]int, len(h.Publishers)) // by publisher: the line behind those received in the order before
	for k := range n {
		o := Order{First: make([]int, len(h.Publishers))}
		for i, s := range h.Subscribers {
			// Who was not there received nothing, and did not have to.
			there := received[i][k] != nil
			s.Received, s.FromFirst, s.ToEnd = received[i][k], s.FromFirst && there, s.ToEnd && there && k == n-1
			o.Subscribers = append(o.Subscribers, s)
		}
		for p, pub := range h.Publishers {
			witness := o.witness(pub.Name)
			if k > 0 {
				o.First[p] = begin(pub.Sent, witness, next[p])
			}
			next[p] = o.First[p] + len(witness)
			pub.Sent = pub.Sent[o.First[p]:]
			if pub.Acked = max(0, pub.Acked-o.First[p]); k < n-1 {
				pub.Acked = 0
			}
			o.Publishers = append(o.Publishers, pub)
			for i, s := range h.Subscribers {
				if k == 0 || received[i][k-1] == nil || received[i][k] == nil || !Match(s.Filter, pub.Topic) {
					continue
				}
				between := o.First[p] - orders[k-1].First[p] - len(linesOf(pub.Name, received[i][k-1]))
				if between != 0 {
					broken = append(broken, Broken{s.Name, pub.Name, max(0, between), max(0, -between)})
				}
			}
		}
		orders = append(orders, o)
	}
	return orders, broken
}

// split cuts what a subscriber received at the ends of orders. The part of an order is nil where it
// was not there.
func split(received []Message) (parts [][]Message) {
	for {
		end := slices.IndexFunc(received, func(m Message) bool { return m.Gap <= Unknown })
		if end < 0 {
			return append(parts, append([]Message{}, received...))
		}
		parts = append(parts, append([]Message{}, received[:end]...))
		parts = append(parts, make([][]Message, Unknown-received[end].Gap)...)
		received = received[end+1:]
	}
}

// witness is what the subscriber received of a publisher that received most of it.
func (o *Order) witness(publisher string) (most []string) {
	for _, s := range o.Subscribers {
		if lines := linesOf(publisher, s.Received); len(lines) > len(most) {
			most = lines
		}
	}
	return most
}

// begin finds the line, counted from 0, with which a publisher began in an order: where the lines
// that were received stand among its lines, as near as possible to the end of the order before.
func begin(sent, received []string, before int) int {
	best, found := min(before, len(sent)), false
	for i := 0; i+len(received) <= len(sent) && len(received) > 0; i++ {
		nearer := !found || max(i-before, before-i) < max(best-before, before-best)
		if nearer && slices.Equal(sent[i:i+len(received)], received) {
			best, found = i, true
		}
	}
	return best
}

func linesOf(publisher string, received []Message) (lines []string) {
	for _, m := range received {
		if m.Gap == 0 && m.From == publisher {
			lines = append(lines, m.Line)
		}
	}
	return lines
}
