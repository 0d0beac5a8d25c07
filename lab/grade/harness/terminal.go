package harness

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/runner"
)

const (
	// quiet is how long a client shows nothing more when it waits for an answer.
	quiet = 30 * time.Millisecond
	// unasked is how long a client that asks for nothing is given to ask, before it is told what it
	// has to be told.
	unasked = 700 * time.Millisecond
	// starting is how long a client that shows nothing and does not connect may be about to: a JVM is
	// slow on a busy machine, and what it is typed before it asks answers another question.
	starting = 3 * time.Second
)

// Terminal is the submission's own client at a terminal of its own, behind a relay. It is told its
// role and what else it asks for as soon as it asks.
type Terminal struct {
	// static
	Program     *runner.Program
	Role, Topic string
	line        func(topic, text string) string // of a message
	name        string                          // that it is told where it asks for one
	relay       *relay
	introduced  chan struct{} // closed when it was told what it is to be told, and has told the server
	listens     atomic.Bool   // it is answered nothing, until it shows more

	mu    sync.Mutex
	typed []dialect.Chunk
	last  int             // how much was shown when something was typed last
	asked map[string]bool // what it asked for, as told in introduce
	rounds
}

// openTerminal starts a client, and does not wait until it is introduced. The name is unique. It
// connects when another one that is there has registered; nil: at once.
func (r *ServerRun) openTerminal(ctx context.Context, role, topic, name string, behind *Terminal) (*Terminal, error) {
	t := &Terminal{Role: role, Topic: topic, line: r.Runner.Line, name: strings.ReplaceAll(name, " ", ""), introduced: make(chan struct{}), asked: map[string]bool{}}
	words := strings.Fields(strings.ToLower(strings.Join([]string{t.name, topic, role}, " ")))
	l, err := r.startRelay(behind, registering{words, t.introduced})
	if err != nil {
		return nil, err
	}
	t.relay = l
	if t.Program, err = l.run.Client(ctx, l.address(), role, topic); err != nil {
		l.close()
		return nil, err
	}
	host, port, _ := net.SplitHostPort(l.address().String())
	a := answers{Host: host, Port: port, Role: role, Topic: topic, Name: t.name}
	go t.introduce(r.Runner.Types(role, topic), a)
	go t.leaves()
	return t, nil
}

// leaves ends the connections of a client that has ended: a server that goes on sending to it has to meet
// an error, as it would without a relay.
func (t *Terminal) leaves() {
	<-t.Program.Done()
	const underway = 2 * time.Second // what the client sent last
	ctx, cancel := context.WithTimeout(context.Background(), underway)
	defer cancel()
	for _, c := range t.relay.connections() {
		c.Up.Wait(ctx, func([]byte) bool { return false })
		c.close(false)
	}
}

// introduce types what has to be typed, each line when the client waits for it, and then answers
// whatever it asks, until it ends.
func (t *Terminal) introduce(types []string, a answers) {
	address := strings.NewReplacer("{host}", a.Host, "{port}", a.Port)
	var question string // for the role
	var others []string // ways to spell the role that were not tried
	told := map[string]bool{"role": slices.Contains(types, a.Role), "topic": slices.Contains(types, a.Topic)}
	t.starts()
	for _, line := range types {
		t.waits(unasked, never)
		line = address.Replace(line)
		if line == a.Role {
			shown := t.shown()
			_, question = lastLine(shown)
			others = spellings(a.Role, shown)
			line, others = others[0], others[1:]
			a.Role = line
		}
		if t.enter(line, line) != nil {
			break // it has ended
		}
	}
	once := sync.OnceFunc(func() {
		go func() { // while it may ask for more
			t.registers()
			close(t.introduced)
		}()
	})
	defer once()
	const most = 1000 // so that a client that goes on asking for the same is not answered for ever
	for range most {
		t.waits(unasked/2, func() bool { return t.registered() && !t.asksEach() })
		length := t.Program.Output.Len()
		shown := t.shown()
		kind := asked(shown, told)
		if kind == "" {
			kind = asked(overtaken(shown, t.heard()), told)
		}
		_, line := lastLine(shown)
		if kind == "role" {
			question, others = line, spellings(a.Role, shown)
		}
		switch again := kind == "" && line == question && waiting.MatchString(line); {
		case again && t.hasSaid():
			kind = "role" // and the same
		case kind == "role", again && len(others) > 0 && !accepts.MatchString(shown):
			kind = "role" // it does not take it spelt as it was, where it asks again
			a.Role, others = others[0], others[1:]
		}
		if kind == "" {
			once()
			t.asksNoMore()
			if !t.more(length) {
				return
			}
			continue
		}
		t.answers(kind, shown, told[kind])
		told[kind] = true
		if t.enter(a.to(kind), a.to(kind)) != nil {
			return
		}
	}
}

// starts waits until the client shows something, connects, ends, or waits in silence.
func (t *Terminal) starts() {
	limited, end := context.WithTimeout(context.Background(), starting)
	defer end()
	ctx, cancel := t.WhileBusy(limited)
	defer cancel()
	Poll(ctx, func() bool { return t.Program.Output.Len() > 0 || t.Program.Output.Ended() || !t.Direct() })
}

// heard is the beginning of what the server said on each of the client's connections.
func (t *Terminal) heard() (said [][]byte) {
	const most = 1 << 12
	for _, c := range t.relay.connections() {
		data := c.Down.Bytes()
		said = append(said, data[:min(len(data), most)])
	}
	return said
}

// waits returns when the client has shown something since something was typed and nothing more now,
// as one does that waits for an answer; or has shown nothing for so long, or until something else is.
func (t *Terminal) waits(silence time.Duration, is func() bool) {
	ctx, cancel := context.WithTimeout(context.Background(), silence)
	defer cancel()
	t.mu.Lock()
	since := t.last
	t.mu.Unlock()
	Poll(ctx, func() bool { return t.Program.Output.Len() > since || t.Program.Output.Ended() || is() })
	if t.Program.Output.Len() > since {
		t.Program.Output.Quiet(context.Background(), quiet)
	}
}

func never() bool { return false }

// more waits until the client shows more than so many bytes, and returns false when it ends before.
func (t *Terminal) more(now int) bool {
	t.listens.Store(true)
	defer t.listens.Store(false)
	return t.Program.Output.Wait(context.Background(), func(data []byte) bool { return len(data) > now })
}

// shown is what was shown since something was typed last.
func (t *Terminal) shown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.Program.Output.Bytes()[t.last:])
}

// enter types a line, and Enter. What it means is the message of a command that publishes, and else the
// line itself.
func (t *Terminal) enter(line, means string) error {
	t.mu.Lock()
	t.typed = append(t.typed, dialect.Chunk{At: time.Since(t.relay.server.Began), Data: []byte(means + "\n")})
	t.last = t.Program.Output.Len()
	t.mu.Unlock()
	return t.Program.Type(line + "\n")
}

// settledIn reports whether the grader types nothing at the client by itself, unless that shows more.
func (t *Terminal) settledIn() bool {
	select {
	case <-t.introduced:
		return t.listens.Load()
	default:
		return false
	}
}

// await waits until the client was told what it is to be told, or has ended.
func (t *Terminal) await(ctx context.Context) {
	select {
	case <-t.introduced:
	case <-t.Program.Done():
	case <-ctx.Done():
	}
}

// command is what is typed for messages, a line each. The word that ends a client, and an empty line, are
// no messages.
func (t *Terminal) command(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" && line != Terminate {
			lines[i] = t.line(t.Topic, line)
		}
	}
	return strings.Join(lines, "\n")
}

// close presses Ctrl+C, and a second time where once is not enough.
func (t *Terminal) close(ctx context.Context) {
	for range 2 {
		_ = t.Program.Interrupt() // one that has ended is what is wanted
		select {
		case <-t.Program.Done():
			t.relay.close()
			return
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
		}
	}
	t.hangUp()
}

func (t *Terminal) reset() {
	t.relay.cut(true)
	t.hangUp()
}

func (t *Terminal) stall() { t.relay.stall() }

func (t *Terminal) hangUp() {
	t.Program.Kill()
	t.relay.close()
}

func (t *Terminal) port() string {
	for _, c := range t.relay.connections() {
		_, port, _ := net.SplitHostPort(c.server.LocalAddr().String())
		return port
	}
	return ""
}

// Direct reports whether the client found the server by itself, at an address in its source, so
// that nothing is known of what they say.
func (t *Terminal) Direct() bool { return len(t.relay.connections()) == 0 }

// Asked reports whether the client asked for its "role", or its "topic", so far.
func (t *Terminal) Asked(kind string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked[kind]
}

// Settled waits until the client has connected and nothing more goes either way, as when it has
// registered; at most so long. Of one that finds the server by itself nothing is known but what it
// shows.
func (t *Terminal) Settled(ctx context.Context, most time.Duration) {
	const silence, unseen = 50 * time.Millisecond, 500 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	t.await(ctx)
	for last, since := -1, time.Now(); ctx.Err() == nil && !t.Program.Output.Ended(); Pause(ctx, 5*time.Millisecond) {
		now, enough := t.Program.Output.Len(), unseen
		for _, c := range t.relay.connections() {
			now, enough = now+c.Up.Len()+c.Down.Len()+1, silence
		}
		if now != last {
			last, since = now, time.Now()
		}
		if now > 0 && time.Since(since) >= enough {
			return
		}
	}
}

// Carried reports whether a token went over a connection of the client's to the server, and from
// it. A submission may send it in another form.
func (t *Terminal) Carried(token string) (up, down bool) {
	for _, c := range t.relay.connections() {
		up, down = up || ContainsFold(c.Up.Bytes(), token), down || ContainsFold(c.Down.Bytes(), token)
	}
	return up, down
}

// Dropped reports whether the server has ended a connection of the client's that the client had not ended.
func (t *Terminal) Dropped() bool {
	return slices.ContainsFunc(t.relay.connections(), func(c *Connection) bool { return c.dropped.Load() })
}

// Sent is all that went over the client's connections to the server, one connection after the other.
func (t *Terminal) Sent() (all []byte) {
	for _, c := range t.relay.connections() {
		all = append(all, c.Up.Bytes()...)
	}
	return all
}

// Received is how many tokens came over the client's connections from the server.
func (t *Terminal) Received() (n int) {
	for _, c := range t.relay.connections() {
		n += len(Occurrences(c.Down.Bytes()))
	}
	return n
}

// Count is how often a token came over the client's connections from the server.
func (t *Terminal) Count(token string) (n int) {
	for _, c := range t.relay.connections() {
		n += bytes.Count(Lower(c.Down.Bytes()), []byte(token))
	}
	return n
}
