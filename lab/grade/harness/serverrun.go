package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pubsublab/lab/grade/harness/runner"
)

// startLimit is how long a server may take until it accepts connections: some compile first.
const startLimit = 30 * time.Second

// StartLimit is how long the grader waits until a server accepts connections.
const StartLimit = startLimit

// ServerRun is one run of the server, and the grader's connections to it. It is for one goroutine;
// what participants say and receive goes on beside it.
type ServerRun struct {
	Config
	Dialect *Dialect // the harness's
	Port    int
	Program *runner.Program
	Began   time.Time
	random  *rand.Rand
	starts  *starts // the harness's

	// Terminals says what Join makes: the submission's own clients at terminals, or connections of
	// the grader's own.
	Terminals bool

	Shared  bool   // an earlier user of the program has left it to this run
	Stopped bool   // whoever uses the run ended the server itself
	Release func() // called by Close, when the participants have left, instead of ending the server; may be nil

	apart   bool                     // it has a network of its own, and each client one of its own
	reached time.Duration            // from the start of the program to the first connection; 0: there was none
	found   atomic.Pointer[[]string] // where it listens instead of where it was told; nil: nowhere
	resting resting                  // what those who wait have seen
	ended   atomic.Int64             // when the server ended, in nanoseconds of Unix; 0 while it runs

	publishers, subscribers int        // so far
	joining                 sync.Mutex // held while one is added to Participants, for those beside who wait
	Participants            []*Participant
	Prober                  *Participant // publishes until subscribers receive; opened when first needed
}

// Start starts the server. The label makes the random words of the run.
func (h *Harness) Start(ctx context.Context, label string) (*ServerRun, error) {
	port, err := h.Runner.Port()
	if err != nil {
		return nil, err
	}
	return h.StartAt(ctx, label, port)
}

// StartAt is Start on a port of the caller's choice. An error that is [ErrStart] is the
// submission's.
func (h *Harness) StartAt(ctx context.Context, label string, port int) (*ServerRun, error) {
	run := h.Runner
	if h.Apart {
		var err error
		if run, err = run.(runner.Parting).Apart(); err != nil {
			return nil, err
		}
	}
	return h.startOn(ctx, run, label, port)
}

// Restart starts the server again where a run of it was, which has ended.
func (h *Harness) Restart(ctx context.Context, before *ServerRun, label string) (*ServerRun, error) {
	return h.startOn(ctx, before.Runner, label, before.Port)
}

func (h *Harness) startOn(ctx context.Context, run runner.Runner, label string, port int) (*ServerRun, error) {
	r := &ServerRun{Config: h.Config, Dialect: &h.Dialect, Port: port, Began: time.Now(), random: h.random(label), starts: &h.starts}
	h.starts.began()
	r.Runner, r.apart = run, run != h.Runner && !h.Together
	var err error
	r.Program, err = run.Server(ctx, port)
	if err != nil {
		return nil, errors.Join(ErrStart, err)
	}
	if len(h.Fixed) > 0 {
		r.found.Store(&h.Fixed)
	}
	go r.watch()
	return r, nil
}

// Again is another run of the same program, which goes on from where all participants of the run
// before have left.
func (h *Harness) Again(before *ServerRun, label string) *ServerRun {
	r := &ServerRun{
		Config: h.Config, Dialect: &h.Dialect, Port: before.Port, Program: before.Program, Began: time.Now(), random: h.random(label), starts: &h.starts,
		Shared: true, reached: before.reached,
	}
	r.Runner, r.apart = before.Runner, before.apart
	r.found.Store(before.found.Load())
	go r.watch()
	return r
}

// watch notes when the server ends.
func (r *ServerRun) watch() {
	<-r.Program.Done()
	r.ended.Store(time.Now().UnixNano())
}

// ErrStart says that the submission's program cannot be started at all.
var ErrStart = errors.New("the server cannot be started")

// Close ends the connections and the server with all that it started, or releases it.
func (r *ServerRun) Close() {
	for _, p := range r.Participants {
		p.HangUp()
	}
	if r.Release != nil {
		r.Release()
		return
	}
	r.Program.Kill()
}

// Reached is how long the program took from its start until it accepted a connection; 0 while it
// has not.
func (r *ServerRun) Reached() time.Duration { return r.reached }

// listens notes that the server does, once.
func (r *ServerRun) listens() {
	if r.reached == 0 {
		r.reached = time.Since(r.Began)
		r.starts.reached(r.reached)
	}
}

// Now is the time since the start, as steps have it.
func (r *ServerRun) Now() time.Duration { return time.Since(r.Began) }

// Running reports whether the server has not ended.
func (r *ServerRun) Running() bool {
	select {
	case <-r.Program.Done():
		return false
	default:
		return true
	}
}

// Connect opens a connection, and waits until the server listens. The role only makes the name.
func (r *ServerRun) Connect(ctx context.Context, role string) (*Participant, error) {
	return r.ConnectAs(ctx, r.Dialect, role)
}

// ConnectAs is Connect for one who speaks a dialect of its own.
func (r *ServerRun) ConnectAs(ctx context.Context, d *Dialect, role string) (*Participant, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	r.room(ctx)
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	r.listens()
	name, num := r.number(role)
	return r.add(name, num, r.newSocket(conn, d)), nil
}

// number gives a new participant its name, and its number in tokens.
func (r *ServerRun) number(role string) (name string, num int) {
	if role == runner.Publisher {
		r.publishers++
		return fmt.Sprintf("publisher %d", r.publishers), r.publishers
	}
	r.subscribers++
	return fmt.Sprintf("subscriber %d", r.subscribers), 100 + r.subscribers
}

func (r *ServerRun) add(name string, num int, s *Socket) *Participant {
	s.values.Name, s.values.ID = strings.ReplaceAll(name, " ", ""), r.random.Uint64()
	p := newParticipant(name, num, r.Word(), s, s.received)
	r.joins(p)
	return p
}

func (r *ServerRun) joins(p *Participant) {
	r.joining.Lock()
	defer r.joining.Unlock()
	r.Participants = append(r.Participants, p)
}

// Word is six random letters.
func (r *ServerRun) Word() string {
	letters := make([]byte, 6)
	for i := range letters {
		letters[i] = wordLetters[r.random.IntN(len(wordLetters))]
	}
	return string(letters)
}

// Tokens makes tokens of one sender.
func (r *ServerRun) Tokens(num int) func() string {
	word, count := r.Word(), 0
	return func() string {
		count++
		return token(num, word, count)
	}
}

// Join connects and registers, or starts a client at a terminal and tells it its role.
func (r *ServerRun) Join(ctx context.Context, role string) (*Participant, error) {
	if r.Terminals {
		all, err := r.JoinTerminals(ctx, role)
		if err != nil {
			return nil, err
		}
		return all[0], nil
	}
	p, err := r.Connect(ctx, role)
	if err != nil {
		return nil, err
	}
	return p, r.Register(ctx, p, role)
}

// JoinTerminals starts clients at terminals in roles, beside each other, and waits until each was
// told what it is to be told. That they are registered is seen by what they show: see
// [ServerRun.Ready]. An error is that one cannot be started; one that ends is no error, but Closed.
func (r *ServerRun) JoinTerminals(ctx context.Context, roles ...string) ([]*Participant, error) {
	all, err := r.startTerminals(ctx, firstTopic, roles...)
	if err != nil {
		return all, err
	}
	for _, p := range all {
		p.Terminal().await(ctx)
	}
	return all, nil
}

// startTerminals is JoinTerminals under a topic, without waiting.
func (r *ServerRun) startTerminals(ctx context.Context, topic string, roles ...string) ([]*Participant, error) {
	var all []*Participant
	for _, role := range roles {
		name, num := r.number(role)
		var behind *Terminal // so that who comes first is no matter of luck
		if n := len(all); n > 0 {
			behind = all[min(n-1, 1)].Terminal()
		}
		t, err := r.openTerminal(ctx, role, topic, name, behind)
		if err != nil {
			return all, err
		}
		p := newParticipant(name, num, r.Word(), t, t.Program.Output)
		r.joins(p)
		all = append(all, p)
	}
	return all, nil
}

// firstTopic is the topic that clients are told where nothing else is meant.
const firstTopic = "news"

// Say publishes a message, and in a submission that treats each read as one message waits until a
// subscriber has it, or long enough to be sure that it was read.
func (r *ServerRun) Say(ctx context.Context, m Message) error {
	d := r.Dialect
	subscribers := r.listening()
	since := make([]int, len(subscribers))
	for i, p := range subscribers {
		since[i] = p.Received.Len()
	}
	if err := m.From.Publish(m); err != nil || d.Framing == Lines && m.From.Socket() != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.Soon())
	defer cancel()
	began := time.Now()
	var read time.Time // by the server; zero: not yet
	arrived := false
	r.Poll(ctx, func() bool {
		for i, p := range subscribers {
			arrived = arrived || p.Has(since[i], m.Token)
		}
		if s := m.From.Socket(); s != nil && read.IsZero() && s.taken() {
			read = time.Now()
		}
		return arrived || !read.IsZero() && time.Since(read) > r.Pace.within(4, lost, r.Soon())
	})
	if arrived {
		r.Pace.saw(time.Since(began))
	}
	return nil
}

// lost is how long a message that the server has read takes at most to arrive, unless it was seen to
// need longer.
const lost = 50 * time.Millisecond

// listening are the subscribers that are there.
func (r *ServerRun) listening() []*Participant {
	var there []*Participant
	for _, p := range r.Participants {
		if p.Number > 100 && !p.Closed() {
			there = append(there, p)
		}
	}
	return there
}

// Poll is [Poll], which gives up soon when the server has ended, or when nothing can come any more.
func (r *ServerRun) Poll(ctx context.Context, done func() bool) bool {
	ctx, cancel := r.WhileBusy(ctx)
	defer cancel()
	return Poll(ctx, done)
}

// lastBytes is how long what a server sent before it ended may take to arrive.
const lastBytes = 200 * time.Millisecond

// Poll waits until done holds, and returns false when ctx is done before.
func Poll(ctx context.Context, done func() bool) bool {
	for wait := 100 * time.Microsecond; !done(); wait = min(2*wait, 5*time.Millisecond) {
		if ctx.Err() != nil {
			return false
		}
		Pause(ctx, wait)
	}
	return true
}
