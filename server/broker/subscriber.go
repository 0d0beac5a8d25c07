package broker

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"

	"pubsublab/protocol"
	"pubsublab/server/feed"
)

// subscribe sends a subscriber its feed while it reads what the subscriber
// says, which is little: terminate, or the end. It returns why it ended: nil
// after terminate.
func (s *session) subscribe(welcome protocol.Welcome, rest []byte, unframed bool) error {
	cursor, err := s.b.feeds.Open(s.hello.Filter, s.hello.Format, s.hello.From, func() { s.abort(feed.ErrSlow) })
	if err != nil {
		return errShutdown
	}
	s.mu.Lock()
	s.cursor = cursor
	s.mu.Unlock()
	if s.ctx.Err() != nil { // kicked before there was a cursor to interrupt
		cursor.Interrupt(s.cause(nil))
	}
	welcome.Next = cursor.Start()

	sent := make(chan error, 1)
	go func() {
		err := s.send(cursor, welcome)
		s.raw.SetReadDeadline(past) // so that the reader wakes
		sent <- err
	}()
	heard := s.listen(rest, unframed)
	if heard != nil && s.ctx.Err() == nil && errors.Is(heard, os.ErrDeadlineExceeded) {
		heard = <-sent // the writer was first
	} else {
		heard = s.cause(heard)
		if s.ctx.Err() == nil { // whoever kicked the session has given the writer time for the last words
			s.kick(io.EOF)
			s.raw.SetWriteDeadline(past)
		}
		// When the system gives the client up, one of the two hears why, and the
		// other perhaps no more than the end.
		if err := <-sent; errors.Is(err, errStalled) || errors.Is(heard, syscall.ETIMEDOUT) {
			heard = errStalled
		}
	}
	s.mu.Lock()
	s.cursor = nil
	s.mu.Unlock()
	s.lines = cursor.Close()
	return heard
}

// send writes the welcome and then all that the cursor brings. It returns
// errShutdown at the end of the journal, when everything is sent.
func (s *session) send(cursor *feed.Cursor, welcome protocol.Welcome) error {
	if _, err := s.conn.Write([]byte(welcome.String() + "\n")); err != nil {
		return err
	}
	for {
		run, err := cursor.Next()
		if errors.Is(err, io.EOF) {
			return errShutdown
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
func (s *session) listen(rest []byte, unframed bool) error {
	const longest = 64 // nothing longer is listened to
	d := protocol.NewDecoder(longest, rest)
	if unframed {
		d.SetUnframed()
	}
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
