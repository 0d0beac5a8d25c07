package broker

import (
	"errors"
	"io"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// inbox decodes what a publisher sends. While that is much, it is read into the journal's Buffers,
// and the messages in them become the journal's as they are. A publisher that sends little has a
// small buffer of its own, and the journal copies from there.
type inbox struct {
	*protocol.Decoder
	buffer *journal.Buffer // nil for a small one
}

func newInbox(d *protocol.Decoder) *inbox {
	in := &inbox{Decoder: d}
	d.SetBuffers(in.next)
	return in
}

// next returns the Decoder's next buffer.
func (in *inbox) next(size int, rest []byte) (buf []byte) {
	before := in.buffer
	defer before.Release()
	if size == journal.BufferSize {
		in.buffer = journal.NewBuffer()
		buf = in.buffer.Bytes()
	} else {
		in.buffer = nil
		buf = make([]byte, size)
	}
	copy(buf, rest)
	return buf
}

// publish receives what a publisher sends (P6, P7). It returns why the session ends: nil after
// terminate.
func (s *session) publish(welcome protocol.Welcome, rest []byte, unframed bool) error {
	d, tail := newDecoder(protocol.MaxLine, rest, unframed)
	in := newInbox(d)
	defer func() { in.buffer.Release() }()
	if s.hello.Run != "" {
		next, err := s.b.journal.NextLine(s.ctx, s.name, s.hello.Run)
		if err != nil {
			return s.entryError(err)
		}
		welcome.Next = next
		d.SetLine(next)
	}
	replies := newReplyWriter(s)
	defer replies.finish()
	replies.line(welcome.String())
	if unframed {
		if err := s.afterRoleWord(d, tail, s.b.cfg.RoleTimeout); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return s.readLines(s.conn, in, replies)
}

// readLines handles what comes from a publisher. It returns why the session ends, as publish does.
func (s *session) readLines(from io.Reader, in *inbox, replies replies) error {
	for {
		if end, err := s.takeAll(in, replies); end || err != nil {
			return err
		}
		n, err := from.Read(in.Space())
		in.Fill(n)
		switch {
		case err == nil || n > 0:
		case errors.Is(err, io.EOF):
			return s.takeRest(in, replies)
		default:
			return s.cause(err)
		}
	}
}

// takeAll handles all that has been found so far, or up to the end of the session.
func (s *session) takeAll(in *inbox, replies replies) (end bool, err error) {
	for c, ok := in.Next(); ok; c, ok = in.Next() {
		if end, err = s.take(c, in, replies); end || err != nil {
			return end, err
		}
	}
	return false, nil
}

// takeRest handles a last line without its line end, at the end of the input. It returns why the
// session ends.
func (s *session) takeRest(in *inbox, replies replies) error {
	if (s.hello.Ack || s.hello.Run != "") && !s.http { // which knows that it has all of a body
		return errCutOff
	}
	in.Finish()
	if end, err := s.takeAll(in, replies); end || err != nil {
		return err
	}
	return io.EOF
}

// take handles a chunk: the end of the session, a line to reject, or messages.
func (s *session) take(c protocol.Chunk, in *inbox, replies replies) (end bool, err error) {
	if c.End {
		return true, nil
	}
	e := journal.Entry{From: s.name, Topic: s.hello.Topic, Count: c.Count, Run: s.hello.Run, First: c.First}
	if c.Err != nil {
		replies.reject(c.Err)
		e.First++ // the run goes on behind the rejected line
	} else {
		if e.Lines, e.Buffer = c.Lines, in.buffer; e.Buffer != nil {
			in.Keep()
		}
	}
	replies.expect()
	s.waiting.Store(true)
	err = s.b.journal.Append(s.ctx, e, func(err error) { replies.settle(&e, err) })
	s.waiting.Store(false)
	if err != nil {
		replies.settle(&e, err)
		return false, s.cause(err)
	}
	s.lines.Add(uint64(e.Count))
	s.bytes.Add(uint64(len(e.Lines)))
	return false, nil
}
