package harness

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"pubsublab/lab/grade/harness/recorder"
)

// Participant is a publisher or a subscriber, and all that it did and was told: a connection of the
// grader's own to the server, or the submission's own client at a terminal. Checks are written once,
// over participants, and need not know which kind they have:
//
//	r, err := g.Start(ctx, "label")          // r.Terminals says which kind Join makes
//	s, err := r.Join(ctx, runner.Subscriber) // registered in the learnt dialect, or started and told its role
//	p, err := r.Join(ctx, runner.Publisher)
//	deaf := r.Ready(ctx, s)                  // publishes until s receives
//	m := p.Next("")                          // a message that there is but once
//	err = r.Say(ctx, m)                      // said in the dialect, or typed
//	s, m, lost := r.FirstMissing(ctx, []*Participant{s}, []Message{m})
//	p.Terminate()                            // the word terminate, said or typed
//	s.Close(ctx)                             // leaves in good order: closes, or Ctrl+C
//	s.Reset()                                // leaves at once: a reset, or SIGKILL
//	s.Stall()                                // takes nothing any more
//	s.Seen(), s.Has(0, m.Token), s.Closed()  // what it received, or showed
//
// Bytes of the caller's own choice can be sent by those alone who have a Socket. Methods may be
// called concurrently.
type Participant struct {
	// static
	Name   string // "publisher 1"
	Number int    // in tokens
	Word   string
	// Received is what a connection received, or what a client showed.
	Received *recorder.Recorder
	link

	mu    sync.Mutex
	steps []Step // what it did; At is filled in later from ats
	ats   []time.Time
	sent  int // messages so far
}

// link is how a participant talks to the server.
type link interface {
	say(text string) error     // publishes a message
	close(ctx context.Context) // leaves in good order
	reset()                    // leaves at once
	stall()                    // takes nothing any more
	hangUp()                   // leaves without any ceremony; again does nothing
	port() string              // by which the server knows it; "" where that is not known
}

// ErrNoSocket says that a participant is a client at a terminal, which sends nothing but what it is
// typed.
var ErrNoSocket = errors.New("a client at a terminal sends what it likes")

func newParticipant(name string, num int, word string, l link, received *recorder.Recorder) *Participant {
	p := &Participant{Name: name, Number: num, Word: word, link: l, Received: received}
	p.did(Step{Kind: Connects, From: name, To: ServerName})
	return p
}

func (p *Participant) did(s Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps = append(p.steps, s)
	p.ats = append(p.ats, time.Now())
}

// Socket is the participant's own connection; nil when it is a client at a terminal.
func (p *Participant) Socket() *Socket {
	s, _ := p.link.(*Socket)
	return s
}

// Terminal is the client at a terminal that the participant is; nil when it is a connection.
func (p *Participant) Terminal() *Terminal {
	t, _ := p.link.(*Terminal)
	return t
}

// Port is the number by which the server knows it; empty where that is not known.
func (p *Participant) Port() string { return p.port() }

// Publish says a message, and does not wait for anything. [ServerRun.Say] goes at the pace that the
// submission needs. A server, or a client, that takes nothing for long is an error.
func (p *Participant) Publish(m Message) error {
	p.did(Step{Kind: Sends, From: p.Name, To: ServerName, Data: []byte(m.Text)})
	return p.say(m.Text)
}

// PublishTogether says messages as one write, where the dialect says each with one; at a terminal
// they are pasted.
func (p *Participant) PublishTogether(messages ...Message) error {
	var texts []string
	for _, m := range messages {
		texts = append(texts, m.Text)
		p.did(Step{Kind: Sends, From: p.Name, To: ServerName, Data: []byte(m.Text)})
	}
	if s := p.Socket(); s != nil {
		return s.sayAll(texts)
	}
	return p.say(strings.Join(texts, "\n"))
}

// PublishHalf says the first half of a message, and stops in the middle of it.
func (p *Participant) PublishHalf(m Message) error {
	s := p.Socket()
	if s == nil {
		return ErrNoSocket
	}
	data, err := s.half(m.Text)
	if err != nil {
		return err
	}
	return p.Send(string(data))
}

// Terminate says the word that ends a publisher.
func (p *Participant) Terminate() error {
	p.did(Step{Kind: Sends, From: p.Name, To: ServerName, Data: []byte(Terminate)})
	return p.say(Terminate)
}

// Terminate is the word that ends a client.
const Terminate = "terminate"

// Send sends bytes as one write. It is [ErrNoSocket] for a client at a terminal.
func (p *Participant) Send(text string) error {
	s := p.Socket()
	if s == nil {
		return ErrNoSocket
	}
	p.did(Step{Kind: Sends, From: p.Name, To: ServerName, Data: []byte(text)})
	return s.send(text)
}

// Next makes a new message of this participant, with more text behind the token.
func (p *Participant) Next(more string) Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	t := token(p.Number, p.Word, p.sent)
	return Message{Token: t, Text: t + more, From: p, At: time.Now()}
}

// messages is how many it made so far.
func (p *Participant) messages() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// Close leaves in good order: a connection says that it is done, takes what is under way, and
// closes; at a client, Ctrl+C is pressed.
func (p *Participant) Close(ctx context.Context) {
	p.did(Step{Kind: Closes, From: p.Name, To: ServerName})
	p.close(ctx)
}

// Reset leaves at once, as a client that was killed with data unread.
func (p *Participant) Reset() {
	p.did(Step{Kind: Resets, From: p.Name, To: ServerName})
	p.reset()
}

// Stall takes nothing more of what the server sends, and stays connected.
func (p *Participant) Stall() { p.stall() }

// HangUp leaves without any ceremony; calling it again does nothing.
func (p *Participant) HangUp() { p.hangUp() }

// Closed reports whether the server has ended the connection, or the client has ended.
func (p *Participant) Closed() bool { return p.Received.Ended() }

// Seen are the tokens it received so far.
func (p *Participant) Seen() []Occurrence {
	found := Occurrences(p.Received.Bytes())
	for i := range found {
		found[i].At = p.Received.At(found[i].End - 1)
	}
	return found
}

// Has reports whether it received a token since an offset, in whatever case.
func (p *Participant) Has(since int, token string) bool {
	return ContainsFold(p.Received.Bytes()[since:], token)
}

// Pause waits; less long when ctx is done.
func Pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
