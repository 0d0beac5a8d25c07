package harness

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/runner"
)

// knownTimeout is how long a known dialect is tried at first: there are many.
const knownTimeout = 1200 * time.Millisecond

// Detect finds out how the submission wants to be talked to: as its own client does, as the
// instructor says, or, where there is nothing to learn from, as other submissions do. A dialect is
// taken when a message arrived that was published in it. It returns false, and a conversation, when
// none does. What servers make of guesses is not held against them: one that ends of it is started
// again.
func (h *Harness) Detect(ctx context.Context) (bool, []Step, error) {
	p := prober{h: h}
	defer p.end()
	if h.Runner.HasClient() {
		learnt, prompts, err := h.Learn(ctx)
		if h.Dialect.Prompts = prompts; err == nil {
			for range 2 {
				works, err := p.proves(ctx, Learnt, learnt, h.Timeout)
				if works || err != nil {
					return works, nil, err
				}
				if p.server == nil || !p.server.Shared {
					break
				}
				p.close() // whoever was recorded may have left something behind
			}
			err = errors.New("what was learnt from the client did not work when the grader said it: " + learnt.String())
		}
		h.Dialect.Why = err.Error()
		h.Dialect.Tried = append(h.Dialect.Tried, "to learn it from the client: "+err.Error())
		if h.Told == nil && !errors.Is(err, errNoRecording) {
			return false, p.excerpt, nil // it is none of the known ones, or it would have been learnt
		}
	}
	if h.Told != nil {
		h.Dialect.Tried = append(h.Dialect.Tried, "the dialect of the rubric: "+h.Told.String())
		works, err := p.proves(ctx, Told, h.Told, h.Timeout)
		return works, p.excerpt, err
	}
	var names []string
	for _, d := range dialect.Known() {
		names = append(names, d.Name)
	}
	h.Dialect.Tried = append(h.Dialect.Tried, "dialects of other submissions: "+strings.Join(names, "; "))
	works, err := p.known(ctx)
	return works, p.excerpt, err
}

// known finds one of the known dialects: it tries all beside each other to see which may do, and
// then those in their order. Where none seems to, the likeliest are given more time.
func (p *prober) known(ctx context.Context) (bool, error) {
	if err := p.prompts(ctx); err != nil {
		return false, err
	}
	if !p.server.Running() {
		p.excerpt = p.server.Ended()
		return false, nil
	}
	all := dialect.Known()
	likely, died, err := p.likely(ctx, all, 2*knownTimeout)
	if len(likely) == 0 && !died && err == nil {
		const likeliest = 4
		likely, died, err = p.likely(ctx, all[:likeliest], max(p.h.Timeout, 3*knownTimeout))
	}
	if err != nil {
		return false, err
	}
	timeout := p.h.Timeout
	if died { // of one of them: each gets a server of its own
		likely, timeout = append(likely, all...), min(knownTimeout, p.h.Timeout)
	}
	for _, d := range likely {
		if works, err := p.proves(ctx, KnownOne, d, timeout); works || err != nil {
			return works, err
		}
	}
	return false, nil
}

// likely are those dialects in which a message arrives while all of them are spoken to one server.
// died is true where the server ended of that.
func (p *prober) likely(ctx context.Context, all []*dialect.Dialect, timeout time.Duration) (likely []*dialect.Dialect, died bool, err error) {
	p.close()
	if err := p.serve(ctx); err != nil {
		return nil, false, err
	}
	defer p.close()
	if f := p.server.Listens(ctx); f != nil {
		return nil, true, nil
	}
	arrived := make([]bool, len(all))
	var talking sync.WaitGroup
	connecting, cancel := context.WithTimeout(ctx, 2*time.Second) // one that serves few accepts no more
	defer cancel()
	for i, words := range all {
		d := &Dialect{Dialect: words, From: KnownOne, Prompts: p.h.Dialect.Prompts, Rest: 150 * time.Millisecond}
		var pair []*Participant
		for _, role := range []string{runner.Subscriber, runner.Publisher} {
			if one, err := p.server.ConnectAs(connecting, d, role); err == nil {
				defer one.HangUp()
				pair = append(pair, one)
			}
		}
		if len(pair) < 2 {
			break
		}
		talking.Go(func() { arrived[i] = meets(ctx, d, pair, timeout) })
	}
	talking.Wait()
	for i, yes := range arrived {
		if yes {
			likely = append(likely, all[i])
		}
	}
	return likely, !p.server.Running(), nil
}

// meets reports whether what the second of a pair publishes reaches the first.
func meets(ctx context.Context, d *Dialect, pair []*Participant, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if !meet(ctx, d, pair[0], runner.Subscriber, unanswered) || !meet(ctx, d, pair[1], runner.Publisher, unanswered) {
		return false
	}
	var tokens []string
	for ctx.Err() == nil && !pair[0].Closed() && !pair[1].Closed() {
		m := pair[1].Next("")
		if tokens = append(tokens, m.Token); pair[1].Publish(m) != nil {
			return false
		}
		soon, cancel := context.WithTimeout(ctx, knownTimeout/3)
		arrived := Poll(soon, func() bool { return hasOne(pair[0], 0, tokens) })
		cancel()
		if arrived {
			return true
		}
	}
	return false
}

// unanswered is how long what may be no question, or an answer that never comes, is waited for.
const unanswered = 300 * time.Millisecond

// hasOne reports whether one of some tokens was received since an offset.
func hasOne(p *Participant, since int, tokens []string) bool {
	return slices.ContainsFunc(tokens, func(t string) bool { return p.Has(since, t) })
}

// prompts finds out whether the server asks for the role, by a connection that says nothing.
func (p *prober) prompts(ctx context.Context) error {
	if err := p.serve(ctx); err != nil {
		return err
	}
	one, err := p.server.Connect(ctx, runner.Publisher)
	if err != nil {
		return nil // it will be seen
	}
	defer one.HangUp()
	limited, cancel := context.WithTimeout(ctx, p.h.Timeout/2)
	defer cancel()
	p.h.Dialect.Prompts = one.Received.Wait(limited, RolePrompt.Match)
	return nil
}

// serve sees to a server that runs.
func (p *prober) serve(ctx context.Context) error {
	if p.server != nil && p.server.Running() {
		return nil
	}
	p.close()
	if left := p.h.left; left != nil && left.Running() {
		p.server, p.h.left = p.h.Again(left, "learn"), nil
		return nil
	}
	var err error
	p.server, err = p.h.Start(ctx, "learn")
	return err
}

// prober tries dialects on a server.
type prober struct {
	h       *Harness
	server  *ServerRun // nil: to be started
	excerpt []Step     // of the first that failed
}

func (p *prober) close() {
	if p.server != nil {
		p.server.Close()
		p.server = nil
	}
}

// proves tries a dialect, and makes it the harness's where a message arrives.
func (p *prober) proves(ctx context.Context, from string, words *dialect.Dialect, timeout time.Duration) (bool, error) {
	d := Dialect{Dialect: words, From: from, Prompts: p.h.Dialect.Prompts, Why: p.h.Dialect.Why}
	works, err := p.try(ctx, &d, timeout)
	if !works || err != nil {
		return false, err
	}
	if from == KnownOne && d.Framing == Reads && !d.Bare() && d.Name == dialect.Known()[0].Name {
		bare := d // so speak the assignment's clients, without newlines
		bare.Dialect = dialect.Known()[1]
		if works, err := p.try(ctx, &bare, timeout); works && err == nil {
			d = bare
		}
	}
	p.h.Dialect = d
	return true, nil
}

// try starts a server where none runs, and talks.
func (p *prober) try(ctx context.Context, d *Dialect, timeout time.Duration) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err := p.serve(ctx); err != nil {
		return false, err
	}
	words, before := d.Dialect, p.server.Dialect
	p.server.Dialect = d
	defer func() { p.server.Dialect = before }()
	works, excerpt := p.server.probe(ctx, d, timeout)
	if !works {
		d.Dialect = words
	}
	if p.excerpt == nil {
		p.excerpt = excerpt
	}
	return works, nil
}

// probe talks in a dialect, and fills in what it learns of it when a message arrives.
func (r *ServerRun) probe(ctx context.Context, d *Dialect, timeout time.Duration) (works bool, excerpt []Step) {
	d.Rest = 150 * time.Millisecond
	var pair []*Participant
	if f := r.Listens(ctx); f != nil {
		return false, f.Excerpt
	}
	connecting, cancel := context.WithTimeout(ctx, 2*timeout)
	defer cancel()
	for _, role := range []string{runner.Subscriber, runner.Publisher} {
		p, err := r.Connect(connecting, role)
		if err != nil {
			return false, r.Ended()
		}
		defer p.HangUp()
		limit := unanswered
		if d.From != KnownOne {
			limit = timeout
		}
		if !meet(ctx, d, p, role, limit) {
			return false, r.Excerpt([]*Participant{p}, nil)
		}
		pair = append(pair, p)
	}
	subscriber, publisher := pair[0], pair[1]
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var tokens []string
	var sent []time.Time // of each token
	alone := d.Bare() || d.From != KnownOne
	// More than once, because the first may be lost for a reason that other checks are about.
	start, soonest := subscriber.Received.Len(), 700*time.Millisecond
	for limit.Err() == nil && !publisher.Closed() && !subscriber.Closed() {
		offset := subscriber.Received.Len()
		messages := []Message{publisher.Next("")}
		if !alone {
			messages = append(messages, publisher.Next(""))
		}
		last := messages[len(messages)-1]
		for _, m := range messages {
			tokens, sent = append(tokens, m.Token), append(sent, time.Now())
		}
		if err := publisher.PublishTogether(messages...); err != nil {
			break
		}
		here := func() bool { // of messages that are sent alone, any one shows it
			return subscriber.Has(offset, last.Token) || alone && hasOne(subscriber, start, tokens)
		}
		soon, cancel := context.WithTimeout(limit, soonest)
		Poll(soon, func() bool { return here() || publisher.Closed() })
		cancel()
		if soonest *= 2; !here() {
			continue
		}
		if alone {
			offset = start
		}
		for i, t := range tokens {
			if subscriber.Has(offset, t) {
				took := time.Since(sent[i])
				r.Pace.saw(took)
				d.Rest = min(max(10*took, d.Rest), time.Second)
				break
			}
		}
		subscriber.Received.Quiet(ctx, 10*time.Millisecond)
		if alone && !d.Bare() { // it works: do two at once?
			d.Framing = r.together(limit, publisher, subscriber)
			return true, nil
		}
		data := Lower(subscriber.Received.Bytes()[offset:])
		if !alone && !bytes.Contains(data, []byte(messages[0].Token)) {
			continue // one of two: it cannot be seen yet whether they were told apart
		}
		d.Framing = framing(data, messages)
		return true, nil
	}
	missing := Step{Kind: Missing, From: ServerName, To: subscriber.Name}
	if len(tokens) > 0 {
		missing.Data = []byte(tokens[len(tokens)-1])
	}
	return false, r.Excerpt(pair, tokens, missing)
}

// framing is what two messages, sent together, show when both have arrived. What comes without
// decoration does not show whether it was merged: going slowly is right in either case.
func framing(data []byte, messages []Message) string {
	if len(messages) < 2 || Occurrences(data)[0].Decoration == "" || Merged(data, messages[0].Token, messages[1].Token, "\n") {
		return Reads
	}
	return Lines
}

// together publishes two messages in one write, and sees what becomes of them.
func (r *ServerRun) together(ctx context.Context, publisher, subscriber *Participant) string {
	ctx, cancel := context.WithTimeout(ctx, r.Pace.within(4, 700*time.Millisecond, r.MessageTimeout()))
	defer cancel()
	offset := subscriber.Received.Len()
	messages := []Message{publisher.Next(""), publisher.Next("")}
	if publisher.PublishTogether(messages...) != nil {
		return Reads
	}
	if !Poll(ctx, func() bool {
		return subscriber.Has(offset, messages[0].Token) && subscriber.Has(offset, messages[1].Token)
	}) {
		return Reads
	}
	subscriber.Received.Quiet(ctx, 10*time.Millisecond)
	return framing(Lower(subscriber.Received.Bytes()[offset:]), messages)
}

// meet registers, and makes the dialect fit what the server says to that: what it does not answer is
// not waited for any more, and what it asks is answered.
func meet(ctx context.Context, d *Dialect, p *Participant, role string, timeout time.Duration) bool {
	offset := p.Received.Len()
	answered, err := p.register(ctx, role, "", timeout)
	if err != nil {
		return false
	}
	d.Dialect = d.Heard(role, answered)
	if d.From != KnownOne || len(answered) == 0 || !answered[len(answered)-1] {
		return true
	}
	const most = 3 // questions
	for range most {
		said := p.Received.Bytes()[offset:]
		if !question.Match(said) || p.Closed() {
			break
		}
		topic := !strings.Contains(strings.ToLower(string(said[bytes.LastIndexByte(said, '\n')+1:])), "name")
		d.Dialect = d.Asked(role, topic)
		answer := p.Socket().values.Name
		if topic {
			answer = p.Socket().values.Topic
		}
		offset = p.Received.Len()
		if p.Send(answer+d.RoleEnd(role)) != nil {
			return false
		}
		if !p.Socket().await(ctx, offset, false, timeout) {
			break
		}
	}
	return true
}
