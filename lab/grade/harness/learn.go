package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/recorder"
	"pubsublab/lab/grade/harness/runner"
)

// prompting reports whether the server asked each client for its role before the client said a word.
func prompting(sessions []dialect.Session) bool {
	for _, s := range sessions {
		var said []byte
		for _, c := range s.Conns[:min(1, len(s.Conns))] {
			for _, k := range c.Chunks {
				if k.Up {
					break
				}
				said = append(said, k.Data...)
			}
		}
		if !RolePrompt.Match(said) {
			return false
		}
	}
	return true
}

// errNoRecording says that nothing was recorded, so that what follows from it is not known.
var errNoRecording = errors.New("its client could not be listened to")

// Learn records the submission's own clients as they talk to its server, and learns the dialect from
// that. An error says why it cannot, in a sentence; it is errNoRecording where there was nothing to
// learn from. prompts reports whether the server asks for the role.
func (h *Harness) Learn(ctx context.Context) (d *dialect.Dialect, prompts bool, err error) {
	r, err := h.Start(ctx, "record")
	if err != nil {
		return nil, false, err
	}
	defer h.leave(r)
	r.Terminals = true
	if r.Listens(ctx) != nil {
		return nil, false, fmt.Errorf("%w: the server did not accept a connection", errNoRecording)
	}
	sessions, err := r.record(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errNoRecording, err)
	}
	d, err = dialect.Learn(sessions)
	return d, prompting(sessions), err
}

// lessons are what is typed behind tokens: of lengths and with letters in which framings show.
var lessons = []string{"", " and more", " " + strings.Repeat("long, ", 50) + "long", "", ` "quotes", back\slash, Grüße, 日本語 & more`}

// record lets subscribers and publishers of the submission's talk, one of each under two topics.
func (r *ServerRun) record(ctx context.Context) ([]dialect.Session, error) {
	var all, publishers, subscribers []*Participant
	for _, topic := range []string{firstTopic, secondTopic} {
		pair, err := r.startTerminals(ctx, topic, runner.Subscriber, runner.Publisher)
		if err != nil {
			return nil, fmt.Errorf("it cannot be started: %w", err)
		}
		all, subscribers, publishers = append(all, pair...), append(subscribers, pair[0]), append(publishers, pair[1])
	}
	for _, p := range all {
		p.Terminal().await(ctx)
		if !p.Terminal().connected(ctx, 2*r.Timeout) {
			return nil, errors.New("it did not connect to the address that it was given")
		}
	}
	settle(ctx, all, registered)
	arrives := time.Second
	for _, lesson := range lessons {
		var messages []Message
		for _, p := range publishers {
			m := p.Next(lesson)
			messages = append(messages, m)
			if err := p.Publish(m); err != nil || p.Closed() {
				return sessions(all), nil // it ended: what it said until then is there
			}
		}
		limited, cancel := context.WithTimeout(ctx, r.Timeout)
		Poll(limited, func() bool {
			return !slices.ContainsFunc(publishers, func(p *Participant) bool { return p.Terminal().Silent() })
		})
		cancel()
		limited, cancel = context.WithTimeout(ctx, arrives)
		if !Poll(limited, func() bool { return carried(subscribers, messages) }) {
			arrives = 200 * time.Millisecond // they will not come as they were typed
		}
		cancel()
		settle(ctx, all, published)
	}
	return sessions(all), nil
}

// How long clients say nothing more: some pause between role and topic.
const (
	registered = 350 * time.Millisecond
	published  = 40 * time.Millisecond
)

// carried reports whether each of some messages went to one of the subscribers.
func carried(subscribers []*Participant, messages []Message) bool {
	return !slices.ContainsFunc(messages, func(m Message) bool {
		return !slices.ContainsFunc(subscribers, func(s *Participant) bool { return s.Terminal().received(m.Token) })
	})
}

func sessions(all []*Participant) (sessions []dialect.Session) {
	for _, p := range all {
		sessions = append(sessions, p.Terminal().Session())
	}
	return sessions
}

// settle waits until nothing goes over the clients' connections for a while; not for long, because
// some never stop.
func settle(ctx context.Context, all []*Participant, silence time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, 10*silence)
	defer cancel()
	for ctx.Err() == nil {
		quiet := true
		for _, p := range all {
			for _, c := range p.Terminal().relay.connections() {
				for _, side := range []*recorder.Recorder{c.Up, c.Down} {
					quiet = quiet && (side.Len() == 0 || time.Since(side.At(side.Len()-1)) > silence)
				}
			}
		}
		if quiet {
			return
		}
		Pause(ctx, silence/8)
	}
}

// connected waits until the client has connected through its relay.
func (t *Terminal) connected(ctx context.Context, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ctx, end := t.WhileBusy(ctx)
	defer end()
	return Poll(ctx, func() bool { return len(t.relay.connections()) > 0 || t.Program.Output.Ended() }) && !t.Direct()
}

// received reports whether the server sent a token to the client.
func (t *Terminal) received(token string) bool {
	return slices.ContainsFunc(t.relay.connections(), func(c *Connection) bool { return bytes.Contains(c.Down.Bytes(), []byte(token)) })
}

// Session is all that the client was typed and what went over its connections so far, for
// [dialect.Learn]: what is typed with a token is a message.
func (t *Terminal) Session() dialect.Session {
	t.mu.Lock()
	s := dialect.Session{Role: t.Role, Topic: t.Topic, Name: t.name}
	for _, c := range t.typed {
		text := strings.TrimSuffix(string(c.Data), "\n")
		if TokenShape.MatchString(text) || text == Terminate {
			s.Typed = append(s.Typed, dialect.Typed{At: c.At, Text: text})
		}
	}
	t.mu.Unlock()
	for _, c := range t.relay.connections() {
		conn := dialect.Conn{
			At: c.At.Sub(t.relay.server.Began), Local: c.client.RemoteAddr().String(), Server: c.client.LocalAddr().String(), Port: c.Port,
			Chunks: c.chunks(t.relay.server.Began),
		}
		s.Conns = append(s.Conns, conn)
	}
	return s
}
