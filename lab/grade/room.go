package grade

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"pubsublab/lab/grade/runner"
)

// startLimit is how long a server may take until it accepts connections: some compile first.
const startLimit = 20 * time.Second

// room is one run of the server, and the grader's connections to it. It is for one goroutine; what peers say and receive
// goes on beside it.
type room struct {
	g       *grader
	port    int
	program *runner.Program
	began   time.Time
	words   *rand.Rand

	publishers, subscribers int // so far
	peers                   []*peer
	prober                  *peer // publishes until subscribers receive; opened when first needed
}

// open starts the server. The label makes the random words of the room.
func (g *grader) open(ctx context.Context, label string) (*room, error) {
	port, err := g.run.Port()
	if err != nil {
		return nil, err
	}
	return g.openAt(ctx, label, port)
}

func (g *grader) openAt(ctx context.Context, label string, port int) (*room, error) {
	r := &room{g: g, port: port, began: time.Now(), words: g.random(label)}
	var err error
	r.program, err = g.run.Server(ctx, port)
	if err != nil {
		return nil, errors.Join(errStart, err)
	}
	return r, nil
}

// errStart says that the submission's program cannot be started at all.
var errStart = errors.New("the server cannot be started")

func (r *room) close() {
	for _, p := range r.peers {
		p.hangUp()
	}
	r.program.Kill()
}

func (r *room) now() time.Duration { return time.Since(r.began) }

// running says whether the server has not ended.
func (r *room) running() bool {
	select {
	case <-r.program.Done():
		return false
	default:
		return true
	}
}

// connect opens a connection, and waits until the server listens. The role only makes the name.
func (r *room) connect(ctx context.Context, role string) (*peer, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	conn, err := dial(ctx, r.program.Addresses, r.running)
	if err != nil {
		return nil, err
	}
	name, num := "", 0
	if role == runner.Publisher {
		r.publishers++
		name, num = fmt.Sprintf("publisher %d", r.publishers), r.publishers
	} else {
		r.subscribers++
		name, num = fmt.Sprintf("subscriber %d", r.subscribers), 100+r.subscribers
	}
	return r.add(name, num, conn), nil
}

func (r *room) add(name string, num int, conn *net.TCPConn) *peer {
	p := newPeer(name, num, r.word(), conn, r.g.patience)
	r.peers = append(r.peers, p)
	go p.read()
	return p
}

// word is six random letters.
func (r *room) word() string {
	letters := make([]byte, 6)
	for i := range letters {
		letters[i] = wordLetters[r.words.IntN(len(wordLetters))]
	}
	return string(letters)
}

// join connects and registers.
func (r *room) join(ctx context.Context, role string) (*peer, error) {
	p, err := r.connect(ctx, role)
	if err != nil {
		return nil, err
	}
	return p, r.register(ctx, p, role)
}

// register tells the role, as the submission wants to be told.
func (r *room) register(ctx context.Context, p *peer, role string) error {
	d := &r.g.dialect
	d.awaitPrompt(ctx, p, r.g.patience)
	return d.tell(ctx, p, role, role, r.g.patience)
}

// say publishes a message, and in a submission that treats each read as one message waits until a subscriber has it, or
// long enough to be sure that it was read.
func (r *room) say(ctx context.Context, m message) error {
	d := &r.g.dialect
	subscribers := r.listening()
	since := make([]int, len(subscribers))
	for i, p := range subscribers {
		since[i] = p.in.Len()
	}
	if err := m.from.send(m.text + d.msgEnd); err != nil || d.framing == lines {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, min(r.g.patience, time.Second))
	defer cancel()
	poll(ctx, func() bool {
		for i, p := range subscribers {
			if p.has(since[i], m.token) {
				return true
			}
		}
		return false
	})
	return nil
}

// listening are the subscribers that are there.
func (r *room) listening() []*peer {
	var there []*peer
	for _, p := range r.peers {
		if p.num > 100 && !p.closed() {
			there = append(there, p)
		}
	}
	return there
}

// poll waits until done holds, and returns false when ctx is done before.
func poll(ctx context.Context, done func() bool) bool {
	for wait := 100 * time.Microsecond; !done(); wait = min(2*wait, 5*time.Millisecond) {
		if ctx.Err() != nil {
			return false
		}
		pause(ctx, wait)
	}
	return true
}

// ready waits until subscribers receive, by publishing from a connection of its own until they do: a server need not say
// when it has registered somebody. It returns those that received nothing for the whole patience.
func (r *room) ready(ctx context.Context, subscribers ...*peer) []*peer {
	ctx, cancel := context.WithTimeout(ctx, r.g.patience)
	defer cancel()
	missing := subscribers
	for ctx.Err() == nil && r.running() {
		if r.prober == nil || r.prober.closed() {
			if r.prober = r.probe(ctx); r.prober == nil {
				return missing
			}
		}
		if err := r.say(ctx, r.prober.next("")); err != nil {
			r.prober.hangUp()
			r.prober = nil
			pause(ctx, 50*time.Millisecond)
			continue
		}
		soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		poll(soon, func() bool {
			missing = unready(missing, r.prober)
			return len(missing) == 0
		})
		cancel()
		if len(missing) == 0 {
			return nil
		}
	}
	return missing
}

func (r *room) probe(ctx context.Context) *peer {
	conn, err := dial(ctx, r.program.Addresses, r.running)
	if err != nil {
		return nil
	}
	p := r.add("the grader's own publisher", 0, conn)
	if err := r.register(ctx, p, runner.Publisher); err != nil {
		p.hangUp()
		return nil
	}
	return p
}

func unready(subscribers []*peer, prober *peer) []*peer {
	var missing []*peer
	for _, p := range subscribers {
		if !containsFold(p.in.Bytes(), fmt.Sprintf("m%d-%s-", prober.num, prober.word)) {
			missing = append(missing, p)
		}
	}
	return missing
}

// await waits until all subscribers have all messages, for as long as some still come, and a patience more.
func (r *room) await(ctx context.Context, subscribers []*peer, messages []message) bool {
	var last int
	progress := time.Now()
	for {
		total, complete := 0, true
		for _, p := range subscribers {
			seen := map[string]bool{}
			for _, s := range p.seen() {
				seen[s.token] = true
			}
			total += len(seen)
			for _, m := range messages {
				complete = complete && seen[m.token]
			}
		}
		if total > last {
			last, progress = total, time.Now()
		}
		if complete || time.Since(progress) > r.g.patience || ctx.Err() != nil {
			return complete
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// settle waits a little for what should not come.
func (r *room) settle(ctx context.Context) {
	const silence = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, 5*silence)
	defer cancel()
	for _, p := range r.peers {
		p.in.Quiet(ctx, silence)
	}
}
