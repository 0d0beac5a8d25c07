package pubsub

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"pubsublab/protocol"
)

const (
	// subscriberBuffer holds more than the longest line, in bytes.
	subscriberBuffer = 256 << 10
	// leaveTimeout is how long Close waits for the server to close.
	leaveTimeout = time.Second
)

// Item is what a Subscriber receives: a message, or an event in its place in the order (P13).
type Item struct {
	protocol.Message                 // zero where there is an Event
	Event            *protocol.Event // nil for a message
}

// Subscriber receives messages (P8) and events. After a broken connection it goes on at the exact
// next position (P12), so that nothing is lost or doubled. It reads only while Next is called: a
// server holds publishers up for a Subscriber that is slower than they are (P16).
//
// A server that was restarted without its history begins a new order, and so does a broker that
// does not share the order of the one before. The Subscriber then reads the new order from its
// beginning. It returns a Gap with Missing 0 first: an unknown number of messages is missing in
// this place, and positions grow from 1 again.
//
// Next, All and Buffered are for one goroutine; Welcome and Close may be called by any, at any
// time.
type Subscriber struct {
	// Static after construction.
	cfg     Config
	filter  protocol.Filter
	closing context.Context // ends with Close
	cancel  context.CancelCauseFunc

	// Owned by the reader, which holds mu.
	mu        sync.Mutex
	connector *connector
	session   *session // the last one
	err       error    // why that is over; nil while it is not
	ended     bool     // err is for good
	next      uint64   // the position to go on from
	lost      bool     // the history is lost; Next returns that before all else
	dedup     eventDedup
	parser    parser

	current   atomic.Pointer[session] // for Welcome and Close
	connected atomic.Bool             // the session is not over, as far as anybody knows
}

// DialSubscriber connects and registers a Subscriber at addr, HOST:PORT or several as ParseAddrs
// reads them, the first one first. It tries for Config.GiveUp; a server that refuses for good is
// not asked again, its words come back as a *protocol.Refusal. Of several brokers all have to
// refuse, and what went wrong is a BrokersError. ctx bounds this call only.
func DialSubscriber(ctx context.Context, addr string, cfg Config) (*Subscriber, error) {
	addrs, err := ParseAddrs(addr)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults(len(addrs))
	s := &Subscriber{cfg: cfg, connector: newConnector(addrs, cfg, subscriberBuffer)}
	if cfg.Name != "" {
		if err := protocol.CheckName(cfg.Name); err != nil {
			return nil, err
		}
	}
	if cfg.Topic != "" {
		if s.filter, err = protocol.ParseFilter(cfg.Topic); err != nil {
			return nil, err
		}
	}
	if s.session, err = s.connector.connect(ctx, s.hello(cfg.From), nil); err != nil {
		return nil, err
	}
	s.closing, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.current.Store(s.session)
	s.connected.Store(true)
	s.next = s.session.welcome.Next
	if asked := cfg.From.Position(); asked > 0 {
		s.next = min(s.next, asked) // a gap is to come that leads up to it
	}
	return s, nil
}

func (s *Subscriber) hello(from protocol.From) protocol.Hello {
	return protocol.Hello{Role: protocol.Subscriber, Name: s.cfg.Name, Token: s.cfg.Token, Filter: s.filter, From: from, Format: protocol.TSV}
}

// Welcome returns what the server answered when it last accepted the Subscriber (P4).
func (s *Subscriber) Welcome() protocol.Welcome { return s.current.Load().welcome }

// Connected reports whether there is a connection, as far as Next has found out: only Next notices
// that a connection is lost, and makes the next one. Any goroutine may call Connected at any time.
func (s *Subscriber) Connected() bool { return s.connected.Load() }

// Buffered reports whether Next would return without waiting for the network. A caller that
// collects its output flushes it when this is false.
func (s *Subscriber) Buffered() bool {
	r := s.session.reader
	data, _ := r.Peek(r.Buffered())
	return s.err == nil && bytes.IndexByte(data, '\n') >= 0
}

// Next waits for the next message or event. When ctx ends first, it returns the cause, and may be
// called again. Any other error is the Subscriber's end: ErrClosed after Close, or why it cannot
// connect again.
func (s *Subscriber) Next(ctx context.Context) (Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.closing.Err() != nil {
			return Item{}, ErrClosed
		}
		if s.ended {
			return Item{}, s.err
		}
		if s.err != nil {
			if err := s.reconnect(ctx); err != nil {
				return Item{}, err
			}
			continue
		}
		if s.lost {
			s.lost = false
			return Item{Event: &protocol.Event{Kind: protocol.Gap}}, nil
		}
		item, ok, err := s.receive(ctx)
		switch {
		case ok:
			return item, nil
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return Item{}, context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded): // Close
		default:
			s.fail(s.connector.blame(err))
		}
	}
}

// fail ends the present session.
func (s *Subscriber) fail(err error) {
	s.connected.Store(false)
	s.session.Close()
	s.err = err
}

// All calls Next again and again, as a sequence. It ends after the first error, or without one
// after Close.
func (s *Subscriber) All(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for {
			item, err := s.Next(ctx)
			if errors.Is(err, ErrClosed) || !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the session (P7): it says terminate to the server and waits up to a second for the
// server to close. A Next that waits then returns ErrClosed. A second Close does nothing.
func (s *Subscriber) Close() {
	s.cancel(ErrClosed)
	s.current.Load().SetReadDeadline(time.Unix(1, 0)) // wakes Next
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.session.SetDeadline(time.Now().Add(leaveTimeout))
	if _, err := io.WriteString(s.session, protocol.Terminate+"\n"); err == nil {
		io.Copy(io.Discard, s.session)
	}
	s.fail(ErrClosed)
}
