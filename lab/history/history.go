// Package history holds what publishers sent and what subscribers received, and the checker over it.
//
// [Check] is a pure function: it connects to nothing, reads no clock and keeps no state. It is told what was sent and
// what arrived, and names every fault it can prove (rules P8 to P12 of the line protocol). The package shares no code
// with the programs it judges, so that it cannot share their bugs.
//
// What can be explained as correct is never reported. Texts may repeat, so a message is identified by its publisher and
// its number among that publisher's lines, which the checker works out from what arrived.
package history

import "strings"

// History is one run: what was sent and what was received. It is data; [Check] does not change it.
type History struct {
	Publishers  []Publisher
	Subscribers []Subscriber
}

// Publisher is what one publisher sent (P6). Zero: a publisher that sent nothing.
type Publisher struct {
	Name  string // as subscribers see it; no two publishers of a history share one
	Topic string // empty: none (P11)

	// Sent holds its lines in the order in which it sent them, without line ends; any bytes, and texts may repeat.
	Sent []string

	// Sure is how many of the first lines are known to be accepted: acknowledged (P14), or all of them after a clean
	// finish (P7). Of the lines after that, some first part may have been accepted: the same part for every subscriber.
	// Zero: none is known. It is cut to 0..len(Sent).
	Sure int
}

// Subscriber is what one subscriber had to receive and what it received. Zero: one that may have joined late and left
// early, with no filter, and received nothing.
type Subscriber struct {
	Name   string // its label in the report, a node's name for example
	Filter string // topic filter (P11); empty: everything

	// FromFirst says that it must have everything from the very beginning: it asked for from=first (P12), or it was
	// registered before the first line was sent. False: it joined at some unknown moment.
	FromFirst bool
	// ToEnd says that it stayed until everything accepted was delivered. False: it left, or was killed, at some
	// unknown moment.
	ToEnd bool
	// GapsAllowed says that declared gaps (P12) are no fault of this subscriber.
	GapsAllowed bool

	// Received is what arrived, in order of arrival. A torn last line is not a message: leave it out.
	Received []Message
}

// Message is one received message, or one declared gap.
type Message struct {
	Pos   uint64 // its position in the total order (P12); 0: not known
	From  string // the publisher's name
	Topic string // empty: none
	Line  string // without its line end
	Gap   int    // more than 0: not a message but "[GAP n]", n messages declared missing here (P12)
}

// Match says whether a subscriber with this filter receives messages of this topic (P11). An empty filter matches
// everything; any other matches no message without a topic. "*" stands for one token, a last ">" for one or more.
func Match(filter, topic string) bool {
	if filter == "" {
		return true
	}
	if topic == "" {
		return false
	}
	for {
		want, moreWant, wantGoesOn := strings.Cut(filter, ".")
		got, moreGot, gotGoesOn := strings.Cut(topic, ".")
		switch {
		case want == ">" && !wantGoesOn:
			return true
		case want != "*" && want != got, wantGoesOn != gotGoesOn:
			return false
		case !wantGoesOn:
			return true
		}
		filter, topic = moreWant, moreGot
	}
}
