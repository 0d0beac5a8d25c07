package jetstream

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"pubsublab/server/journal"
)

const (
	// format is the version of the messages, and of what a sequencer makes of them, in a stream
	// that is created. Brokers that would make something else of a stream must not share it, so a
	// stream keeps its format.
	format = 4

	// lastRunOnly is the format of streams that were made before. They remember one run of a name,
	// the last, so that of two publishers with one name at two brokers the one that resumes doubles
	// its lines.
	lastRunOnly = 3

	// maxKey is how long a name or run is remembered as it is, in bytes; our client's runs are as
	// long. In place of a longer one is a digest of it.
	maxKey = 26

	// messageOverhead is about what a message takes in the stream besides what it says, in bytes.
	messageOverhead = 64
)

// maxProducers returns how many producers a sequencer remembers; the one heard of longest ago is
// forgotten first.
func maxProducers(format int) int {
	if format == lastRunOnly {
		return 1 << 16
	}
	return 1 << 12
}

// sequencer is what a broker knows of the order after a message of the stream. It is a pure
// function of the stream's messages up to that one, so that all brokers know the same. It is for
// one goroutine at a time.
type sequencer struct {
	format int
	every  int // bytes of messages between snapshots

	seq       uint64 // of the last message taken
	next      uint64 // the position of the next line
	time      time.Time
	since     int    // bytes of messages since the last snapshot
	due       bool   // what is known now is to be saved
	snapshots uint64 // how many were due up to here
	dedup     *journal.Dedup
	producers *simplelru.LRU[string, uint64] // the number of the last entry of each that was accepted
}

func newSequencer(format, every int) *sequencer {
	producers, err := simplelru.NewLRU[string, uint64](maxProducers(format), nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	perName := journal.RunsPerName
	if format == lastRunOnly {
		perName = 1
	}
	return &sequencer{format: format, every: every, next: 1, dedup: journal.NewDedup(perName), producers: producers}
}

// key is what a name or run is remembered as: whatever clients call themselves, a snapshot is no
// larger than maxSnapshot.
func (s *sequencer) key(text string) string {
	if len(text) <= maxKey || s.format == lastRunOnly {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return string(sum[:maxKey])
}

// admit returns e without the lines that its run has brought already.
func (s *sequencer) admit(e journal.Entry) journal.Entry {
	if e.Run == "" {
		return e
	}
	from, run := e.From, e.Run
	e.From, e.Run = s.key(from), s.key(run)
	e = s.dedup.Admit(e)
	e.From, e.Run = from, run
	return e
}

// nextLine returns the number of the line that a run goes on with.
func (s *sequencer) nextLine(name, run string) uint64 { return s.dedup.Next(s.key(name), s.key(run)) }

// take takes the message with the next sequence number in, which has so many bytes and need not be
// a broker's. A producer's entry is accepted if it is the one after its last: a producer numbers
// its entries and sends again what may not have arrived, from there on, so everything else is a
// double, or comes behind something that will be sent again. The entries returned, which are the
// message's, are those accepted, without lines that the publisher sent twice.
func (s *sequencer) take(at time.Time, m *message, size int) (accepted []journal.Entry) {
	s.seq++
	if s.due {
		s.since = 0
	}
	s.since += size + messageOverhead
	s.due = s.since >= s.every && m.producer != "" // who is then there to save it
	if s.due {
		s.snapshots++
	}
	if at.After(s.time) {
		s.time = at.UTC()
	}
	last := s.last(m.producer)
	if m.number == 0 || m.number > last+1 || m.number+uint64(len(m.entries)) <= last+1 {
		return nil
	}
	accepted = m.entries[last+1-m.number:]
	s.producers.Add(m.producer, last+uint64(len(accepted)))
	for i := range accepted {
		e := &accepted[i]
		*e = s.admit(*e)
		e.Time = s.time
		e.Pos = s.next
		s.next += uint64(e.Count)
	}
	return accepted
}

// last returns the number of a producer's last accepted entry, 0 for none.
func (s *sequencer) last(producer string) uint64 {
	n, _ := s.producers.Peek(producer)
	return n
}

// snapshot is a sequencer, written down.
type snapshot struct {
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

// save writes the sequencer down: the same bytes at every broker.
func (s *sequencer) save(id string) []byte { return s.snapshot(id).encode() }

// snapshot returns what there is to write down, which takes longer.
func (s *sequencer) snapshot(id string) *snapshot {
	c := &snapshot{
		Format: s.format, Journal: id, Seq: s.seq, Next: s.next, Time: s.time, Since: s.since, Due: s.due, Checkpoints: s.snapshots,
	}
	s.dedup.Each(func(name, run string, next uint64) { c.Runs = append(c.Runs, savedRun{name, run, next}) })
	for _, producer := range s.producers.Keys() {
		c.Producers = append(c.Producers, savedProducer{producer, s.last(producer)})
	}
	return c
}

func (c *snapshot) encode() []byte {
	var b bytes.Buffer
	var err error
	if c.Format == lastRunOnly {
		var data []byte
		data, err = json.Marshal(c)
		b.Write(data)
	} else {
		type checkpoint snapshot // the type's name is in what is stored, and stays
		err = gob.NewEncoder(&b).Encode((*checkpoint)(c))
	}
	if err != nil {
		panic(err) // nothing in it can fail
	}
	return b.Bytes()
}

// loadSequencer reads what save wrote.
func loadSequencer(data []byte, id string, format, every int) (*sequencer, error) {
	var c snapshot
	var err error
	if format == lastRunOnly {
		err = json.Unmarshal(data, &c)
	} else {
		err = gob.NewDecoder(bytes.NewReader(data)).Decode(&c)
	}
	if err != nil {
		return nil, err
	}
	if c.Format != format || c.Journal != id {
		return nil, fmt.Errorf("it is of journal %s in format %d, expected %s in %d", c.Journal, c.Format, id, format)
	}
	s := newSequencer(format, every)
	s.seq, s.next, s.time, s.since, s.due, s.snapshots = c.Seq, c.Next, c.Time, c.Since, c.Due, c.Checkpoints
	for _, r := range c.Runs {
		s.dedup.Admit(journal.Entry{From: r.Name, Run: r.Run, First: r.Next})
	}
	for _, p := range c.Producers {
		s.producers.Add(p.ID, p.Last)
	}
	return s, nil
}
