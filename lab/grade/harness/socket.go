package harness

import (
	"context"
	"errors"
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

// inputLimit is how much of what a connection received is kept, in bytes.
const inputLimit = 32 << 20

// lingerTime is how long a closing connection waits for the server to close its side.
const lingerTime = 200 * time.Millisecond

// cutPause is what lies between two writes that are not one: a server may take each read for one.
const cutPause = 10 * time.Millisecond

// Socket is a connection of the grader's own to the server, and those that the submission's dialect
// wants beside it.
type Socket struct {
	*net.TCPConn
	dialect  *Dialect // the harness's
	dial     func(ctx context.Context, address string) (*net.TCPConn, error)
	read     func(*net.TCPConn) (int64, error) // how much of a connection the server has read
	received *recorder.Recorder
	pace     *Pace
	wait     time.Duration                                                                        // for a server that takes nothing
	in       func(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) // the run's Within
	values   dialect.Values

	detached atomic.Bool // there is a connection for each message, and none that stays

	speaking sync.Mutex         // one speaks at a time
	more     []net.Conn         // guarded by speaking; opened after the first
	current  net.Conn           // guarded by speaking
	written  map[net.Conn]int64 // bytes; guarded by speaking
}

func (r *ServerRun) newSocket(conn *net.TCPConn, d *Dialect) *Socket {
	s := &Socket{TCPConn: conn, dialect: d, dial: r.Runner.Dial, read: r.Program.Read, received: recorder.New(inputLimit), pace: r.Pace, wait: r.Timeout, in: r.Within, current: conn}
	s.written = map[net.Conn]int64{}
	s.values = dialect.Values{Local: conn.LocalAddr().String(), Server: conn.RemoteAddr().String()}
	spoken := d.Dialect // by now: what is learnt of it later is the same of what is received
	go func() {
		if s.take(conn, spoken); !s.detached.Load() {
			s.received.End()
		}
	}()
	return s
}

// take records what a connection receives, without the frames of the dialect.
func (s *Socket) take(conn net.Conn, spoken *dialect.Dialect) {
	if spoken == nil {
		_, _ = io.Copy(s.received, conn) // however it ends
		return
	}
	decoder := spoken.Receive.NewDecoder()
	data := make([]byte, 32<<10)
	for {
		n, err := conn.Read(data)
		if text := decoder.Decode(data[:n]); len(text) > 0 {
			_, _ = s.received.Write(text)
		}
		if err != nil {
			return
		}
	}
}

// say publishes a message in the dialect.
func (s *Socket) say(text string) error { return s.sayAll([]string{text}) }

// sayAll publishes messages, as one write where the dialect publishes with one.
func (s *Socket) sayAll(texts []string) error {
	if s.dialect.Dialect == nil {
		return errUnknown
	}
	s.speaking.Lock()
	defer s.speaking.Unlock()
	var all []dialect.Step
	brief := false // the message has a connection of its own
	for _, text := range texts {
		s.values.Text, s.values.Now = text, time.Now()
		steps, err := s.dialect.Publishing(s.values)
		if text == Terminate {
			steps, err = s.dialect.Terminating(s.values)
		}
		if err != nil {
			return err
		}
		if s.values.Count++; len(steps) == 0 { // it only closes
			if _, err := s.do(context.Background(), all, s.wait); err != nil {
				return err
			}
			return s.TCPConn.CloseWrite()
		}
		n := len(all)
		if n > 0 && len(steps) == 1 && plain(all[n-1]) && plain(steps[0]) {
			all[n-1].Data = append(all[n-1].Data, steps[0].Data...)
			continue
		}
		if all = append(all, steps...); slices.ContainsFunc(steps, func(s dialect.Step) bool { return s.Connect }) {
			brief = true
			all = append(all, dialect.Step{Wait: true})
		}
	}
	before := len(s.more)
	_, err := s.do(context.Background(), all, s.wait)
	if brief {
		for _, c := range s.more[before:] {
			_ = c.Close()
		}
		s.more, s.current = s.more[:before], s.TCPConn
	}
	return err
}

// half is the first half of what publishes a message.
func (s *Socket) half(text string) ([]byte, error) {
	if s.dialect.Dialect == nil {
		return nil, errUnknown
	}
	s.speaking.Lock()
	defer s.speaking.Unlock()
	s.values.Text, s.values.Now = text, time.Now()
	steps, err := s.dialect.Publishing(s.values)
	if err != nil {
		return nil, err
	}
	data := steps[len(steps)-1].Data
	return data[:(len(data)+1)/2], nil
}

var errUnknown = errors.New("the submission's dialect is not known")

func plain(s dialect.Step) bool { return !s.Connect && s.On == 0 && !s.Wait }

// register follows steps, and returns which of their waits were answered.
func (s *Socket) register(ctx context.Context, steps []dialect.Step, timeout time.Duration) ([]bool, error) {
	s.speaking.Lock()
	defer s.speaking.Unlock()
	if s.dialect.Detached(s.values.Role) {
		s.detached.Store(true)
		_ = s.TCPConn.Close()
	}
	return s.do(ctx, steps, timeout)
}

// do follows steps. The caller holds speaking.
func (s *Socket) do(ctx context.Context, steps []dialect.Step, timeout time.Duration) (answered []bool, err error) {
	heard, wrote := 0, false
	if len(steps) > 0 && !steps[0].Wait {
		heard = s.received.Len()
	}
	for _, step := range steps {
		switch {
		case step.Connect:
			if err := s.connect(ctx, step.Port); err != nil {
				return answered, err
			}
			heard, wrote = s.received.Len(), false
		case step.On == 1:
			s.current = s.TCPConn
		case step.On > 1 && step.On-2 < len(s.more):
			s.current = s.more[step.On-2]
		}
		if step.Wait {
			answered = append(answered, s.await(ctx, heard, len(answered) == 0 && !wrote, timeout))
		} else if wrote && len(step.Data) > 0 {
			s.isRead(ctx, time.Second)
			Pause(ctx, max(cutPause, step.Pause))
		}
		if len(step.Data) == 0 {
			continue
		}
		heard = s.received.Len()
		if err := s.write(step.Data); err != nil {
			return answered, err
		}
		wrote = true
	}
	return answered, nil
}

// await waits until the server has said something behind an offset, and is silent. What it says
// first is waited for until it asks for the role, where it is known to.
func (s *Socket) await(ctx context.Context, since int, first bool, timeout time.Duration) bool {
	ctx, cancel := s.in(ctx, timeout)
	defer cancel()
	began := time.Now()
	said := s.received.Wait(ctx, func(data []byte) bool {
		return len(data) > since && (!first || !s.dialect.Prompts || RolePrompt.Match(data[since:]))
	})
	s.pace.answered(said, time.Since(began))
	s.received.Quiet(ctx, 5*time.Millisecond) // its end
	return said
}

// connect opens another connection, at a port of the server's or its first one.
func (s *Socket) connect(ctx context.Context, port int) error {
	address := s.RemoteAddr().String()
	if port != 0 {
		var err error
		if address, err = otherPort(address, port); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	conn, err := s.dial(ctx, address)
	if err != nil {
		return err
	}
	s.more, s.current = append(s.more, conn), conn
	go s.take(conn, s.dialect.Dialect)
	return nil
}

// write sends bytes as one write on the current connection.
func (s *Socket) write(data []byte) error {
	if err := s.current.SetWriteDeadline(time.Now().Add(s.wait)); err != nil {
		return err
	}
	n, err := s.current.Write(data)
	s.written[s.current] += int64(n)
	return err
}

// takenNow reports whether the server has read all that was written on the current connection. An
// error is that the system does not say. The caller holds speaking.
func (s *Socket) takenNow() (bool, error) {
	conn, ok := s.current.(*net.TCPConn)
	if !ok {
		return false, errors.ErrUnsupported
	}
	n, err := s.read(conn)
	return n >= s.written[s.current], err
}

// isRead waits until the server has read all that was written on the current connection, and reports
// whether it has; at once where the system does not say. The caller holds speaking.
func (s *Socket) isRead(ctx context.Context, timeout time.Duration) bool {
	ctx, cancel := s.in(ctx, timeout)
	defer cancel()
	var err error
	return Poll(ctx, func() (taken bool) {
		taken, err = s.takenNow()
		return taken || err != nil
	}) && err == nil
}

// taken is takenNow for everybody; false where the system does not say.
func (s *Socket) taken() bool {
	s.speaking.Lock()
	defer s.speaking.Unlock()
	taken, err := s.takenNow()
	return taken && err == nil
}

// rest waits, where nothing answers, until the server has taken what it was told: a little longer than
// until it has read it, or, where the system does not say, for the time that the dialect needs.
func (s *Socket) rest(ctx context.Context) {
	said, needs := s.received.Len(), s.dialect.Rest
	began := time.Now()
	s.speaking.Lock()
	if s.isRead(ctx, max(needs, time.Second)) {
		needs /= 5
	} else {
		needs -= time.Since(began)
	}
	s.speaking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, needs)
	defer cancel()
	s.received.Wait(ctx, func(data []byte) bool { return len(data) > said })
}

// send sends bytes as one write.
func (s *Socket) send(text string) error {
	s.speaking.Lock()
	defer s.speaking.Unlock()
	return s.write([]byte(text))
}

func (s *Socket) port() string { return strconv.Itoa(s.LocalAddr().(*net.TCPAddr).Port) }

func (s *Socket) close(ctx context.Context) {
	s.each(func(c *net.TCPConn) { _ = c.CloseWrite() })
	ctx, cancel := context.WithTimeout(ctx, lingerTime)
	defer cancel()
	s.received.Wait(ctx, func([]byte) bool { return false })
	s.hangUp()
}

func (s *Socket) reset() {
	s.each(func(c *net.TCPConn) { _ = c.SetLinger(0) })
	s.hangUp()
}

func (s *Socket) stall()  { s.each(func(c *net.TCPConn) { _ = c.SetReadDeadline(time.Now()) }) }
func (s *Socket) hangUp() { s.each(func(c *net.TCPConn) { _ = c.Close() }) }

// each does something to all connections.
func (s *Socket) each(do func(*net.TCPConn)) {
	do(s.TCPConn)
	s.speaking.Lock()
	defer s.speaking.Unlock()
	for _, c := range s.more {
		do(c.(*net.TCPConn))
	}
}

// elsewhere is how long a server is given to listen where it was told to, before it is looked where
// else it listens.
const elsewhere = 2 * time.Second

// dial connects to a server where it was told to listen, or, after a while, wherever it does; until
// ctx is done or the server has ended.
func (r *ServerRun) dial(ctx context.Context) (*net.TCPConn, error) {
	began := time.Now()
	look := began.Add(elsewhere)
	for {
		var all []error
		wasAlive := r.Running() // asked before: a server that listened and ended right behind it is no reason to go on
		for _, address := range r.addresses() {
			conn, err := r.Runner.Dial(ctx, address)
			if err == nil {
				return conn, nil
			}
			all = append(all, err)
		}
		if !wasAlive || ctx.Err() != nil {
			return nil, errors.Join(all...)
		}
		if time.Now().After(look) {
			look = time.Now().Add(time.Second)
			if r.listensSomewhere() {
				continue
			}
		}
		Pause(ctx, 20*time.Millisecond)
	}
}

// room waits for a while until the server has accepted some of the connections that wait for it, where
// there are so many that the system would keep another one waiting for a second.
func (r *ServerRun) room(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, port, _ := net.SplitHostPort(r.addresses()[0])
	number, _ := strconv.Atoi(port)
	Poll(ctx, func() bool {
		queue, err := r.Program.Queue(number)
		return err != nil || queue == nil || queue.Waiting < max(queue.Most, 1)
	})
}

// addresses are where the server may listen, or where it was found to.
func (r *ServerRun) addresses() []string {
	if found := r.found.Load(); found != nil {
		return *found
	}
	return r.Program.Addresses
}

// Elsewhere are the addresses at which the server listens instead of those it was told; empty where
// it does as it was told.
func (r *ServerRun) Elsewhere() []string {
	if found := r.found.Load(); found != nil {
		return *found
	}
	return nil
}

// Reachable waits until a program accepts a connection, which it closes at once, and reports whether
// it did.
func Reachable(ctx context.Context, run runner.Runner, program *runner.Program) bool {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return Poll(ctx, func() bool {
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		conn, err := run.Dial(soon, program.Addresses[0])
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}
