package grade

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"pubsublab/lab/grade/runner"
)

// stage is a room with some registered subscribers and publishers, where messages flow: those of the publishers before are not
// judged, so that what happens to a first message is not judged twice.
func (g *grader) stageFor(ctx context.Context, label string, subscribers, publishers int) (r *room, s, p []*peer, f *finding, err error) {
	if r, err = g.open(ctx, label); err != nil {
		return nil, nil, nil, nil, err
	}
	for i := range subscribers + publishers {
		role := runner.Subscriber
		if i >= subscribers {
			role = runner.Publisher
		}
		one, err := r.join(ctx, role)
		if err != nil {
			f = r.unreachable("while clients came")
			r.close()
			return nil, nil, nil, f, nil
		}
		if i < subscribers {
			s = append(s, one)
		} else {
			p = append(p, one)
		}
	}
	r.ready(ctx, s...)
	for _, one := range p {
		_ = r.say(ctx, one.next("")) // a warm-up
	}
	return r, s, p, nil, nil
}

// firstMissing waits for messages, and returns the first that one of the subscribers has not received.
func (r *room) firstMissing(ctx context.Context, subscribers []*peer, messages []message) (*peer, message, bool) {
	if r.await(ctx, subscribers, messages) {
		return nil, message{}, false
	}
	for _, m := range messages {
		for _, s := range subscribers {
			if !s.has(0, m.token) {
				return s, m, true
			}
		}
	}
	return nil, message{}, false
}

func publishersTogether(ctx context.Context, g *grader) (*finding, error) {
	const publishers, each = 4, 25
	r, subscribers, all, f, err := g.stageFor(ctx, "together", 2, publishers)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	var messages []message
	plans := make([][]message, len(all))
	for i, p := range all {
		for range each {
			m := p.next("")
			plans[i] = append(plans[i], m)
			messages = append(messages, m)
		}
	}
	var talking sync.WaitGroup
	for _, plan := range plans {
		talking.Go(func() {
			for _, m := range plan {
				if r.say(ctx, m) != nil { // what cannot be sent is lost, and judged as that
					return
				}
			}
		})
	}
	talking.Wait()
	s, m, lost := r.firstMissing(ctx, subscribers, messages)
	if !lost {
		return nil, nil
	}
	f = &finding{
		what:  fmt.Sprintf("%d publishers sent %d messages each at the same time, and %s did not receive one of %s.", publishers, each, s.name, m.from.name),
		cause: "Threads change or use something together without a lock (a buffer, a variable, the list of subscribers), or two of them write to one socket at once.",
		slice: r.slice([]*peer{m.from, s}, []string{m.token}, missing(s, m)),
	}
	if !r.running() {
		f.slice = append(f.slice, r.ended()...)
	}
	return f, nil
}

// goodbye lets a publisher say a few messages and terminate, as quickly as the framing allows.
func (r *room) goodbye(ctx context.Context, p *peer) ([]message, error) {
	d := r.g.dialect
	messages := []message{p.next(""), p.next(""), p.next("")}
	if d.framing == lines {
		text := ""
		for _, m := range messages {
			text += m.text + d.msgEnd
		}
		return messages, p.send(text + "terminate" + d.msgEnd)
	}
	for _, m := range messages {
		if err := r.say(ctx, m); err != nil {
			return messages, err
		}
	}
	return messages, p.send("terminate" + d.msgEnd)
}

func lastBeforeTerminate(ctx context.Context, g *grader) (*finding, error) {
	r, subscribers, publishers, f, err := g.stageFor(ctx, "last", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	p, s := publishers[0], subscribers[0]
	messages, err := r.goodbye(ctx, p)
	if err != nil {
		return r.unreachable("while a publisher spoke"), nil
	}
	if _, m, lost := r.firstMissing(ctx, subscribers, messages); lost {
		return &finding{
			what:  fmt.Sprintf("A publisher sent 3 messages and terminate, and %s did not receive %q.", s.name, m.token),
			cause: "At terminate the server closes and forgets what it had read before, or has not sent yet.",
			slice: r.slice([]*peer{p, s}, append(tokensOf(messages), "terminate"), missing(s, m)),
		}, nil
	}
	return nil, nil
}

func terminateIsNoMessage(ctx context.Context, g *grader) (*finding, error) {
	r, subscribers, publishers, f, err := g.stageFor(ctx, "terminate", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	p, s := publishers[0], subscribers[0]
	messages, err := r.goodbye(ctx, p)
	if err != nil {
		return r.unreachable("while a publisher spoke"), nil
	}
	r.await(ctx, subscribers, messages)
	r.settle(ctx)
	data := s.in.Bytes()
	at := bytes.Index(lower(data), []byte("terminate"))
	if at < 0 {
		return nil, nil
	}
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	wrong := Step{At: s.in.At(at).Sub(r.began), Kind: Wrong, From: serverName, To: s.name, Data: excerpt(data[start:], []string{"terminate"})}
	return &finding{
		what:  "A publisher said terminate, and " + s.name + " received that as a message.",
		cause: "The server passes a message on before it looks whether it is terminate.",
		slice: r.slice([]*peer{p, s}, []string{"terminate"}, wrong),
	}, nil
}

func subscriberLeaves(ctx context.Context, g *grader) (*finding, error) {
	const count = 40
	r, subscribers, publishers, f, err := g.stageFor(ctx, "leaves", 4, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	p := publishers[0]
	// Those that leave are between those that stay, whichever way the server goes through its list.
	stay := []*peer{subscribers[0], subscribers[3]}
	var messages []message
	for i := range count {
		switch i {
		case count / 4:
			go subscribers[1].close(ctx)
		case count / 2:
			subscribers[2].reset()
		}
		m := p.next("")
		messages = append(messages, m)
		if r.say(ctx, m) != nil { // what cannot be sent is lost, and judged as that
			break
		}
		pause(ctx, 2*time.Millisecond)
	}
	s, m, lost := r.firstMissing(ctx, stay, messages)
	if !lost {
		return nil, nil
	}
	f = &finding{
		what:  fmt.Sprintf("Two of four subscribers left while messages flowed, and %s, which stayed, did not receive %q.", s.name, m.token),
		cause: "The loop over subscribers ended at the first error, or the list was changed while the loop ran over it: catch the error of each send, and take who left out of the list afterwards.",
		slice: r.slice([]*peer{subscribers[1], subscribers[2], p, s}, []string{m.token}, missing(s, m)),
	}
	if !r.running() {
		f.slice = append(f.slice, r.ended()...)
	}
	return f, nil
}

func quickMessages(ctx context.Context, g *grader) (*finding, error) {
	r, subscribers, publishers, f, err := g.stageFor(ctx, "quick", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	p, s := publishers[0], subscribers[0]
	first, second := p.next(""), p.next("")
	if err := p.send(first.text + g.dialect.msgEnd + second.text + g.dialect.msgEnd); err != nil {
		return r.unreachable("while a publisher spoke"), nil
	}
	tokens := []string{first.token, second.token}
	if s, m, lost := r.firstMissing(ctx, subscribers, []message{first, second}); lost {
		return &finding{
			what:  fmt.Sprintf("Two messages arrived at the server together, and %s did not receive %q.", s.name, m.token),
			cause: "One recv is not one message: split what was received at the newlines, and keep the rest for the next recv.",
			slice: r.slice([]*peer{p, s}, tokens, missing(s, m)),
		}, nil
	}
	if merged(lower(s.in.Bytes()), first.token, second.token, g.dialect.msgEnd) {
		steps := slices.DeleteFunc(r.slice([]*peer{p, s}, tokens), func(step Step) bool { return step.From == serverName })
		data := s.in.Bytes()
		at := bytes.Index(lower(data), []byte(first.token))
		start := bytes.LastIndexByte(data[:at], '\n') + 1
		steps = append(steps, Step{At: s.in.At(at).Sub(r.began), Kind: Wrong, From: serverName, To: s.name, Data: excerpt(data[start:], nil)})
		cause := "One recv is not one message: split what was received at the newlines, and keep the rest for the next recv."
		if g.dialect.msgEnd == "" {
			cause = "One recv is not one message: end each message with a newline in the client, and split at newlines in the server."
		}
		return &finding{
			what:  fmt.Sprintf("Two messages arrived at the server together, and %s received them as one.", s.name),
			cause: cause,
			slice: steps,
		}, nil
	}
	return nil, nil
}
