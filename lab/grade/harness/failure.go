package harness

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pubsublab/lab/grade/harness/runner"
)

// Sentence makes one of the text of an error.
func Sentence(text string) string {
	text = strings.ReplaceAll(text, "\n", ": ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// Count is how many there are of something that is called by a word to which an s makes more: "1 client",
// "0 clients".
func Count(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// Ended is how the server ended, and what it printed last.
func (r *ServerRun) Ended() []Step {
	steps := Printed(ServerName, r.Program.Output.Bytes(), r.Now())
	if !r.Running() {
		steps = append(steps, Step{At: r.Now(), Kind: Exits, From: ServerName, Data: []byte(r.Program.Exit().String())})
	}
	return steps
}

// Crash says how the server ended and what had happened right before: "ended with exit code 1 when
// publisher 1 had sent \"hello\"". It is empty while the server runs.
func (r *ServerRun) Crash() string {
	if r.Running() {
		return ""
	}
	var last Step
	var when time.Time
	// What happened at the same moment may have been the cause.
	const moment = 5 * time.Millisecond
	ended := time.Unix(0, r.ended.Load()).Add(moment)
	for _, p := range r.Participants {
		p.mu.Lock()
		for i, s := range p.steps {
			if at := p.ats[i]; at.After(when) && at.Before(ended) {
				last, when = s, at
			}
		}
		p.mu.Unlock()
	}
	text := "ended " + r.Program.Exit().String()
	switch last.Kind {
	case Connects:
		return text + " when " + last.From + " had connected"
	case Sends:
		return fmt.Sprintf("%s when %s had sent %q", text, last.From, Cut(last.Data, nil))
	case Closes:
		return text + " when " + last.From + " had left"
	case Resets:
		return text + " when the connection of " + last.From + " had broken"
	}
	return text
}

// Unreachable is what is wrong when a new client cannot connect or talk.
func (r *ServerRun) Unreachable(when string) *Finding {
	select {
	case <-r.Program.Done():
	case <-time.After(time.Second): // it may be about to end
	}
	if !r.Running() {
		return &Finding{
			What:    fmt.Sprintf("The server %s (%s).", r.Crash(), when),
			Cause:   "Its last output is below: an error that nobody caught, or a wrong way of reading the port from the command line.",
			Excerpt: r.Ended(),
		}
	}
	return &Finding{
		What:    fmt.Sprintf("The server runs, but nobody could connect to port %d and talk %s.", r.Port, when),
		Cause:   "The server listens on another port than the one on its command line, does not listen, or has stopped accepting.",
		Excerpt: r.Ended(),
	}
}

// StillServes sees whether a new subscriber receives what a publisher says.
func (r *ServerRun) StillServes(ctx context.Context, left *Participant, when string) *Finding {
	p, err := r.Join(ctx, runner.Subscriber)
	if err != nil || !r.Running() {
		f := r.Unreachable(when)
		f.Excerpt = append(r.Excerpt([]*Participant{left}, nil), f.Excerpt...)
		return f
	}
	missing := r.Ready(ctx, p)
	if len(missing) == 0 {
		p.Close(ctx)
		return nil
	}
	if !r.Running() {
		f := r.Unreachable(when)
		f.Excerpt = append(r.Excerpt([]*Participant{left}, nil), f.Excerpt...)
		return f
	}
	return &Finding{
		What:    fmt.Sprintf("%s, a new subscriber received nothing, although a publisher went on.", Sentence(when)[:len(when)]),
		Excerpt: append(r.Unready(p, left), Printed(ServerName, r.Program.Output.Bytes(), r.Now())...),
	}
}

// Unready is an excerpt of what others, a subscriber and the one who published for [ServerRun.Ready] said,
// and that the last of what was published is missing.
func (r *ServerRun) Unready(to *Participant, others ...*Participant) []Step {
	involved := append(others, to)
	if r.Prober == nil { // it could not connect
		return r.Excerpt(involved, nil)
	}
	sent := token(r.Prober.Number, r.Prober.Word, r.Prober.messages())
	return r.Excerpt(append(involved, r.Prober), []string{sent}, Step{Kind: Missing, From: ServerName, To: to.Name, Data: []byte(sent)})
}

// MissingStep is a message that should have come from the server and did not.
func MissingStep(to *Participant, m Message) Step {
	return Step{Kind: Missing, From: ServerName, To: to.Name, Data: []byte(m.Token)}
}

// NotShown is a finding about a client at a terminal and what the server printed.
func (r *ServerRun) NotShown(p *Participant, what, token string) *Finding {
	steps := r.Excerpt([]*Participant{p}, []string{token})
	steps = append(steps, Printed(p.Name, p.Received.Bytes(), r.Now())...)
	return &Finding{What: what, Excerpt: InOrder(append(steps, r.Ended()...))}
}
