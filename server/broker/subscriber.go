package broker

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"

	"pubsublab/protocol"
	"pubsublab/server/feed"
	"pubsublab/server/journal"
)

// subscribe has a subscriber sent its feed, and has what it says read, which is
// little: terminate, or the end.
func (s *session) subscribe(welcome protocol.Welcome, rest []byte, unframed bool) {
	s.sent = make(chan error, 1)
	cursor, err := s.b.feeds.Open(s.ctx, s.hello.Filter, s.hello.Format, s.hello.From,
		func() { s.b.all.Go(s.send) }, func() { s.abort(feed.ErrSlow) })
	if err != nil {
		s.leave(s.keptOut(err))
		return
	}
	s.mu.Lock()
	s.cursor = cursor
	s.mu.Unlock()
	if s.ctx.Err() != nil { // kicked before there was a cursor to interrupt
		cursor.Interrupt(s.cause(nil))
	}
	welcome.Next = cursor.Start()
	if _, err := s.conn.Write([]byte(welcome.String() + "\n")); err != nil {
		s.unsubscribe(err)
		return
	}
	const longest = 64 // nothing longer is listened to
	d := protocol.NewDecoder(longest, rest)
	if unframed {
		d.SetUnframed()
	}
	// The reader is what remains of an idle subscriber: it begins with a new, small
	// stack. This one has grown, and stacks hardly shrink.
	s.b.all.Go(func() { s.attend(d) })
	s.send()
}

// attend listens until the subscriber, a writer or whoever kicks the session
// ends it, and the writer is done.
func (s *session) attend(d *protocol.Decoder) {
	heard := s.listen(d)
	if heard != nil && s.ctx.Err() == nil && errors.Is(heard, os.ErrDeadlineExceeded) {
		heard = <-s.sent // the writer was first
	} else {
		heard = s.cause(heard)
		if s.ctx.Err() == nil { // whoever kicked the session has given the writer time for the last words
			s.kick(io.EOF)
			s.raw.SetWriteDeadline(past)
		}
		// When the system gives the client up, one of the two hears why, and the
		// other perhaps no more than the end.
		if err := <-s.sent; errors.Is(err, errStalled) || errors.Is(heard, syscall.ETIMEDOUT) {
			heard = errStalled
		}
	}
	s.unsubscribe(heard)
}

// unsubscribe ends the session of a subscriber that nobody sends to.
func (s *session) unsubscribe(err error) {
	s.mu.Lock()
	cursor := s.cursor
	s.cursor = nil
	s.mu.Unlock()
	s.lines = cursor.Close()
	s.leave(err)
}

// send sends what the cursor brings, until it brings nothing for now, or until
// the end: errShutdown is that of the journal, when everything is sent. An idle
// subscriber has no writer, so that it costs the memory of one goroutine only.
func (s *session) send() {
	if err := s.sendAll(); err != nil {
		s.raw.SetReadDeadline(past) // so that the reader wakes
		s.sent <- err
	}
}

// sendAll returns nil when there is nothing for now; another goroutine may then
// be at it already.
func (s *session) sendAll() error {
	cursor := s.cursor
	for {
		run, err := cursor.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, journal.ErrClosed) {
			return errShutdown
		}
		if err == nil && len(run) == 0 {
			return nil
		}
		n := 0
		if err == nil {
			n, err = s.conn.Write(run)
			cursor.Advance(n)
		}
		if errors.Is(err, errTakeover) {
			s.tellTakeover(run, n)
		}
		if err != nil {
			return err
		}
	}
}

// tellTakeover tells a program that reads tsv why it ends, or it would come
// back, and the two would take the name from each other for ever. A line of
// which a part is sent comes to its end first.
func (s *session) tellTakeover(run []byte, sent int) {
	if s.hello.Format != protocol.TSV {
		return
	}
	var words []byte
	if sent > 0 && run[sent-1] != '\n' {
		words = append(words, run[sent:sent+bytes.IndexByte(run[sent:], '\n')+1]...)
	}
	words = append(words, protocol.ErrorPrefix+protocol.TakenOver+"\n"...)
	s.conn.Write(words)
}

// listen reads what a subscriber says until it says terminate.
func (s *session) listen(d *protocol.Decoder) error {
	for {
		for c, ok := d.Next(); ok; c, ok = d.Next() {
			if c.End {
				return nil
			}
		}
		n, err := s.conn.Read(d.Space())
		d.Fill(n)
		if err != nil && n == 0 {
			return err
		}
	}
}
