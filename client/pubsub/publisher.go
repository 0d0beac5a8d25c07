package pubsub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"pubsublab/protocol"
)

// hurryTimeout is how long a Publisher that has nothing more to send tries to connect again, only
// to end its session in order.
const hurryTimeout = time.Second

// Publisher publishes lines (P6). It sends them in the background, in large writes, keeps each one
// until the server has acknowledged it (P14), and after a broken connection sends again exactly
// those that the server does not have (P15). Its methods may be called concurrently; lines of one
// goroutine keep their order.
type Publisher struct {
	// Static after construction.
	cfg    Config
	hello  protocol.Hello
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when run has returned, after ended is set

	// Owned by run.
	connector *connector

	mu       sync.Mutex
	changed  sync.Cond // of mu; acknowledged lines, closing or the end
	work     sync.Cond // of mu; there may be something to write, or the session has ended
	queue    queue
	base     uint64 // what the server calls line n is our line base+n
	welcome  protocol.Welcome
	addr     string // of the broker that it is from
	stats    Stats
	rejected uint64 // the last line that was reported as rejected
	idle     bool   // the writer waits for work
	closing  bool   // Close was called
	abandon  func() // ends the present reconnection; nil when there is none
	ended    bool
	err      error // why it ended; nil after Close if all is acknowledged
}

// Stats counts the lines of a Publisher.
type Stats struct {
	Published uint64 // taken by Publish
	Acked     uint64 // of these, the server has dealt with; rejected ones count
	Rejected  uint64 // of these, the server did not take
}

// DialPublisher connects and registers a Publisher at addr, HOST:PORT or several as ParseAddrs
// reads them, the first one first. It tries for Config.GiveUp; a server that refuses for good is
// not asked again, its words come back as a *protocol.Refusal. Of several brokers all have to
// refuse, and what went wrong is a BrokersError. ctx bounds this call only.
func DialPublisher(ctx context.Context, addr string, cfg Config) (*Publisher, error) {
	addrs, err := ParseAddrs(addr)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults(len(addrs))
	p := &Publisher{cfg: cfg, done: make(chan struct{}), connector: newConnector(addrs, cfg, 4096)}
	p.changed.L, p.work.L = &p.mu, &p.mu
	p.hello = protocol.Hello{Role: protocol.Publisher, Name: cfg.Name, Token: cfg.Token, Topic: cfg.Topic, Ack: true}
	if cfg.Name != "" {
		p.hello.Run = rand.Text()
		if err := protocol.CheckName(cfg.Name); err != nil {
			return nil, err
		}
	}
	if cfg.Topic != "" {
		if err := protocol.CheckTopic(cfg.Topic); err != nil {
			return nil, err
		}
	}
	s, err := p.connector.connect(ctx, p.hello, nil)
	if err != nil {
		return nil, err
	}
	p.welcome, p.addr = s.welcome, s.addr
	runCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	p.cancel = cancel
	go p.run(runCtx, s)
	return p, nil
}

// Welcome returns what the server answered when it last accepted the Publisher (P4).
func (p *Publisher) Welcome() protocol.Welcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.welcome
}

// Stats returns the counts so far.
func (p *Publisher) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := p.stats
	stats.Published, stats.Acked = p.queue.lines, p.queue.acked
	return stats
}

// Done returns a channel that is closed when the Publisher has ended, by itself or after Close.
// Close then returns why.
func (p *Publisher) Done() <-chan struct{} { return p.done }

// Publish takes one message, without its line end, to be sent soon. A line that cannot be a message
// (P6, P7) is an error, and the Publisher goes on. While Config.Window is full, Publish waits; when
// ctx ends meanwhile, the line is not taken, and the error is the cause. Any other error means that
// the Publisher has ended: an *UndeliveredError where lines are not acknowledged, or ErrClosed.
func (p *Publisher) Publish(ctx context.Context, line string) error {
	if err := protocol.CheckMessage(line); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing || p.ended || !p.fitsLocked(line) {
		err := p.waitLocked(ctx, func() bool { return p.closing || p.ended || p.fitsLocked(line) })
		switch {
		case err != nil:
			return err
		case p.closing:
			return ErrClosed
		case p.ended:
			return p.err
		}
	}
	p.queue.add(line)
	p.wakeLocked()
	return nil
}

func (p *Publisher) fitsLocked(line string) bool {
	return p.queue.size == 0 || p.queue.size+len(line) <= p.cfg.Window
}

// Flush waits until all lines published before it are acknowledged (P14), or ctx ends.
func (p *Publisher) Flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.queue.lines
	return p.waitLocked(ctx, func() bool { return p.queue.acked >= lines })
}

// Close ends the session (P7): it waits until all lines are acknowledged and the server has closed.
// When ctx ends earlier, the connection is cut, and lines not acknowledged by then are an
// *UndeliveredError. Called again, it returns the same.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closing = true
	p.hurryLocked()
	p.wakeLocked()
	p.changed.Broadcast()
	p.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.cancel(context.Cause(ctx))
		<-p.done
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(p.err, ErrClosed) {
		return nil
	}
	return p.err
}

// hurryLocked keeps a reconnection short that could only say terminate.
func (p *Publisher) hurryLocked() {
	if p.closing && p.abandon != nil && p.queue.acked == p.queue.lines {
		time.AfterFunc(hurryTimeout, p.abandon)
	}
}

// wakeLocked makes the writer look for work.
func (p *Publisher) wakeLocked() {
	if p.idle {
		p.idle = false
		p.work.Signal()
	}
}

// waitLocked waits for a condition that a broadcast of changed may have made true, the end of the
// Publisher or the end of ctx.
func (p *Publisher) waitLocked(ctx context.Context, condition func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changed.Broadcast()
	})
	defer stop()
	for !condition() {
		if p.ended {
			return p.err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p.changed.Wait()
	}
	return nil
}

// end is the last thing that run does.
func (p *Publisher) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lines := p.queue.undelivered(); len(lines) > 0 {
		p.err = &UndeliveredError{Lines: lines, Err: err}
	} else if p.closing {
		p.err = ErrClosed
	} else {
		p.err = fmt.Errorf("the publisher ended: %w", err)
	}
	p.ended = true
	p.changed.Broadcast()
	close(p.done)
}
