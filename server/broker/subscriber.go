package broker

import (
	"crypto/tls"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"pubsublab/protocol"
	"pubsublab/server/feed"
	"pubsublab/server/journal"
)

// subscribe starts sending a subscriber its feed, and reading what it says. That is little:
// terminate, or the end.
func (s *session) subscribe(welcome protocol.Welcome, rest []byte, unframed bool) {
	if err := s.open(&welcome); err != nil {
		s.leave(err)
		return
	}
	s.stream([]byte(welcome.String()+"\n"), rest, unframed)
}

// open finds the place where a subscriber begins. The error is why its session ends.
func (s *session) open(welcome *protocol.Welcome) error {
	s.sending.Add(1)
	cursor, err := s.b.feeds.Open(s.ctx, s.hello.Filter, s.hello.Format, s.hello.From,
		func() { s.b.all.Go(s.send) }, func() { s.abort(feed.ErrSlow) })
	if err != nil {
		return s.entryError(err)
	}
	boundSendBuffer(s.raw, nearBuffer)
	if c, ok := s.conn.(*conn); ok && writesAtOnce(c.Conn) {
		cursor.Direct(s.sendDirectly)
	}
	s.mu.Lock()
	s.cursor = cursor
	s.mu.Unlock()
	if s.ctx.Err() != nil { // kicked before there was a cursor to interrupt
		cursor.Interrupt(s.cause(nil))
	}
	welcome.Next = cursor.Start()
	return nil
}

// longestHeard is how long a line of a subscriber's is at most that is listened to, in bytes.
const longestHeard = 64

// stream sends a subscriber its greeting, and then its feed.
func (s *session) stream(greeting, rest []byte, unframed bool) {
	if _, err := s.conn.Write(greeting); err != nil {
		s.unsubscribe(err)
		return
	}
	d, tail := newDecoder(longestHeard, rest, unframed)
	// While a subscriber is idle, the reader is its only goroutine, and none where the poller waits in
	// its place. It begins with a new, small stack: the stack of this one has grown, and stacks hardly
	// shrink.
	s.b.all.Go(func() { s.readLoop(d, unframed, tail) })
	s.send()
}

// readLoop reads until the subscriber leaves, its writer fails or the session is kicked. Then it
// waits for the writer, and ends the session. d is nil after a pause in which the poller waited.
func (s *session) readLoop(d *protocol.Decoder, unframed bool, tail string) {
	var heard error
	if unframed {
		heard = s.afterRoleWord(d, tail, 0)
	}
	if heard == nil {
		heard = s.listen(d)
	}
	if heard == errPolled {
		return
	}
	if heard != nil && s.ctx.Err() == nil && errors.Is(heard, os.ErrDeadlineExceeded) {
		heard = s.howSent() // the writer ended first, and has woken the reader
	} else {
		heard = s.cause(heard)
		if heard == errTorn {
			s.kick(heard)
		} else if s.ctx.Err() == nil { // whoever kicked the session has given the writer time for the last words
			s.kick(io.EOF)
			s.raw.SetWriteDeadline(past)
		}
		// When the system gives the client up, either the reader or the writer gets that error. The
		// other one may get no more than the end of the connection.
		if err := s.howSent(); errors.Is(err, errStalled) || errors.Is(heard, syscall.ETIMEDOUT) {
			heard = errStalled
		}
	}
	s.unsubscribe(heard)
}

// unsubscribe ends a subscriber's session, when no writer runs.
func (s *session) unsubscribe(err error) {
	s.mu.Lock()
	cursor := s.cursor
	s.cursor = nil
	s.lines.Store(cursor.Progress().Lines) // until it is known better
	s.mu.Unlock()
	s.lines.Store(cursor.Close())
	s.leave(err)
}

// send sends what the cursor has until it has nothing for now, or until the end. An idle subscriber
// has no writer, so it costs the memory of one goroutine only.
func (s *session) send() {
	err := s.keepAlive()
	if err == nil {
		err = s.sendAll()
	}
	if err != nil {
		s.endSending(err)
	}
}

// sendDirectly sends what the cursor has, as long as that need not wait, and leaves the rest to
// another goroutine. It is for a connection that can write without waiting.
func (s *session) sendDirectly() {
	for range 2 {
		idle, all, err := s.sendSome()
		if idle {
			return
		}
		if err != nil {
			s.b.all.Go(func() { s.endSending(err) })
			return
		}
		if !all {
			break
		}
	}
	s.b.all.Go(s.send)
}

// endSending ends what send does. At the end of the journal, when everything is sent, that is for
// errShutdown.
func (s *session) endSending(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, journal.ErrClosed) {
		err = errShutdown
	}
	s.tellEnd(err)
	s.wakeReader()
	s.sent = err
	s.sending.Done()
}

// howSent waits for the end of the last writer, and returns how it ended.
func (s *session) howSent() error {
	s.sending.Wait()
	return s.sent
}

// sendAll returns nil when there is nothing to send for now. By then, another goroutine may be
// sending again.
func (s *session) sendAll() error {
	for {
		idle, all, err := s.sendSome()
		if err == nil && !all {
			// Nobody knows for how long: a client that takes little or nothing must not keep memory
			// that grows with what it has asked for.
			s.cursor.LetGo()
			s.waiting.Store(true)
			err = s.wire.wait()
			s.waiting.Store(false)
		}
		if idle || err != nil {
			return err
		}
	}
}

// outgoing is room for what is written at once, for as long as that takes.
type outgoing struct {
	run [1024][]byte // as many pieces as Linux gathers
	gatherer
}

var outgoings = sync.Pool{New: func() any { return new(outgoing) }}

// sendSome sends what the client takes at once. idle reports whether there was nothing to send, and
// all whether the client took everything. With TLS, and where a connection cannot write without
// waiting, it sends what a stage takes.
func (s *session) sendSome() (idle, all bool, err error) {
	var out *outgoing
	run, err := s.cursor.Next(func() [][]byte {
		out = outgoings.Get().(*outgoing)
		return out.run[:0]
	})
	if err != nil || len(run) == 0 {
		return err == nil, true, err
	}
	if c, ok := s.conn.(*conn); ok {
		n, all, err := c.try(run, &out.gatherer)
		if !errors.Is(err, errors.ErrUnsupported) {
			clear(run) // nothing may refer to it any more, or its memory is kept
			outgoings.Put(out)
			s.cursor.Advance(n)
			s.bytes.Add(uint64(n))
			return false, all, err
		}
	}
	n, err := s.sendStaged(run, out)
	s.cursor.Advance(n)
	s.bytes.Add(uint64(n))
	return false, true, err
}

// sendStaged sends as much of run as a stage takes, and waits until that is taken. It returns how much
// of run that was: with TLS nothing when it failed, because then the client can read none of the rest.
// out is run's.
func (s *session) sendStaged(run [][]byte, out *outgoing) (n int, err error) {
	room := stages.Get().(*stage)
	defer stages.Put(room)
	write := func(ready []byte) (int, error) {
		clear(run)
		outgoings.Put(out)
		s.cursor.LetGo()
		s.waiting.Store(true)
		defer s.waiting.Store(false)
		return s.wire.write(ready)
	}
	secure, ok := s.conn.(*tls.Conn)
	if !ok {
		return write(room.fill(run))
	}
	err = s.wire.records.gather(room.bytes[:], func() (failed error) {
		n, failed = room.encrypt(secure, run)
		return failed
	}, write)
	if err != nil {
		n = 0
	}
	return n, err
}

// tellEnd tells a browser, and a program that reads tsv, why its session ends. Without that it would
// come back, and two such programs, for example, would take a name from each other for ever. If a
// line is sent in part, its rest goes first. A client that has not finished its role line is told in
// any format.
func (s *session) tellEnd(why error) {
	gone := errors.Is(why, errTakeover) || errors.Is(why, errTokenGone)
	sse := s.hello.Format == protocol.SSE && (gone || why == errShutdown)
	if !sse && why != errTorn && (s.hello.Format != protocol.TSV || !gone) {
		return
	}
	words := s.cursor.RestOfLine()
	s.cursor.LetGo()
	if sse {
		words = protocol.AppendEnd(words, why.Error())
	} else {
		words = append(words, protocol.ErrorPrefix+why.Error()+"\n"...)
	}
	s.conn.Write(words)
}

// errPolled is why listen returns when the poller waits in its place.
var errPolled = errors.New("the poller waits")

// listen reads what a subscriber sends until it says terminate. One that says nothing needs no
// decoder, and no goroutine where there is a poller. d is nil for what has come after that.
func (s *session) listen(d *protocol.Decoder) error {
	if d == nil {
		d = protocol.NewDecoder(longestHeard, nil)
	} else if end, err := s.heard(d); end || err != nil {
		return err
	}
	for {
		n, err := s.conn.Read(d.Space())
		d.Fill(n)
		if err != nil && n == 0 {
			return err
		}
		if end, err := s.heard(d); end || err != nil {
			return err
		}
	}
}

// heard reports whether the subscriber has said terminate. The error is errPolled.
func (s *session) heard(d *protocol.Decoder) (end bool, err error) {
	for c, ok := d.Next(); ok; c, ok = d.Next() {
		if c.End {
			return true, nil
		}
	}
	if _, ok := s.conn.(*conn); ok && d.Idle() && s.b.poller.await(s) { // TLS may hold something back
		return false, errPolled
	}
	return false, nil
}
