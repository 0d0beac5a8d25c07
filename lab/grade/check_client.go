package grade

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"pubsublab/lab/grade/runner"
)

// guest is a client of the submission's, run against the submission's server through a relay.
type guest struct {
	room    *room
	relay   *relay
	program *runner.Program
	pipe    *pipe // nil when it has not connected
	name    string
	role    string
}

// invite starts a server and a client in a role, and waits until the client has connected and told its role.
func (g *grader) invite(ctx context.Context, label, role string) (*guest, *finding, error) {
	r, err := g.open(ctx, label)
	if err != nil {
		return nil, nil, err
	}
	guest := &guest{room: r, role: role, name: "the client, a " + strings.ToLower(role)}
	// A connection of the grader's first, so that the server is known to listen when the client comes.
	other := runner.Publisher
	if role == runner.Publisher {
		other = runner.Subscriber
	}
	if _, err := r.join(ctx, other); err != nil {
		guest.close()
		return nil, r.unreachable("before a client came"), nil
	}
	if guest.relay, err = r.relay(); err != nil {
		guest.close()
		return nil, nil, err
	}
	f, err := guest.start(ctx)
	if f != nil || err != nil {
		guest.close()
	}
	return guest, f, err
}

func (c *guest) start(ctx context.Context) (*finding, error) {
	run, patience := c.room.g.run, c.room.g.patience
	var err error
	if c.program, err = run.Client(ctx, c.relay.listener.Addr(), c.role); err != nil {
		return &finding{what: sentence("the client cannot be started: " + err.Error())}, nil
	}
	if run.AsksRole() { // at once: some ask before they connect, some when the server does
		if err := c.program.Type(c.role + "\n"); err != nil {
			return c.wrong("The client takes nothing that is typed.", "It has ended, or does not read its standard input.", nil), nil
		}
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case c.pipe = <-c.relay.came:
	case <-c.program.Done():
		return c.wrong("The client ended %s before it connected.", "It reads its arguments in another order than HOST PORT, or an error was not caught: its output is below.",
			nil, c.program.Exit()), nil
	case <-limited.Done():
		return c.wrong("The client did not connect within %v.", "It connects to a fixed address instead of that on its command line.", nil, startLimit), nil
	}
	d := &c.room.g.dialect
	told, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !c.pipe.up.Wait(told, func(data []byte) bool { return shownRole(c.role).Match(data) }) {
		return c.wrong("The client connected and did not tell its role within %v.", "What is typed at the question for the role is not sent, or not flushed.", nil, patience), nil
	}
	if c.role == runner.Publisher { // its first message must not run into its role
		rest, cancel := context.WithTimeout(ctx, max(d.rest, 100*time.Millisecond))
		defer cancel()
		mark := c.pipe.down.Len()
		c.pipe.down.Wait(rest, func(data []byte) bool { return len(data) > mark && d.answers[0] })
	}
	return nil, nil
}

// wrong is a finding about the client, with what it said and printed.
func (c *guest) wrong(what, cause string, tokens []string, args ...any) *finding {
	var steps []Step
	if c.pipe != nil {
		steps = append(steps, c.pipe.steps(c.name, c.room.began, tokens)...)
	}
	steps = append(steps, c.room.slice(c.room.peers, tokens)...)
	if c.program != nil {
		steps = append(steps, printed(c.name, c.program.Output.Bytes(), c.room.now())...)
		select {
		case <-c.program.Done():
			steps = append(steps, Step{At: c.room.now(), Kind: Exits, From: c.name, Data: []byte(c.program.Exit().String())})
		default:
		}
	}
	return &finding{what: fmt.Sprintf(what, args...), cause: cause, slice: inOrder(steps)}
}

func (c *guest) close() {
	if c.program != nil {
		c.program.Kill()
	}
	if c.relay != nil {
		c.relay.close()
	}
	c.room.close()
}

func clientConnects(ctx context.Context, g *grader) (*finding, error) {
	for _, role := range []string{runner.Subscriber, runner.Publisher} {
		c, f, err := g.invite(ctx, "client-connects", role)
		if f != nil || err != nil {
			return f, err
		}
		c.close()
	}
	return nil, nil
}

// types types messages at a publisher, and waits for each, or where lines are lines for all, to be sent.
func (c *guest) types(ctx context.Context, count int, token func() string) (tokens []string, f *finding) {
	limited, cancel := context.WithTimeout(ctx, c.room.g.patience+time.Duration(count)*50*time.Millisecond)
	defer cancel()
	sent := func(token string) bool {
		return c.pipe.up.Wait(limited, func(data []byte) bool { return bytes.Contains(data, []byte(token)) })
	}
	for range count {
		t := token()
		tokens = append(tokens, t)
		if err := c.program.Type(t + "\n"); err != nil || c.room.g.dialect.framing != lines && !sent(t) {
			break
		}
	}
	for i, t := range tokens {
		if !sent(t) {
			return tokens, c.wrong("%d messages were typed at the client, and number %d was not sent.",
				"The client does not read its standard input in a loop, or does not send (or flush) each line.", []string{t}, len(tokens), i+1)
		}
	}
	return tokens, nil
}

// source makes tokens of one sender.
func (r *room) source(num int) func() string {
	word, count := r.word(), 0
	return func() string {
		count++
		return token(num, word, count)
	}
}

func clientPublishes(ctx context.Context, g *grader) (*finding, error) {
	c, f, err := g.invite(ctx, "client-publishes", runner.Publisher)
	if f != nil || err != nil {
		return f, err
	}
	defer c.close()
	tokens, f := c.types(ctx, 3, c.room.source(50))
	if f != nil {
		return f, nil
	}
	said := c.pipe.up.Bytes()
	said = said[bytes.Index(said, []byte(tokens[0])):bytes.Index(said, []byte(tokens[2]))]
	for line := range bytes.Lines(said) {
		if text := bytes.TrimSpace(line); len(text) > 0 && !tokenShape.Match(text) {
			f := c.wrong("The client sent %q between two messages, which nobody had typed.",
				"What is meant for the screen goes to the socket.", tokens, text)
			f.slice = append(f.slice, Step{At: c.room.now(), Kind: Wrong, From: c.name, To: serverName, Data: text})
			return f, nil
		}
	}
	return nil, nil
}

// shows waits until a subscriber of the submission's has printed tokens, and returns the first that it has not.
func (c *guest) shows(ctx context.Context, tokens []string) (missing string, index int) {
	for i, t := range tokens {
		limited, cancel := c.room.g.patient(ctx)
		shown := c.program.Output.Wait(limited, func(data []byte) bool { return containsFold(data, t) })
		cancel()
		if !shown {
			return t, i
		}
	}
	return "", 0
}

// publish lets a publisher of the grader's say messages until the client shows one, and then count more.
func (c *guest) publish(ctx context.Context, count int) *finding {
	r := c.room
	publisher := r.peers[0]
	limited, cancel := r.g.patient(ctx)
	defer cancel()
	var first []string
	for shown := false; !shown; {
		m := publisher.next("")
		first = append(first, m.token)
		err := publisher.send(m.text + r.g.dialect.msgEnd)
		soon, cancel := context.WithTimeout(limited, 300*time.Millisecond)
		shown = c.program.Output.Wait(soon, func(data []byte) bool { return containsFold(data, m.token) })
		cancel()
		if !shown && (err != nil || limited.Err() != nil) {
			if !containsFold(c.pipe.down.Bytes(), m.token) {
				return c.wrong("A message was published, and the server did not send it to the client.",
					"The client told its role in a way that the server does not take.", first[len(first)-1:])
			}
			return c.wrong("The client received a message, and did not show it.",
				"Nothing is printed of what recv() returns, or it is not flushed.", first[len(first)-1:])
		}
	}
	var tokens []string
	for range count {
		m := publisher.next("")
		tokens = append(tokens, m.token)
		if err := publisher.send(m.text + r.g.dialect.msgEnd); err != nil {
			break
		}
		if r.g.dialect.framing != lines { // one read of the server's, and one of the client's
			soon, cancel := context.WithTimeout(ctx, time.Second)
			c.program.Output.Wait(soon, func(data []byte) bool { return containsFold(data, m.token) })
			cancel()
		}
	}
	if t, i := c.shows(ctx, tokens); t != "" {
		if !containsFold(c.pipe.down.Bytes(), t) {
			return nil // the server's fault, about which other checks are
		}
		return c.wrong("%d messages were sent to the client, and it did not show number %d.",
			"The client shows only part of what recv() returns, or stops reading after a while.", []string{t}, len(tokens), i+1)
	}
	return nil
}

func clientReceives(ctx context.Context, g *grader) (*finding, error) {
	c, f, err := g.invite(ctx, "client-receives", runner.Subscriber)
	if f != nil || err != nil {
		return f, err
	}
	defer c.close()
	return c.publish(ctx, 0), nil
}

func clientManyMessages(ctx context.Context, g *grader) (*finding, error) {
	const count = 100
	c, f, err := g.invite(ctx, "client-many-1", runner.Publisher)
	if f != nil || err != nil {
		return f, err
	}
	_, f = c.types(ctx, count, c.room.source(50))
	c.close()
	if f != nil {
		return f, nil
	}
	c, f, err = g.invite(ctx, "client-many-2", runner.Subscriber)
	if f != nil || err != nil {
		return f, err
	}
	defer c.close()
	return c.publish(ctx, count), nil
}

func clientTerminate(ctx context.Context, g *grader) (*finding, error) {
	c, f, err := g.invite(ctx, "client-terminate", runner.Publisher)
	if f != nil || err != nil {
		return f, err
	}
	defer c.close()
	tokens, f := c.types(ctx, 1, c.room.source(50))
	if f != nil {
		return f, nil
	}
	if err := c.program.Type("terminate\n"); err != nil {
		return c.wrong("The client takes nothing that is typed.", "It has ended before terminate.", tokens), nil
	}
	select {
	case <-c.program.Done():
	case <-time.After(max(g.patience, 5*time.Second)):
		return c.wrong("terminate was typed, and the client did not end within %v.", "Its loop does not end at terminate, or it waits for another thread that does not end.", tokens, max(g.patience, 5*time.Second)), nil
	}
	if exit := c.program.Exit(); exit != (runner.Exit{}) {
		return c.wrong("terminate was typed, and the client ended %s; expected exit code 0.", "An error at the end was not caught: its output is below.", tokens, exit), nil
	}
	return nil, nil
}

func clientInterrupt(ctx context.Context, g *grader) (*finding, error) {
	c, f, err := g.invite(ctx, "client-interrupt", runner.Subscriber)
	if f != nil || err != nil {
		return f, err
	}
	defer c.close()
	if err := c.program.Interrupt(); err != nil {
		return nil, err
	}
	limit := max(g.patience, 5*time.Second)
	select {
	case <-c.program.Done():
	case <-time.After(limit):
		return c.wrong("Ctrl+C was pressed, and the client did not end within %v.", "It catches the interrupt and goes on, or waits for a thread that does not end (make it a daemon).", nil, limit), nil
	}
	f = c.room.stillServes(ctx, c.room.peers[0], "after a subscriber was ended by Ctrl+C")
	if f != nil {
		f.cause = "An error of one connection ends the server, or a lock is kept when a client leaves."
	}
	return f, nil
}
