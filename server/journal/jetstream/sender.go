package jetstream

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// maxFlights is how many messages may be on their way through the stream. What is appended
// meanwhile shares the next one: the stream's cost is per message.
const maxFlights = 64

// What goes wrong with an attempt without anybody saying so.
var (
	errHole    = errors.New("the stream has not taken an entry, but one after it")
	errSilence = errors.New("the stream does not answer")
)

// send sends what is in the outbox, and again from the first that was not accepted whenever
// anything goes wrong, until the journal ends.
func (j *Journal) send() {
	defer j.outbox.abandon()
	const shortest, longest = 50 * time.Millisecond, time.Second
	pause := shortest
	for attempt := uint64(1); ; attempt++ {
		before := j.outbox.unaccepted()
		err := j.attempt(attempt)
		if j.ctx.Err() != nil {
			return
		}
		if j.outbox.unaccepted() > before {
			pause = shortest
		}
		if j.nc.IsConnected() && j.troubled.CompareAndSwap(false, true) {
			j.log.Warn("the stream did not take everything, sending again", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-j.ctx.Done():
			return
		}
		pause = min(2*pause, longest)
	}
}

// flight is a message that the stream has not answered.
type flight struct {
	jetstream.PubAckFuture
	after uint64 // a message that had been read before this one was sent
}

// attempt sends until something goes wrong.
func (j *Journal) attempt(n uint64) error {
	j.outbox.rewind()
	var flights []flight
	timeout := time.NewTimer(answerTimeout) // for the first flight: what is behind it waits in a queue
	defer timeout.Stop()
	for {
		for len(flights) < maxFlights {
			number, entries := j.outbox.next()
			if len(entries) == 0 {
				break
			}
			m := message{j.producer, number, n, entries}
			after := j.seq.Load()
			future, err := j.publish(m.encode(j.subject))
			if err != nil {
				return err
			}
			if len(flights) == 0 {
				timeout.Reset(answerTimeout)
			}
			flights = append(flights, flight{future, after})
		}
		j.outbox.finish()
		var answered <-chan *jetstream.PubAck
		var failed <-chan error
		var late <-chan time.Time
		if len(flights) > 0 {
			answered, failed, late = flights[0].Ok(), flights[0].Err(), timeout.C
		}
		select {
		case ack := <-answered:
			if ack.Sequence <= flights[0].after {
				j.cancel(fmt.Errorf("the stream %s has lost messages: it numbers a new one %d after %d had been read",
					j.cfg.Stream, ack.Sequence, flights[0].after))
				return nil
			}
			j.outbox.confirm(ack.Sequence)
			if j.troubled.CompareAndSwap(true, false) {
				j.log.Info("the stream takes entries again")
			}
			flights = flights[1:]
			timeout.Reset(answerTimeout)
		case err := <-failed:
			return err
		case <-late:
			return errSilence
		case in := <-j.holes:
			if in >= n {
				return errHole
			}
		case <-j.outbox.more:
		case <-j.ctx.Done():
			return nil
		}
	}
}
