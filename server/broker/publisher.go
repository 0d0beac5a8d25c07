package broker

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// publish takes in what a publisher sends (P6, P7). It returns why it ended:
// nil after terminate.
func (s *session) publish(welcome protocol.Welcome, rest []byte, unframed bool) error {
	d := protocol.NewDecoder(protocol.MaxLine, rest)
	if unframed {
		d.SetUnframed()
	}
	if s.hello.Run != "" {
		next, err := s.b.journal.NextLine(s.ctx, s.name, s.hello.Run)
		if err != nil {
			return s.keptOut(err)
		}
		welcome.Next = next
		d.SetLine(next)
	}
	answers := newAnswers(s)
	defer answers.finish()
	answers.line(welcome.String())
	for {
		for c, ok := d.Next(); ok; c, ok = d.Next() {
			if unframed && c.First == 1 && restOfRoleLine(c.Lines) {
				return &mistake{"the role line came in two pieces, 200 ms apart, expected it in one"}
			}
			if end, err := s.take(c, answers); end || err != nil {
				return err
			}
		}
		n, err := s.conn.Read(d.Space())
		d.Fill(n)
		if err == nil || n > 0 {
			continue
		}
		if !errors.Is(err, io.EOF) {
			return s.cause(err)
		}
		if s.hello.Ack || s.hello.Run != "" {
			return errCutOff
		}
		d.Finish()
		if c, ok := d.Next(); ok {
			if end, err := s.take(c, answers); end || err != nil {
				return err
			}
		}
		return io.EOF
	}
}

// restOfRoleLine tells whether the first line behind a bare role word is what the
// network held back of the role line. It is not for others to read: a token may
// be in it.
func restOfRoleLine(lines []byte) bool {
	line, _, _ := bytes.Cut(lines, []byte{'\n'})
	hello, err := protocol.ParseHello(protocol.Publisher.String() + string(line))
	return err == nil && hello != protocol.Hello{Role: protocol.Publisher}
}

// take does what a chunk says: the end of the session, a line to reject, or
// messages for the journal, which from then on owns a copy of them.
func (s *session) take(c protocol.Chunk, answers *answers) (end bool, err error) {
	if c.End {
		return true, nil
	}
	e := journal.Entry{From: s.name, Topic: s.hello.Topic, Count: c.Count, Run: s.hello.Run, First: c.First}
	if c.Err != nil {
		answers.line(protocol.ErrorPrefix + c.Err.Error())
		e.First++ // the run goes on behind the rejected line
	} else {
		e.Lines = bytes.Clone(c.Lines)
	}
	answers.expect()
	err = s.b.journal.Append(s.ctx, e, func(err error) {
		if err == nil && s.hello.Ack {
			answers.ack(e.First + uint64(e.Count) - 1)
		}
		answers.settle()
	})
	if err != nil {
		answers.settle()
		return false, s.cause(err)
	}
	s.lines += uint64(e.Count)
	return false, nil
}

// answers writes what a publisher is told while it publishes. A publisher that
// does not read its acks must not stop its own lines: acks overtake each other,
// and only rejections have to wait.
type answers struct {
	s *session

	mu      sync.Mutex
	changed sync.Cond
	lines   []byte
	acked   uint64 // to be told; 0 for nothing
	open    int    // appends that are not acknowledged yet
	writing bool   // a goroutine is at it
	err     error
}

func newAnswers(s *session) *answers {
	a := &answers{s: s}
	a.changed.L = &a.mu
	return a
}

// line tells a line. It waits while the publisher reads none of them.
func (a *answers) line(text string) {
	const most = 16 << 10
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.lines) > most && a.err == nil {
		a.changed.Wait()
	}
	a.lines = append(append(a.lines, text...), '\n')
	a.startLocked()
}

// ack tells that the first n lines are in the journal (P14). It never waits.
func (a *answers) ack(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acked = n
	a.startLocked()
}

// expect tells that an append begins, and settle that it has come to its end.
func (a *answers) expect() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open++
}

func (a *answers) settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open--; a.open == 0 {
		a.changed.Broadcast()
	}
}

// startLocked has a goroutine write, for as long as there is something to.
func (a *answers) startLocked() {
	if !a.writing && a.err == nil {
		a.writing = true
		go a.write()
	}
}

func (a *answers) write() {
	var out []byte
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.err == nil && (len(a.lines) > 0 || a.acked > 0) {
		out = append(out[:0], a.lines...)
		a.lines = a.lines[:0]
		if a.acked > 0 {
			out = protocol.AppendAck(out, a.acked)
			a.acked = 0
		}
		a.changed.Broadcast()
		a.mu.Unlock()
		_, err := a.s.conn.Write(out)
		if err != nil {
			a.s.abort(err) // so that the reader wakes
		}
		a.mu.Lock()
		a.err = err
	}
	a.writing = false
	a.changed.Broadcast()
}

// finish waits until everything is acknowledged, and written, or cannot be.
func (a *answers) finish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.open > 0 || a.writing {
		a.changed.Wait()
	}
}
