package jetstream

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"pubsublab/server/journal"
)

const (
	// format is the version of the messages, and of what an order makes of them.
	// Brokers of different formats must not share a stream.
	format = 3

	// maxProducers is how many producers an order remembers; the one heard of
	// longest ago is forgotten first.
	maxProducers = 1 << 16

	// messageOverhead is about what a message takes in the stream besides what it
	// says, in bytes.
	messageOverhead = 64
)

// order is what a broker knows of the order after a message of the stream. It
// is a pure function of the stream's messages up to that one, so that all
// brokers know the same. It is for one goroutine at a time.
type order struct {
	every int // bytes of messages between checkpoints

	seq         uint64 // of the last message taken
	next        uint64 // the position of the next line
	time        time.Time
	since       int    // bytes of messages since the last checkpoint
	due         bool   // what is known now is to be saved
	checkpoints uint64 // how many were due up to here
	runs        *journal.Runs
	producers   *simplelru.LRU[string, uint64] // the number of the last entry of each that was accepted
}

func newOrder(every int) *order {
	producers, err := simplelru.NewLRU[string, uint64](maxProducers, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &order{every: every, next: 1, runs: journal.NewRuns(), producers: producers}
}

// take takes the message with the next sequence number in, which has so many
// bytes and need not be a broker's. A producer's entry
// is accepted if it is the one after its last: a producer numbers its entries
// and sends again what may not have arrived, from there on, so everything else
// is a double, or comes behind something that will be sent again. The entries
// returned, which are the message's, are those accepted, without lines that the
// publisher sent twice.
func (o *order) take(at time.Time, m *message, size int) (accepted []journal.Entry) {
	o.seq++
	if o.due {
		o.since = 0
	}
	o.since += size + messageOverhead
	o.due = o.since >= o.every && m.producer != "" // who is then there to save it
	if o.due {
		o.checkpoints++
	}
	if at.After(o.time) {
		o.time = at.UTC()
	}
	last := o.last(m.producer)
	if m.number == 0 || m.number > last+1 || m.number+uint64(len(m.entries)) <= last+1 {
		return nil
	}
	accepted = m.entries[last+1-m.number:]
	o.producers.Add(m.producer, last+uint64(len(accepted)))
	for i := range accepted {
		e := &accepted[i]
		*e = o.runs.Admit(*e)
		e.Time = o.time
		e.Pos = o.next
		o.next += uint64(e.Count)
	}
	return accepted
}

// last returns the number of a producer's last accepted entry, 0 for none.
func (o *order) last(producer string) uint64 {
	n, _ := o.producers.Peek(producer)
	return n
}

// checkpoint is an order, written down.
type checkpoint struct {
	Format      int
	Journal     string
	Seq         uint64
	Next        uint64
	Time        time.Time
	Since       int
	Due         bool
	Checkpoints uint64
	Runs        []savedRun      // the one heard of longest ago first
	Producers   []savedProducer // likewise
}

type savedRun struct {
	Name, Run string
	Next      uint64
}

type savedProducer struct {
	ID   string
	Last uint64
}

// save writes the order down: the same bytes at every broker.
func (o *order) save(id string) []byte {
	c := checkpoint{
		Format: format, Journal: id, Seq: o.seq, Next: o.next, Time: o.time, Since: o.since, Due: o.due, Checkpoints: o.checkpoints,
	}
	o.runs.Each(func(name, run string, next uint64) { c.Runs = append(c.Runs, savedRun{name, run, next}) })
	for _, producer := range o.producers.Keys() {
		c.Producers = append(c.Producers, savedProducer{producer, o.last(producer)})
	}
	data, err := json.Marshal(&c)
	if err != nil {
		panic(err) // nothing in it can fail
	}
	return data
}

// loadOrder reads what save wrote.
func loadOrder(data []byte, id string, every int) (*order, error) {
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	if c.Format != format || c.Journal != id {
		return nil, fmt.Errorf("it is of journal %s in format %d, expected %s in %d", c.Journal, c.Format, id, format)
	}
	o := newOrder(every)
	o.seq, o.next, o.time, o.since, o.due, o.checkpoints = c.Seq, c.Next, c.Time, c.Since, c.Due, c.Checkpoints
	for _, r := range c.Runs {
		o.runs.Admit(journal.Entry{From: r.Name, Run: r.Run, First: r.Next})
	}
	for _, p := range c.Producers {
		o.producers.Add(p.ID, p.Last)
	}
	return o, nil
}
