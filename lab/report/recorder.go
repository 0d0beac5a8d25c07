package report

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"pubsublab/lab/history"
)

// maxArrivals is of how many messages the time of arrival is kept, at all subscribers together.
const maxArrivals = 1 << 19

// A Recorder keeps when messages arrived and what happened to nodes, while a run goes on. All
// methods may be called concurrently, and do nothing on a nil one.
type Recorder struct {
	began int64 // static

	// guarded by mu
	mu       sync.Mutex
	events   []Event
	arrivals map[string][]arrival // by subscriber's node
	kept     int                  // of all arrivals
}

// An arrival is when a message was seen. Its place is known where the subscriber's format has it.
type arrival struct {
	place history.Place
	at    int64
}

// NewRecorder returns the recorder of a run that begins now.
func NewRecorder() *Recorder {
	return &Recorder{began: time.Now().UnixMicro(), arrivals: map[string][]arrival{}}
}

// Fault says what somebody does to a node now, as a predicate: "was frozen". Say it before it is
// done.
func (r *Recorder) Fault(node, what string) { r.Add(Fault, node, what) }

// Add says that something has happened now.
func (r *Recorder) Add(kind Kind, node, text string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, Event{time.Now().UnixMicro(), kind, node, text})
	if kind == Back { // a subscriber that is started again begins its transcript anew
		r.kept -= len(r.arrivals[node])
		delete(r.arrivals, node)
	}
}

// Arrived takes a line that a subscriber's node wrote to its standard output now, in this format.
// Events are passed over. Where the format has no positions, the k-th message or gap is taken for the
// k-th of its transcript.
func (r *Recorder) Arrived(node string, format history.Format, line string) {
	if r == nil {
		return
	}
	seen := arrival{at: time.Now().UnixMicro()}
	switch {
	case format == history.TSV && strings.HasPrefix(line, "#"), format == history.JSON && isEvent.MatchString(line):
		return
	case format == history.TSV:
		m, _, err := history.Parse(line, format)
		if err != nil {
			return
		}
		seen.place = m.Place()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.arrivals[node]; r.kept >= maxArrivals && format == history.TSV {
		r.arrivals[node] = append([]arrival{}, old[len(old)/2:]...)
		r.kept -= len(old) / 2
	}
	if r.kept < maxArrivals {
		r.arrivals[node] = append(r.arrivals[node], seen)
		r.kept++
	}
}

var isEvent = regexp.MustCompile(`^{"event":"(joined|left)"`)

// Run returns what was recorded so far, with what was sent and received in it: that is not changed,
// but for the times of arrival.
func (r *Recorder) Run(h history.History) Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := Run{Began: r.began, Ended: time.Now().UnixMicro(), Events: slices.Clone(r.events), History: h}
	for _, s := range h.Subscribers {
		placed := map[history.Place]int64{}
		for k, seen := range r.arrivals[s.Name] {
			if seen.place.Pos != 0 {
				placed[seen.place] = seen.at
			} else if k < len(s.Received) {
				s.Received[k].Arrived = seen.at
			}
		}
		for k, m := range s.Received {
			if at, known := placed[m.Place()]; known {
				s.Received[k].Arrived = at
			}
		}
	}
	return run
}
