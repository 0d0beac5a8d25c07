package checks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// silent is that a subscriber shows nothing of a publisher.
func (p *pair) silent(from, to *harness.Participant) *harness.Finding {
	f := p.ended(from, to)
	if f == nil {
		f = &harness.Finding{
			What:  fmt.Sprintf("Messages were typed at %s, and %s showed none of them.", from.Name, to.Name),
			Cause: p.where(from, to, ""),
		}
	}
	if to.Closed() { // which was seen before the message got anywhere
		limited, cancel := context.WithTimeout(context.Background(), p.Timeout/4)
		defer cancel()
		p.Poll(limited, func() bool { up, _ := from.Terminal().Carried(last(from)); return up || from.Closed() })
	}
	f.Excerpt = p.story(from, to, last(from))
	up, _ := from.Terminal().Carried(last(from))
	_, down := to.Terminal().Carried(last(from))
	up = up && !(to.Closed() && from.Terminal().Dropped())
	f.Certain = !p.Running() || up || down // a client that ended may have been started in the wrong way
	return f
}

// lost is that a subscriber does not show a message.
func (p *pair) lost(m harness.Message, to *harness.Participant) *harness.Finding {
	f := p.ended(m.From, to)
	if f == nil {
		f = &harness.Finding{
			What:  fmt.Sprintf("%q was typed at %s, and %s did not show it.", m.Token, m.From.Name, to.Name),
			Cause: p.where(m.From, to, m.Token),
		}
	}
	f.Excerpt = p.story(m.From, to, m.Token)
	return f
}

// ended is that the server, or one of two clients, has ended by itself; nil when none has.
func (p *pair) ended(clients ...*harness.Participant) *harness.Finding {
	if slices.ContainsFunc(clients, (*harness.Participant).Closed) { // as they do when a server ends, whose own end takes longer
		select {
		case <-p.Program.Done():
		case <-time.After(p.Timeout / 4):
		}
	}
	if !p.Running() {
		cause := "An error was not caught: its last output is below."
		if p.Program.Exit() == (runner.Exit{}) {
			cause = "It ends itself, as a client does: where one client says terminate, or leaves, end its connection alone."
		}
		return &harness.Finding{What: "The server " + p.Crash() + ".", Cause: cause}
	}
	for _, c := range clients {
		if !c.Closed() {
			continue
		}
		<-c.Terminal().Program.Done()
		f := &harness.Finding{
			What:  fmt.Sprintf("%s ended %s %s.", upper(c.Name), c.Terminal().Program.Exit(), p.doing(c)),
			Cause: "An error was not caught, or its loop ends too early: its last output is below.",
		}
		if c.Terminal().Dropped() {
			f.Cause = dropped(c)
		}
		return f
	}
	return nil
}

// doing is what a client was at when it ended, as far as it shows.
func (p *pair) doing(c *harness.Participant) string {
	if c.Terminal().Role == runner.Subscriber {
		switch shown, sent := len(c.Seen()), c.Terminal().Received(); {
		case shown > 0:
			return "after it had shown " + messages(shown)
		case sent > 0:
			return "when it was to show its first message"
		}
		return "before its first message"
	}
	sent := 0
	for _, typed := range c.Terminal().Session().Typed {
		token := harness.TokenShape.FindString(typed.Text)
		up, _ := c.Terminal().Carried(token)
		if up || slices.ContainsFunc(p.Participants, func(s *harness.Participant) bool { return s != c && s.Has(0, token) }) {
			sent++
		}
	}
	switch {
	case sent > 0:
		return "after it had sent " + messages(sent)
	case len(c.Terminal().Session().Typed) > 0:
		return "when it was to send its first message"
	}
	return "before its first message"
}

func messages(n int) string {
	if n == 1 {
		return "the first message"
	}
	return fmt.Sprintf("%d messages", n)
}

// where is the likely place of a loss, as far as what went through the relays shows it: a submission
// may well send something else than what is typed.
func (p *pair) where(from, to *harness.Participant, token string) string {
	const unknown = "The client does not send what is typed, the server does not send it on to all subscribers, or the subscriber does not print (or flush) it."
	if token == "" {
		token = last(from)
	}
	up, _ := from.Terminal().Carried(token)
	_, down := to.Terminal().Carried(token)
	switch {
	case down && p.firstOnly(to):
		return "The server sent it, and this subscriber shows the first message that it was sent and none of those behind it: its loop ends after one."
	case down && len(to.Seen()) > 0:
		return oneOfARead
	case down:
		return "The server sent it and the subscriber does not print it: nothing reads what comes, or it stays in a buffer (flush it)."
	case from.Terminal().Dropped():
		return dropped(from)
	case to.Terminal().Dropped():
		return dropped(to)
	case up:
		return "The publisher sent it to the server, which did not send it on to this subscriber: its loop over the subscribers does not reach all, or it ended at an error."
	}
	return unknown
}

// oneOfARead is why a subscriber that shows others does not show a message that was sent to it.
const oneOfARead = "The server sent it, and the subscriber does not show it: of messages that come together, in one read, only the first is taken. Go on with the rest of what was read, and read on where a message is not whole."

// dropped is the likely cause where the server has ended the connection of a client.
func dropped(c *harness.Participant) string {
	return "The server closed the connection of " + c.Name + ": an error while it sent to others ended the thread that serves this client (catch it at each send), or it closes more connections than that of the client that left."
}

// firstOnly reports whether a subscriber shows one message, and nothing of what came a while later.
func (p *pair) firstOnly(to *harness.Participant) bool {
	seen := to.Seen()
	if len(seen) != 1 {
		return false
	}
	const later = 100 * time.Millisecond // and so in no read with the first
	var first time.Duration
	for _, c := range to.Terminal().Session().Conns {
		for _, chunk := range c.Chunks {
			switch tokens := harness.Occurrences(chunk.Data); {
			case chunk.Up || len(tokens) == 0:
			case first == 0:
				first = chunk.At
			case chunk.At-first > later:
				return true
			}
		}
	}
	return false
}

// last is the token of the last message that a publisher was typed.
func last(from *harness.Participant) string {
	typed := from.Terminal().Session().Typed
	if len(typed) == 0 {
		return ""
	}
	return harness.TokenShape.FindString(typed[len(typed)-1].Text)
}

// story is what two clients did about a token, and the last words of all that have ended.
func (p *pair) story(from, to *harness.Participant, token string) []harness.Step {
	var more []harness.Step
	if token != "" && !to.Has(0, token) {
		more = append(more, harness.Step{Kind: harness.Missing, From: harness.ServerName, To: to.Name, Data: []byte(token)})
	}
	steps := p.Excerpt([]*harness.Participant{from, to}, []string{token}, more...)
	for _, c := range []*harness.Participant{from, to} {
		steps = append(steps, p.words(c)...)
	}
	return slices.Concat(steps, p.Ended())
}

// words are the last that a client printed, and how it ended.
func (p *pair) words(c *harness.Participant) []harness.Step {
	steps := harness.Printed(c.Name, c.Received.Bytes(), p.Now())
	if c.Closed() {
		<-c.Terminal().Program.Done()
		steps = append(steps, harness.Step{At: p.Now(), Kind: harness.Exits, From: c.Name, Data: []byte(c.Terminal().Program.Exit().String())})
	}
	return steps
}
