package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// keepAliveTime is how often a browser that nothing is sent to gets a comment, so that nobody on the
// way takes the connection for dead.
const keepAliveTime = 15 * time.Second

// Listener returns a listener of connections that net/http serves, for whatever l accepts. They count
// as those that Serve accepts do, have the same limits, speak TLS where those do, and end with them:
// Shutdown closes l, and Accept returns ErrClosed. A response is written with the timeouts of any
// client.
func (b *Broker) Listener(l net.Listener) net.Listener {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		l.Close()
	} else {
		b.listeners[l] = struct{}{}
		b.all.Go(b.beat)
	}
	return &httpListener{l, b}
}

// beat has those browsers woken that wait, again and again.
func (b *Broker) beat() {
	tick := time.NewTicker(keepAliveTime)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.beats.Add(1)
			b.feeds.Wake(protocol.SSE)
		case <-b.closed:
			return
		}
	}
}

// keepAlive sends a browser that has waited a comment, if it is time to.
func (s *session) keepAlive() error {
	beats := s.b.beats.Load()
	if s.hello.Format != protocol.SSE || s.beat == beats {
		return nil
	}
	s.beat = beats
	_, err := io.WriteString(s.conn, protocol.KeepAlive)
	return err
}

type httpListener struct {
	net.Listener
	b *Broker
}

func (l *httpListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.b.accept(l.Listener)
		if err != nil {
			return nil, err
		}
		if s := l.b.admit(raw, true); s != nil {
			boundSendBuffer(raw, answerBuffer)
			return s.conn, nil
		}
	}
}

// Link is a connection of a Listener, on which one request follows another. Its methods are for the
// one that is served.
type Link struct {
	*conn
	s      *session
	taken  bool // it is a subscriber's, and net/http has nothing to do with it any more
	closed sync.Once
}

// LinkOf returns the Link of a connection that a Listener accepted.
func LinkOf(c net.Conn) *Link {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return c.(*Link)
}

// SetReadDeadline sets none that would hide that the session was kicked, or let one stay that is
// refused.
func (l *Link) SetReadDeadline(t time.Time) error {
	if until := l.s.until; !until.IsZero() && (t.IsZero() || t.After(until)) {
		t = until
	}
	err := l.conn.SetReadDeadline(t)
	if l.s.ctx.Err() != nil && !l.taken {
		err = l.conn.SetReadDeadline(past)
	}
	return err
}

// SetDeadline does not, either.
func (l *Link) SetDeadline(t time.Time) error {
	return errors.Join(l.conn.SetWriteDeadline(t), l.SetReadDeadline(t))
}

// Close ends the connection, if net/http has it. Where the broker wants it to end, the client may be
// sending still, and is to get its answer all the same.
func (l *Link) Close() (err error) {
	l.closed.Do(func() {
		if l.s.ctx.Err() != nil {
			lingerClose(l.conn, l.s.raw, 0)
		}
		err = l.conn.Close()
		l.s.cancel(nil)
		l.s.b.doneFeeding(l.s)
		l.s.b.forget(l.s)
		l.s.b.all.Done()
	})
	return err
}

// Refused reports whether the connection is beyond a limit (P18). Then it has time for one request;
// Authorize, Subscribe and Publish return why.
func (l *Link) Refused() bool { return l.s.refused != nil }

// Authorize returns why a client with this token may not come in (P18), in words meant for it.
func (l *Link) Authorize(token string) error {
	_, err := l.s.begin(protocol.Hello{Token: token})
	return err
}

// Subscribe makes the connection a subscriber's. hijack is called when nothing stands against that any
// more. It takes the connection from net/http, and returns the head of the response and what was read
// behind the request. The error is why there is no subscriber, in words meant for the client.
func (l *Link) Subscribe(h protocol.Hello, hijack func() (head, rest []byte, err error)) error {
	s := l.s
	welcome, err := s.enterRequest(h)
	if err != nil {
		return err
	}
	if err := s.open(&welcome); err != nil {
		s.depart(err)
		s.giveUp(err)
		return err
	}
	s.beat = s.b.beats.Load()
	greeting, rest, err := hijack()
	if err != nil {
		s.unsubscribe(err)
		return err
	}
	l.taken = true
	if s.conn == net.Conn(l) {
		s.conn = l.conn
	}
	if h.Format == protocol.SSE {
		greeting = welcome.AppendSSE(greeting)
	} else {
		greeting = append(greeting, welcome.String()+"\n"...)
	}
	s.b.all.Go(func() { s.stream(greeting, rest, false) })
	s.b.all.Done()
	return nil
}

// begin prepares a session for a request.
func (s *session) begin(h protocol.Hello) (known *digest, err error) {
	if s.refused != nil {
		return nil, s.refused
	}
	if s.ctx.Err() != nil { // whoever kicked it may still look at left
		return nil, context.Cause(s.ctx)
	}
	s.hello, s.known, s.left = h, false, make(chan struct{})
	s.lines.Store(0)
	s.bytes.Store(0)
	return s.acceptRole()
}

// enterRequest registers the session for a request.
func (s *session) enterRequest(h protocol.Hello) (protocol.Welcome, error) {
	known, err := s.begin(h)
	if err != nil {
		return protocol.Welcome{}, err
	}
	s.meet()
	welcome, err := s.enter(known)
	if err != nil {
		s.giveUp(err)
	}
	return welcome, err
}

// giveUp ends a session that could not do what was requested: it may not count as one any more that
// may publish.
func (s *session) giveUp(err error) {
	close(s.left)
	s.kick(err)
}

// Receipt is what became of the lines of a request. The zero value is of none.
type Receipt struct {
	Taken    uint64   `json:"taken"`    // lines that are in the journal, those of a run that were there already too
	Rejected uint64   `json:"rejected"` // lines that are not messages (P6)
	Errors   []string `json:"errors"`   // why, for the first of them
	Position uint64   `json:"position"` // those that were taken are in the order up to here
	Next     uint64   `json:"next"`     // the number of the line to go on with
}

// ErrAhead is why lines of a run are not taken that come after ones that nobody has sent yet.
var ErrAhead = errors.New("first= is ahead of the run, expected no more than next")

// Publish takes the lines of a body as a publisher's (P6, P7). With a run, first is the number of the
// first line in it (P15), and 1 without. The error is why not all lines were taken, in words meant for
// the client.
func (l *Link) Publish(h protocol.Hello, first uint64, body io.Reader) (Receipt, error) {
	s := l.s
	if _, err := s.enterRequest(h); err != nil {
		return Receipt{Errors: []string{}}, err
	}
	w := newReceiptWriter(first)
	err := s.publishBody(first, body, w)
	receipt, failed := w.finish()
	receipt.Position = max(s.b.journal.Extent().Next, 1) - 1
	if err == nil || errors.Is(err, io.EOF) {
		if failed != nil {
			err = s.entryError(failed)
		}
	}
	s.depart(err)
	close(s.left)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return receipt, err
}

// publishBody returns why the publisher's session ends: nil after terminate, io.EOF at the end of the
// body.
func (s *session) publishBody(first uint64, body io.Reader, w *receiptWriter) error {
	if s.hello.Run != "" {
		next, err := s.b.journal.NextLine(s.ctx, s.name, s.hello.Run)
		if err != nil {
			return s.entryError(err)
		}
		if first > next {
			w.receipt.Next = next
			return ErrAhead
		}
	}
	in := newInbox(protocol.NewDecoder(protocol.MaxLine, nil))
	defer func() { in.buffer.Release() }()
	in.SetLine(first)
	return s.readLines(body, in, w)
}

// receiptWriter are the replies of a request, for when it has ended.
type receiptWriter struct {
	mu      sync.Mutex
	settled sync.Cond
	open    int // appends that have not ended
	receipt Receipt
	err     error // of the first append that failed
}

// maxErrors is how many rejected lines a Receipt names.
const maxErrors = 100

func newReceiptWriter(first uint64) *receiptWriter {
	w := &receiptWriter{receipt: Receipt{Errors: []string{}, Next: first}}
	w.settled.L = &w.mu
	return w
}

func (w *receiptWriter) reject(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.receipt.Rejected++
	if len(w.receipt.Errors) < maxErrors {
		w.receipt.Errors = append(w.receipt.Errors, err.Error())
	}
}

func (w *receiptWriter) expect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
}

func (w *receiptWriter) settle(e *journal.Entry, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.receipt.Taken += uint64(e.Count)
		w.receipt.Next = e.First + uint64(e.Count)
	} else if w.err == nil {
		w.err = err
	}
	w.open--
	w.settled.Broadcast()
}

// finish waits until every append has ended, and returns why one failed.
func (w *receiptWriter) finish() (Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.open > 0 {
		w.settled.Wait()
	}
	return w.receipt, w.err
}
