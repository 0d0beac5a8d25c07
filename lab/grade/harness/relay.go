package harness

import (
	"context"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/recorder"
	"pubsublab/lab/grade/harness/runner"
)

// relay stands between one client of the submission's and its server, and writes down what they
// say. Its methods may be called concurrently.
type relay struct {
	// static
	server    *ServerRun
	run       runner.Runner  // of the client
	listeners []net.Listener // the first is for the server's main port

	behind  *Terminal     // whose registration connections wait for; nil: for nobody's
	opening registering   // of the client
	over    chan struct{} // closed when it is closed
	closing sync.Once

	mu      sync.Mutex
	conns   []*Connection
	stalled bool
}

// Connection is one connection of a client through the relay.
type Connection struct {
	// static
	Up, Down       *recorder.Recorder // what the client said, and what the server said
	At             time.Time          // when it was opened
	Port           int                // of the server; 0: its main one, 1: the one behind that
	client, server net.Conn
	reads          func(*net.TCPConn) (int64, error) // how much of the connection the server has read
	stalled        chan struct{}                     // closed when nothing more goes down
	over           chan struct{}                     // closed when it is
	end            sync.Once
	first          sync.Once
	dropped        atomic.Bool // the server ended it before the client did
}

// startRelay opens a relay. Where the server's ports are fixed and client and server are apart, it has
// those ports, so that also a client that knows them from its source finds the relay there. Where clients
// are told the port behind the server's, too, it has two such ports.
func (r *ServerRun) startRelay(behind *Terminal, opening registering) (*relay, error) {
	l := &relay{server: r, behind: behind, opening: opening, run: r.Runner, over: make(chan struct{})}
	ports := []int{0}
	if r.apart {
		var err error
		if l.run, err = r.Runner.(runner.Parting).Apart(); err != nil {
			return nil, err
		}
		ports = r.ports()
	} else if two, ok := r.Runner.(interface{ TwoPorts() bool }); ok && two.TwoPorts() {
		if err := l.listenTwice(); err != nil {
			return nil, err
		}
		go l.endWith(r.Program)
		return l, nil
	}
	for i, port := range ports {
		listener, err := l.run.Listen(port)
		if err != nil {
			l.close()
			return nil, err
		}
		l.listeners = append(l.listeners, listener)
		if i == 0 {
			port = 0
		}
		go l.accept(listener, port)
	}
	go l.endWith(r.Program)
	return l, nil
}

// endWith refuses connections when the server has ended, as the system does then: some clients take one
// that is accepted for a server that serves.
func (l *relay) endWith(server *runner.Program) {
	select {
	case <-server.Done():
		l.refuse()
	case <-l.over:
	}
}

func (l *relay) refuse() {
	for _, listener := range l.listeners {
		_ = listener.Close()
	}
}

// listenTwice opens a port and the one behind it.
func (l *relay) listenTwice() error {
	var err error
	const most = 20 // others may have the one behind
	for range most {
		var first, second net.Listener
		if first, err = l.run.Listen(0); err != nil {
			return err
		}
		if second, err = l.run.Listen(first.Addr().(*net.TCPAddr).Port + 1); err != nil {
			_ = first.Close()
			continue
		}
		l.listeners = []net.Listener{first, second}
		go l.accept(first, 0)
		go l.accept(second, 1)
		return nil
	}
	return err
}

// ports are those at which the server listens, its main one first.
func (r *ServerRun) ports() []int {
	_, text, _ := net.SplitHostPort(r.addresses()[0])
	main, _ := strconv.Atoi(text)
	others := slices.DeleteFunc(r.Program.Ports(), func(port int) bool { return port == main })
	return append([]int{main}, others...)
}

// address is what the client takes for the server's.
func (l *relay) address() net.Addr {
	address := *l.listeners[0].Addr().(*net.TCPAddr)
	if address.IP.IsUnspecified() {
		address.IP = net.IPv4(127, 0, 0, 1)
	}
	return &address
}

// accept takes connections for a port of the server's, 0 for its main one.
func (l *relay) accept(listener net.Listener, port int) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return // it was closed
		}
		go l.serve(client, port)
	}
}

func (l *relay) serve(client net.Conn, port int) {
	c := &Connection{
		Up: recorder.New(inputLimit), Down: recorder.New(inputLimit), At: time.Now(), Port: port,
		client: client, reads: l.server.Program.Read, stalled: make(chan struct{}), over: make(chan struct{}),
	}
	said := make(chan chunk, 64)
	go c.listen(said, &writes{registering: l.opening, conn: client.(*net.TCPConn)})
	if l.behind != nil {
		l.behind.awaitThere()
	}
	server, err := l.dial(port)
	if err != nil {
		_ = client.Close()
		close(c.over)
		return
	}
	c.server = server
	l.mu.Lock()
	l.conns = append(l.conns, c)
	if l.stalled {
		close(c.stalled)
	}
	l.mu.Unlock()
	var done sync.WaitGroup
	done.Go(func() { c.carryUp(said) })
	done.Go(c.carryDown)
	done.Wait()
	c.close(false)
}

// dial connects to a port of the server's. A client may come before it listens.
func (l *relay) dial(port int) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.server.Timeout)
	defer cancel()
	if port == 0 {
		return l.server.dial(ctx)
	}
	address, err := otherPort(l.server.addresses()[0], port)
	if err != nil {
		return nil, err
	}
	var conn *net.TCPConn
	Poll(ctx, func() bool { // it may open one port a moment after the other
		conn, err = l.server.Runner.Dial(ctx, address)
		return err == nil || !l.server.Running()
	})
	return conn, err
}

// otherPort is the address of another port of a server's, 1 for the one behind that of the address.
func otherPort(address string, port int) (string, error) {
	host, main, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if port == 1 {
		if port, err = strconv.Atoi(main); err != nil {
			return "", err
		}
		port++
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// carryUp passes on what the client says, with the pauses that it makes. What it says one thing behind the
// other to register does not reach the server as one: what becomes of that is a check's of its own.
func (c *Connection) carryUp(said <-chan chunk) {
	var last time.Time
	passed, pauses := int64(0), true
	for {
		var next chunk
		select {
		case next = <-said:
		case <-c.over:
			return
		}
		if passed > 0 && len(next.data) > 0 && (next.apart || next.at.Sub(last) >= pause) {
			if pauses = pauses && c.isRead(passed); !pauses && next.apart {
				time.Sleep(pause)
			}
		}
		last, passed = next.at, passed+int64(len(next.data))
		if c.passed(c.server, next.data, next.err, false) {
			return
		}
	}
}

// carryDown passes on what the server says. Nothing goes down any more once it is stalled.
func (c *Connection) carryDown() {
	defer c.Down.End()
	data := make([]byte, 32<<10)
	for {
		n, err := c.server.Read(data)
		if c.isStalled() {
			<-c.over
			return
		}
		_, _ = c.Down.Write(data[:n])
		if c.passed(c.client, data[:n], err, true) {
			return
		}
	}
}

// passed passes data on, and ends the other side as this one ended: in an orderly way or at once. It
// reports whether it has ended.
func (c *Connection) passed(to net.Conn, data []byte, err error, down bool) bool {
	if len(data) > 0 {
		if _, wrong := to.Write(data); wrong != nil {
			c.first.Do(func() { c.dropped.Store(!down) })
			err = wrong
		}
	}
	if err != nil {
		c.first.Do(func() { c.dropped.Store(down) })
	}
	switch {
	case err == nil:
		return false
	case err == io.EOF && c.isStalled():
		c.close(false) // whom nothing reaches any more need not wait for anything
	case err == io.EOF:
		_ = to.(*net.TCPConn).CloseWrite()
	default:
		c.close(true)
	}
	return true
}

// pause is how long a client says nothing that relies on the server to have read what it said before.
const pause = 50 * time.Millisecond

// isRead waits until the server has read so many bytes of the connection, and reports whether it has: a
// pause that a client makes is not to be lost because the machine is busy. It gives up where the server
// does not read, or the system does not say.
func (c *Connection) isRead(bytes int64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var err error
	return Poll(ctx, func() bool {
		var n int64
		n, err = c.reads(c.server.(*net.TCPConn))
		return n >= bytes || err != nil
	}) && err == nil
}

func (c *Connection) isStalled() bool {
	select {
	case <-c.stalled:
		return true
	default:
		return false
	}
}

// close ends both sides: at once, or in good order. Again does nothing.
func (c *Connection) close(atOnce bool) {
	c.end.Do(func() {
		for _, side := range []net.Conn{c.client, c.server} {
			if atOnce {
				_ = side.(*net.TCPConn).SetLinger(0)
			}
			_ = side.Close()
		}
		close(c.over)
	})
}

// chunks are what went over it both ways, in the order of time.
func (c *Connection) chunks(began time.Time) []dialect.Chunk {
	var all []dialect.Chunk
	for up, side := range map[bool]*recorder.Recorder{true: c.Up, false: c.Down} {
		for at, data := range side.Chunks() {
			all = append(all, dialect.Chunk{At: at.Sub(began), Up: up, Data: data})
		}
	}
	slices.SortStableFunc(all, func(a, b dialect.Chunk) int { return int(a.At - b.At) })
	return all
}

// connections are those so far, in the order in which they were opened.
func (l *relay) connections() []*Connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.conns)
}

// cut ends all connections: at once, or in good order.
func (l *relay) cut(atOnce bool) {
	for _, c := range l.connections() {
		c.close(atOnce)
	}
}

// stall lets nothing more of what the server sends through, nor take it from the server.
func (l *relay) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stalled {
		return
	}
	l.stalled = true
	for _, c := range l.conns {
		close(c.stalled)
		_ = c.server.(*net.TCPConn).SetReadBuffer(1)
	}
}

// close ends the relay and its connections.
func (l *relay) close() {
	l.closing.Do(func() { close(l.over) })
	l.refuse()
	l.cut(false)
}
