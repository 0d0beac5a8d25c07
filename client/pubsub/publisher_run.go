package pubsub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"pubsublab/protocol"
)

// errUnsure ends a Publisher that must not send again (P15).
var errUnsure = errors.New("the connection broke, and only a publisher with a name can send again without doubling lines")

// run keeps the Publisher connected, from its first session to its end.
func (p *Publisher) run(ctx context.Context, s *session) {
	for {
		err := p.serve(ctx, s)
		if err == nil || ctx.Err() != nil {
			p.end(context.Cause(ctx))
			return
		}
		err = p.connector.blame(err)
		p.mu.Lock()
		unsure := p.hello.Run == "" && (p.queue.acked < p.queue.sent || p.closing && p.queue.acked == p.queue.lines)
		p.mu.Unlock()
		if unsure {
			p.end(fmt.Errorf("%w (%w)", errUnsure, err))
			return
		}
		if s, err = p.reconnect(ctx, err); err != nil {
			p.end(err)
			return
		}
	}
}

func (p *Publisher) reconnect(ctx context.Context, lost error) (*session, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.mu.Lock()
	p.abandon = cancel
	p.hurryLocked()
	p.mu.Unlock()
	s, err := p.connector.connect(ctx, p.hello, lost)
	p.mu.Lock()
	p.abandon = nil
	p.mu.Unlock()
	return s, err
}

// serve sends and reads acknowledgements until the session ends. nil means that it ended as Close
// asked for.
func (p *Publisher) serve(ctx context.Context, s *session) error {
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := p.resume(s); err != nil {
		return err
	}
	w := &writer{p: p, s: s}
	var running sync.WaitGroup
	running.Go(w.run)
	stopWatch := watch(s.Conn, vanishTimeout(len(p.connector.addrs)))
	err := p.read(s)
	vanished := stopWatch()
	s.Close()
	p.mu.Lock()
	w.stopped = true
	p.wakeLocked()
	finished := err == io.EOF && w.terminated && p.queue.acked == p.queue.lines
	p.mu.Unlock()
	running.Wait()
	if finished {
		return nil
	}
	if vanished {
		return errVanished
	}
	if w.err != nil && errors.Is(err, net.ErrClosed) {
		return w.err // it was first
	}
	return err
}

// resume agrees with the server on which line comes next (P15).
func (p *Publisher) resume(s *session) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, beforeAt := p.welcome, p.addr
	p.welcome, p.addr = s.welcome, s.addr
	if p.hello.Run == "" {
		// Nothing is under way, and the server counts from 1.
		p.base = p.queue.acked
		p.queue.rewind()
		return nil
	}
	next := s.welcome.Next
	switch {
	case next == 0:
		return fmt.Errorf("%w: it told no next line of run %s", ErrNotAServer, p.hello.Run)
	case p.base+next-1 > p.queue.sent:
		return fmt.Errorf("%w: it asked for line %d when %d were sent", ErrNotAServer, p.base+next, p.queue.sent)
	case p.base+next-1 > p.queue.acked:
		p.ackLocked(p.base + next - 1)
		p.connector.healthy() // even if no acknowledgement gets through, it goes on
	case p.base+next-1 == p.queue.acked:
	default:
		// Acknowledged lines are not there: rejected ones, or a restarted server forgot them. They
		// are not kept any more; the count goes on from where the server is.
		p.base = p.queue.acked - (next - 1)
		if before.Journal != s.welcome.Journal {
			p.cfg.Logger.Warn(anotherOrder(beforeAt, s.addr)+": subscribers miss what they had not read of it", "acknowledged", p.queue.acked)
		}
	}
	p.queue.rewind()
	if n := p.queue.lines - p.queue.acked; n > 0 && before.Name != "" {
		p.cfg.Logger.Debug("sending again", "lines", n)
	}
	return nil
}

func (p *Publisher) ackLocked(line uint64) {
	p.queue.ack(line)
	p.changed.Broadcast()
}

// read deals with what the server says until the session ends, and returns why.
func (p *Publisher) read(s *session) error {
	for {
		line, err := s.readLine()
		if err != nil {
			return err
		}
		p.connector.healthy()
		if n, ok := protocol.ParseAck(string(line)); ok {
			err = p.readAck(n)
		} else if text, ok := strings.CutPrefix(string(line), protocol.ErrorPrefix); ok {
			err = p.readError(text)
		}
		// Lines that begin otherwise are of a newer protocol.
		if err != nil {
			return err
		}
	}
}

func (p *Publisher) readAck(n uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sent := p.queue.sent - p.base; n > sent {
		return fmt.Errorf("%w: it acknowledged line %d when %d were sent", ErrNotAServer, n, sent)
	}
	if p.base+n > p.queue.acked {
		p.ackLocked(p.base + n)
	}
	return nil
}

// readError deals with "line N ...", a rejected line (P6); all else is the server's last word.
func (p *Publisher) readError(text string) error {
	rest, ok := strings.CutPrefix(text, "line ")
	number, reason, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(number, 10, 63)
	if !ok || err != nil {
		return &protocol.Refusal{Text: text}
	}
	p.mu.Lock()
	line := p.base + n
	again := line <= p.rejected
	if !again {
		p.rejected = line
		p.stats.Rejected++
	}
	lineText := p.queue.text(line)
	p.mu.Unlock()
	if !again && p.cfg.Rejected != nil {
		p.cfg.Rejected(Rejected{Line: line, Text: lineText, Reason: reason})
	}
	return nil
}

// writer sends what is published, for one session.
type writer struct {
	p   *Publisher
	s   *session
	err error // of a write; to be read once run has returned

	// Guarded by p.mu.
	stopped    bool // the session has ended
	terminated bool // the last line has been handed to the connection (P7)
}

func (w *writer) run() {
	for {
		data := w.next()
		if data == nil {
			return
		}
		if _, w.err = w.s.Write(data); w.err != nil {
			w.s.Close() // wakes the reader, which then stops this
			return
		}
	}
}

// next waits for something to write; nil means the end.
func (w *writer) next() []byte {
	p := w.p
	p.mu.Lock()
	defer p.mu.Unlock()
	for !w.stopped {
		if data := p.queue.next(); data != nil {
			return data
		}
		if p.closing && !w.terminated {
			w.terminated = true
			return []byte(protocol.Terminate + "\n")
		}
		p.idle = true
		p.work.Wait()
	}
	return nil
}
