// Package history holds what publishers sent and what subscribers received, and the checker over
// it.
//
// [Check] is a pure function: it connects to nothing, reads no clock and keeps no state. It is told
// what was sent and what arrived, and names every fault it can prove (rules P8 to P12 of the line
// protocol). The package shares no code with the programs it judges, so that it cannot share their
// bugs.
//
// Each guarantee is one short function, called by [Check]. Evidence carries positions (P12): they say
// which message is which. Where a transcript has none, the text of a line does, where its publisher
// sent it once, and so does its place from the beginning on. Where neither does, the verdict is
// "unknown".
package history

import "strings"

// History is one run: what was sent and what was received. It is data; [Check] does not change it.
type History struct {
	Publishers  []Publisher  `json:"publishers"`
	Subscribers []Subscriber `json:"subscribers"`

	// Others says that publishers which are not listed may have published too: their messages are
	// not judged, and may be left out. False: what nobody listed has sent is invented, and no
	// position is anybody else's.
	Others bool `json:"others,omitempty"`
}

// Publisher is what one publisher sent (P6). Zero: a publisher that sent nothing.
type Publisher struct {
	Name  string `json:"name"`            // as subscribers see it; no two publishers of a history share one
	Topic string `json:"topic,omitempty"` // empty: none (P11)

	// Acked is how many of the first lines are known to be accepted: acknowledged (P14), or all of
	// them after a clean finish (P7). Of the lines after that, some first part may have been
	// accepted: the same part for every subscriber. Zero: none is known. It is cut to 0..len(Sent).
	Acked int `json:"acked"`

	// Sent holds its lines in the order in which it sent them, without line ends; any bytes, and
	// texts may repeat.
	Sent []string `json:"sent"`
}

// Subscriber is what one subscriber had to receive and what it received. Zero: one that may have
// joined late and left early, with no filter, and received nothing.
type Subscriber struct {
	Name   string `json:"name"`             // its label in the report, a node's name for example
	Filter string `json:"filter,omitempty"` // topic filter (P11); empty: everything

	// FromFirst says that it must have everything from the very beginning: it asked for from=first
	// (P12), or it was registered before the first line was sent. False: it joined at some unknown
	// moment.
	FromFirst bool `json:"from_first"`
	// ToEnd says that it stayed until everything accepted was delivered. False: it left, or was
	// killed, at some unknown moment.
	ToEnd bool `json:"to_end"`
	// Since is how many orders of the broker had ended when it joined; see [Orders].
	Since int `json:"since,omitempty"`
	// GapsAllowed says that declared gaps (P12) are no fault of this subscriber.
	GapsAllowed bool `json:"gaps_allowed,omitempty"`

	// Received is what arrived, in order of arrival. A torn last line is not a message: leave it
	// out.
	Received []Message `json:"received"`
}

// Message is one received message, or one declared gap.
type Message struct {
	Pos   uint64 `json:"pos,omitempty"`   // its position in the total order (P12); 0: not known
	From  string `json:"from,omitempty"`  // the publisher's name
	Topic string `json:"topic,omitempty"` // empty: none
	Line  string `json:"line,omitempty"`  // without its line end
	Gap   int    `json:"gap,omitempty"`   // not 0: no message but "[GAP n]", n declared missing here (P12), or [Unknown]

	// Times are told and not judged. They are in microseconds since 1970; 0: not known.
	Time    int64 `json:"time,omitempty"`    // when it got its place in the order, by the broker's clock
	Arrived int64 `json:"arrived,omitempty"` // when the subscriber had it, by the clock of who watched
}

// A Place is that of a message in the order. A broker that has lost its memory uses positions anew,
// but at other times.
type Place struct {
	Pos  uint64
	Time int64
}

// Place is where the message is in the order; zero: it is not known.
func (m Message) Place() Place { return Place{m.Pos, m.Time} }

// Unknown is the Gap of "[GAP 0]": an order ends here and another one begins, and nobody knows how
// many messages of the first are missing. [Orders] tells them apart. A Gap of Unknown-n says besides
// that n whole orders in between, of which the subscriber saw nothing, have ended.
const Unknown = -1

// Match reports whether a subscriber with this filter receives messages of this topic (P11). An empty
// filter matches everything; any other matches no message without a topic. "*" stands for one
// token, a last ">" for one or more.
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
