package broker

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// memListener hands out buffered connections in memory. Unlike loopback TCP they work under
// testing/synctest, and unlike net.Pipe they have a buffer.
type memListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memListener) Addr() net.Addr { return memAddr("server") }

// dial connects a client of that address; buffer is how many bytes each direction holds.
func (l *memListener) dial(addr string, buffer int) (*memConn, error) {
	up, down := newMemHalf(buffer), newMemHalf(buffer)
	server := &memConn{in: up, out: down, remote: memAddr(addr)}
	select {
	case l.conns <- server:
		return &memConn{in: down, out: up, remote: memAddr("server")}, nil
	case <-l.closed:
		return nil, syscall.ECONNREFUSED
	}
}

type memAddr string

func (memAddr) Network() string  { return "mem" }
func (a memAddr) String() string { return string(a) }

// memHalf is one direction of a connection.
type memHalf struct {
	mu      sync.Mutex
	changed *sync.Cond
	buf     []byte
	max     int
	ended   bool  // the writer has closed its side
	gone    bool  // the reader has closed
	broken  error // the connection was reset

	reading, writing memDeadline
}

type memDeadline struct {
	at    time.Time
	timer *time.Timer
}

func newMemHalf(buffer int) *memHalf {
	h := &memHalf{max: buffer}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *memHalf) set(d *memDeadline, t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.changed.Broadcast()
		})
	}
	h.changed.Broadcast()
}

func (d *memDeadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (h *memHalf) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.gone:
			return 0, net.ErrClosed
		case h.broken != nil:
			return 0, h.broken
		case h.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.changed.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *memHalf) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.ended:
			return n, net.ErrClosed
		case h.broken != nil || h.gone:
			return n, syscall.EPIPE
		case h.writing.passed():
			return n, os.ErrDeadlineExceeded
		case n == len(p):
			return n, nil
		case len(h.buf) < h.max:
			m := min(len(p)-n, h.max-len(h.buf))
			h.buf = append(h.buf, p[n:n+m]...)
			n += m
			h.changed.Broadcast()
			continue
		}
		h.changed.Wait()
	}
}

func (h *memHalf) do(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	for _, d := range []*memDeadline{&h.reading, &h.writing} {
		if d.timer != nil && (h.gone || h.broken != nil) {
			d.timer.Stop()
		}
	}
	h.changed.Broadcast()
}

// memConn is one end of a connection.
type memConn struct {
	in, out *memHalf
	remote  memAddr
}

func (c *memConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memConn) Write(p []byte) (int, error) { return c.out.write(p) }

func (c *memConn) Close() error {
	c.in.do(func() { c.in.gone = true })
	c.out.do(func() { c.out.ended = true })
	return nil
}

func (c *memConn) CloseWrite() error {
	c.out.do(func() { c.out.ended = true })
	return nil
}

// reset breaks the connection in both directions.
func (c *memConn) reset() {
	for _, h := range []*memHalf{c.in, c.out} {
		h.do(func() { h.broken, h.buf = syscall.ECONNRESET, nil })
	}
}

// buffered takes what has arrived, without waiting.
func (c *memConn) buffered() string {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	s := string(c.in.buf)
	c.in.buf = nil
	c.in.changed.Broadcast()
	return s
}

// ended reports whether the other side has closed.
func (c *memConn) ended() bool {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.ended || c.in.broken != nil
}

func (c *memConn) LocalAddr() net.Addr  { return memAddr("local") }
func (c *memConn) RemoteAddr() net.Addr { return c.remote }

func (c *memConn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.set(&c.in.reading, t)
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.set(&c.out.writing, t)
	return nil
}
