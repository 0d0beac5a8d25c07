package pubsub

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"pubsublab/protocol"
)

// receive waits for the next item of the present session. ok is false where a line has none.
func (s *Subscriber) receive(ctx context.Context) (item Item, ok bool, err error) {
	line, err := s.readLine(ctx)
	if err != nil {
		return Item{}, false, err
	}
	s.connector.healthy()
	m, e, err := s.parser.parse(line)
	switch {
	case err == nil && e.Kind == 0:
		s.next = m.Pos + 1
		s.dedup = eventDedup{}
		return Item{Message: m}, true, nil
	case err == nil && e.Kind == protocol.Gap:
		s.next += e.Missing
		s.dedup = eventDedup{}
		return eventItem(e), true, nil
	case err == nil:
		return eventItem(e), s.dedup.isNew(e), nil
	}
	if text, ok := strings.CutPrefix(string(line), protocol.ErrorPrefix); ok {
		return Item{}, false, &protocol.Refusal{Text: text}
	}
	return Item{}, false, fmt.Errorf("%w: %w", ErrNotAServer, err)
}

// eventItem keeps the event of a message, which is none, off the heap.
func eventItem(e protocol.Event) Item { return Item{Event: &e} }

// readLine reads a line, and can be interrupted by ctx without harm.
func (s *Subscriber) readLine(ctx context.Context) ([]byte, error) {
	if line, ok := s.session.bufferedLine(); ok {
		return line, nil
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.session.SetReadDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	line, err := s.session.readLine()
	if !stop() {
		<-interrupted
		s.session.SetReadDeadline(time.Time{})
	}
	return line, err
}

// reconnect makes a session that goes on where the last one ended.
func (s *Subscriber) reconnect(ctx context.Context) error {
	both, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(s.closing, func() { cancel(ErrClosed) })
	defer stop()
	for cause := s.err; ; cause = nil {
		from := s.cfg.From
		if s.lost {
			from = protocol.FromFirst()
		} else if s.next > 0 {
			from = protocol.FromPosition(s.next)
		}
		session, err := s.connector.connect(both, s.hello(from), cause)
		if err != nil {
			if both.Err() == nil {
				s.err, s.ended = err, true
			}
			return err
		}
		before, now := s.session.welcome, session.welcome
		beforeAt := s.session.addr
		s.session = session
		s.current.Store(session)
		if !s.lost && (now.Next < s.next || now.Journal != before.Journal) {
			s.cfg.Logger.Warn(anotherOrder(beforeAt, session.addr)+", reading the new one from the beginning", "had_read_up_to", s.next-1)
			s.lost = true
			session.Close()
			s.connector.healthy()
			continue
		}
		s.err = nil
		s.connected.Store(true)
		s.dedup.skip, s.dedup.fresh = 0, true
		if s.lost || s.next == 0 {
			s.next = now.Next
			s.dedup = eventDedup{}
		}
		return nil
	}
}

// eventDedup finds the events that a server repeats after a reconnection. Events have no position
// of their own, so the server sends again those behind the last message. Brokers that share one
// order send the same events, and the times of events never run backwards.
type eventDedup struct {
	first protocol.Event // the first event after the last message
	count int            // how many there were after the last message
	skip  int            // how many of them are still to be repeated
	fresh bool           // none of them has been repeated since the reconnection, and nothing new has come
}

func (d *eventDedup) isNew(e protocol.Event) bool {
	if d.fresh && d.count > 0 {
		if e == d.first {
			d.skip = d.count
		} else if e.Time.Before(d.first.Time) {
			return false // of before the subscription
		}
	}
	d.fresh = false
	if d.skip > 0 {
		d.skip--
		return false
	}
	if d.count == 0 {
		d.first = e
	}
	d.count++
	return true
}

// parser is protocol.ParseTSV for consecutive lines. Those of one batch have their time, name and
// topic in common, which it parses once.
type parser struct {
	head string // from the tab behind the position to the one before the line
	like protocol.Message
}

func (p *parser) parse(line []byte) (protocol.Message, protocol.Event, error) {
	i := bytes.IndexByte(line, '\t')
	if p.head != "" && i > 0 && i < 19 && len(line) >= i+len(p.head) && string(line[i:i+len(p.head)]) == p.head {
		if pos, ok := digits(line[:i]); ok {
			m := p.like
			m.Pos, m.Line = pos, string(line[i+len(p.head):])
			return m, protocol.Event{}, nil
		}
	}
	m, e, err := protocol.ParseTSV(line)
	if err == nil && e.Kind == 0 {
		p.like, p.head = m, string(line[i:len(line)-len(m.Line)])
	}
	return m, e, err
}

func digits(s []byte) (n uint64, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return n, true
}
