package grade

import (
	"bytes"
	"context"
	"regexp"
	"time"

	"pubsublab/lab/grade/runner"
)

// How a submission tells messages apart.
const (
	lines = "lines"
	reads = "reads"
)

// dialect is what was found out about how a submission wants to be talked to.
type dialect struct {
	prompts         bool          // it asks for the role
	framing         string        // lines, reads, or "" while nothing is known
	roleEnd, msgEnd string        // what is sent behind a role and a message: "\n" or nothing
	answers         [2]bool       // it says something to a publisher, to a subscriber, that has told its role
	asks            [2]bool       // and that something asks for more: a name, a topic
	rest            time.Duration // between a role and the first message, where nothing answers
}

// candidates are the ways of talking that are tried, in this order: a server that strips what it reads takes newlines in
// either framing.
var candidates = []dialect{
	{roleEnd: "\n", msgEnd: "\n"},
	{},
	{roleEnd: "\n"},
	{msgEnd: "\n"},
}

func index(role string) int {
	if role == runner.Publisher {
		return 0
	}
	return 1
}

var rolePrompt = regexp.MustCompile(`(?i)role|publish|subscri|\bpub\b|\bsub\b`)

// awaitPrompt waits for the question for the role, if there will be one.
func (d *dialect) awaitPrompt(ctx context.Context, p *peer, patience time.Duration) {
	if !d.prompts {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p.in.Wait(ctx, rolePrompt.Match)
	p.in.Quiet(ctx, 5*time.Millisecond) // its end
}

// question is what waits for an answer: for a name or a topic, and the cursor stays behind it.
var question = regexp.MustCompile(`(?i)(name|topic|channel)[^\n]*[:?>)]\s*$`)

// tell sends the role, as it is spelt, and answers what it is asked then.
func (d *dialect) tell(ctx context.Context, p *peer, role, spelt string, patience time.Duration) error {
	const unknown, answer = 300 * time.Millisecond, "lab"
	mark := p.in.Len()
	if err := p.send(spelt + d.roleEnd); err != nil {
		return err
	}
	said := func(data []byte) bool { return len(data) > mark }
	wait := unknown
	if d.framing != "" {
		if wait = d.rest; d.answers[index(role)] {
			wait = patience
		}
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	p.in.Wait(waiting, said)
	if d.framing == "" && p.in.Len() > mark {
		d.answers[index(role)] = true
		p.in.Quiet(ctx, 20*time.Millisecond)
		d.asks[index(role)] = question.Match(p.in.Bytes()[mark:])
	}
	if d.asks[index(role)] {
		p.in.Wait(waiting, func(data []byte) bool { return question.Match(data[mark:]) })
		if err := p.send(answer + d.msgEnd); err != nil {
			return err
		}
		pause(ctx, d.rest)
	}
	return nil
}

// learn finds out how the submission wants to be talked to, by talking: a publisher and a subscriber for each candidate,
// until a message arrives. It returns false, and the last conversation, when none does.
func (g *grader) learn(ctx context.Context) (bool, []Step, error) {
	r, err := g.open(ctx, "learn")
	if err != nil {
		return false, nil, err
	}
	defer r.close()
	var slice []Step
	for i := range candidates {
		d := candidates[i]
		d.prompts = g.dialect.prompts
		var works bool
		if works, slice, err = r.try(ctx, &d); err != nil {
			return false, nil, err
		} else if !works {
			continue
		}
		if d.framing == reads && d.msgEnd != "" { // so do the assignment's clients without newlines
			bare := candidates[1]
			bare.prompts = d.prompts
			if works, _, err := r.try(ctx, &bare); err == nil && works {
				d = bare
			}
		}
		g.dialect = d
		return true, nil, nil
	}
	return false, slice, nil
}

// try talks in a dialect, and fills in what it learns of it when a message arrives.
func (r *room) try(ctx context.Context, d *dialect) (works bool, slice []Step, err error) {
	patience := r.g.patience
	d.rest = 150 * time.Millisecond
	var pair []*peer
	for _, role := range []string{runner.Subscriber, runner.Publisher} {
		p, err := r.connect(ctx, role)
		if err != nil {
			return false, r.ended(), nil
		}
		defer p.hangUp()
		d.awaitPrompt(ctx, p, patience)
		if err := d.tell(ctx, p, role, role, patience); err != nil {
			return false, r.slice([]*peer{p}, nil), nil
		}
		pair = append(pair, p)
	}
	subscriber, publisher := pair[0], pair[1]
	mark := subscriber.in.Len()
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var tokens []string
	// More than once, because the first may be lost for a reason that other checks are about.
	for limit.Err() == nil && !publisher.closed() && !subscriber.closed() {
		first, second := publisher.next(""), publisher.next("")
		text := first.text + d.msgEnd
		if d.msgEnd != "" {
			text += second.text + d.msgEnd
		} else {
			second = first
		}
		tokens = append(tokens, first.token, second.token)
		sent := time.Now()
		if err := publisher.send(text); err != nil {
			break
		}
		soon, cancel := context.WithTimeout(limit, 700*time.Millisecond)
		arrived := poll(soon, func() bool { return subscriber.has(mark, second.token) || publisher.closed() })
		cancel()
		if !arrived || !subscriber.has(mark, second.token) {
			continue
		}
		d.rest = min(max(10*time.Since(sent), d.rest), time.Second)
		subscriber.in.Quiet(ctx, 10*time.Millisecond)
		data := lower(subscriber.in.Bytes()[mark:])
		if d.msgEnd != "" && !bytes.Contains(data, []byte(first.token)) {
			continue // one of two: it cannot be seen yet whether they were told apart
		}
		d.framing = lines
		// What comes without decoration does not show whether it was merged: going slowly is right in either case.
		if d.msgEnd == "" || sightings(data)[0].decoration == "" || merged(data, first.token, second.token, d.msgEnd) {
			d.framing = reads
		}
		return true, nil, nil
	}
	wait := Step{Kind: Missing, From: serverName, To: subscriber.name, Data: []byte(last(tokens))}
	return false, r.slice(pair, tokens, wait), nil
}

func last(tokens []string) string {
	if len(tokens) == 0 {
		return ""
	}
	return tokens[len(tokens)-1]
}
