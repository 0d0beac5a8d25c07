package feed

import (
	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// index is the feeds, and finds those that an entry is for without a look at each: one that waits
// for another topic costs nothing. It is guarded by the Set's lock.
type index struct {
	feeds  map[key]*feed
	events map[*feed]struct{} // those that want events, too
	shapes map[shape]int      // how many feeds there are of each

	// What was found for topics of late. A feed that comes or goes takes out those that it matches,
	// so that nothing in it is ever wrong.
	known map[string][]*feed
	size  int // feeds in known
}

type key struct {
	filter protocol.Filter
	format protocol.Format
}

type shape struct {
	protocol.Shape
	format protocol.Format
}

// How much the index remembers. Without, it costs a look-up for each shape of filter there is,
// which are few unless somebody wants them to be many.
const (
	maxKnownTopics = 256
	maxKnownFeeds  = 1 << 16
)

func newIndex() index {
	return index{feeds: map[key]*feed{}, events: map[*feed]struct{}{}, shapes: map[shape]int{}, known: map[string][]*feed{}}
}

func (x *index) add(f *feed) {
	x.feeds[f.key] = f
	x.shapes[shape{f.filter.Shape(), f.format}]++
	if f.format.Events() {
		x.events[f] = struct{}{}
	}
	x.forget(f)
}

func (x *index) remove(f *feed) {
	delete(x.feeds, f.key)
	s := shape{f.filter.Shape(), f.format}
	if x.shapes[s]--; x.shapes[s] == 0 {
		delete(x.shapes, s)
	}
	delete(x.events, f)
	x.forget(f)
}

// forget takes out what is known of the topics that f wants.
func (x *index) forget(f *feed) {
	for topic, feeds := range x.known {
		if f.filter.Match(topic) {
			x.size -= len(feeds)
			delete(x.known, topic)
		}
	}
}

// each calls do for every feed that e is for.
func (x *index) each(e *journal.Entry, do func(*feed)) {
	switch {
	case e.Event == nil:
		for _, f := range x.matching(e.Topic) {
			do(f)
		}
	case e.Event.Kind == protocol.Gap:
		for _, f := range x.feeds {
			do(f)
		}
	default:
		for f := range x.events {
			do(f)
		}
	}
}

// matching returns the feeds that want a topic.
func (x *index) matching(topic string) []*feed {
	feeds, ok := x.known[topic]
	if ok {
		return feeds
	}
	for s := range x.shapes {
		if filter, ok := s.Filter(topic); ok {
			if f := x.feeds[key{filter, s.format}]; f != nil {
				feeds = append(feeds, f)
			}
		}
	}
	if len(x.known) == maxKnownTopics || x.size+len(feeds) > maxKnownFeeds {
		clear(x.known)
		x.size = 0
	}
	if len(feeds) <= maxKnownFeeds {
		x.known[topic] = feeds
		x.size += len(feeds)
	}
	return feeds
}
