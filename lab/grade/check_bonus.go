package grade

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pubsublab/lab/grade/runner"
)

// bonusWait is how long the grader waits for what it only hopes for.
const bonusWait = 1500 * time.Millisecond

func slowSubscriber(ctx context.Context, g *grader) (*finding, error) {
	const total, size = 6 << 20, 1000
	r, subscribers, publishers, f, err := g.stageFor(ctx, "slow", 2, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	// One more that reads nothing once it is registered, with a buffer as small as the system allows.
	slow, err := r.connect(ctx, runner.Subscriber)
	if err != nil {
		return r.unreachable("when a slow subscriber came"), nil
	}
	if err := slow.conn.SetReadBuffer(1); err != nil {
		return nil, err
	}
	if err := r.register(ctx, slow, runner.Subscriber); err != nil {
		return r.unreachable("when a slow subscriber came"), nil
	}
	r.ready(ctx, slow)
	if err := slow.conn.SetReadDeadline(time.Now()); err != nil {
		return nil, err
	}
	more := " " + strings.Repeat("x", size)
	p, watched := publishers[0], subscribers[0]
	for sent := 0; sent < total; {
		batch := []message{p.next(more)}
		if g.dialect.framing == lines {
			for len(batch) < 50 {
				batch = append(batch, p.next(more))
			}
		}
		for _, m := range batch {
			if err = r.say(ctx, m); err != nil {
				break
			}
			sent += size
		}
		final := batch[len(batch)-1].token
		mark := max(0, watched.in.Len()-len(batch)*2*size)
		limited, cancel := g.patient(ctx)
		arrived := poll(limited, func() bool { return watched.has(mark, final) })
		cancel()
		if !arrived {
			return &finding{
				what:  fmt.Sprintf("A subscriber stopped reading, and after %d KB %s received nothing more for %v.", sent>>10, watched.name, g.patience),
				cause: "send() waits for the subscriber that does not read, and with it everybody, because the lock is held while sending. A queue and a thread for each subscriber helps.",
				slice: r.slice([]*peer{slow, p, watched}, []string{final}, Step{Kind: Missing, From: serverName, To: watched.name, Data: []byte(final)}),
			}, nil
		}
	}
	return nil, nil
}

func longLine(ctx context.Context, g *grader) (*finding, error) {
	const size = 5000
	r, subscribers, publishers, f, err := g.stageFor(ctx, "long", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	var text strings.Builder
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, " %d", i)
	}
	m := publishers[0].next(text.String())
	limited, cancel := context.WithTimeout(ctx, bonusWait)
	defer cancel()
	if r.say(limited, m) == nil && poll(limited, func() bool { return arrived(string(subscribers[0].in.Bytes()), m.text) }) {
		return nil, nil
	}
	return &finding{what: fmt.Sprintf("A message of %d bytes did not arrive in one piece.", len(m.text))}, nil
}

// ways are role lines that submissions with more than roles understand. The last one is for those that ask.
func ways(role, key, x string) []string {
	return []string{role + " " + key + "=" + x, role + " " + x, role + ":" + x, role}
}

// joinSpelt registers with a role line, and answers a question about key with x.
func (r *room) joinSpelt(ctx context.Context, role, spelt, key, x string) (*peer, error) {
	p, err := r.connect(ctx, role)
	if err != nil {
		return nil, err
	}
	d := &r.g.dialect
	d.awaitPrompt(ctx, p, bonusWait)
	mark := p.in.Len()
	if err := p.send(spelt + d.roleEnd); err != nil {
		return nil, err
	}
	soon, cancel := context.WithTimeout(ctx, d.rest)
	defer cancel()
	if p.in.Wait(soon, func(data []byte) bool { return question.Match(data[mark:]) }) {
		answer := "lab"
		if strings.Contains(strings.ToLower(string(p.in.Bytes()[mark:])), key) {
			answer = x
		}
		if err := p.send(answer + d.msgEnd); err != nil {
			return nil, err
		}
		pause(ctx, d.rest)
	}
	return p, nil
}

func names(ctx context.Context, g *grader) (*finding, error) {
	r, subscribers, _, f, err := g.stageFor(ctx, "names", 1, 0)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	s := subscribers[0]
	for _, spelt := range ways(runner.Publisher, "name", "NAME") {
		name := "n" + r.word()
		p, err := r.joinSpelt(ctx, runner.Publisher, strings.Replace(spelt, "NAME", name, 1), "name", name)
		if err != nil || p.closed() {
			continue
		}
		m := p.next("")
		_ = r.say(ctx, m) // what cannot be sent does not arrive
		soon, cancel := context.WithTimeout(ctx, bonusWait/3)
		poll(soon, func() bool { return p.closed() || s.has(0, m.token) })
		cancel()
		for _, seen := range s.seen() {
			if seen.token == m.token && strings.Contains(strings.ToLower(seen.decoration), name) {
				return nil, nil
			}
		}
	}
	return &finding{what: "No way of giving a name was found that comes with the messages."}, nil
}

var (
	countBehind = regexp.MustCompile(`(?i)(online|active|connected|total|clients?|subscribers?|publishers?|users?|count|connections?)[^\d\n]{0,20}(\d+)\b`)
	countBefore = regexp.MustCompile(`(?i)\b(\d+)\s+(clients?|subscribers?|publishers?|users?|online|active|connected|connections?)`)
)

// onlineCount looks for numbers beside words such as "online" that grow by one while subscribers come.
func onlineCount(ctx context.Context, g *grader) (*finding, error) {
	r, err := g.open(ctx, "online")
	if err != nil {
		return nil, err
	}
	defer r.close()
	const clients = 4
	var shown [clients]map[int]bool
	for i := range shown {
		mark := r.program.Output.Len()
		p, err := r.join(ctx, runner.Subscriber)
		if err != nil {
			return r.unreachable("while clients came"), nil
		}
		soon, cancel := context.WithTimeout(ctx, bonusWait/5)
		r.program.Output.Quiet(soon, bonusWait/10)
		cancel()
		shown[i] = map[int]bool{}
		for _, text := range [][]byte{r.program.Output.Bytes()[mark:], p.in.Bytes()} {
			for _, found := range countBehind.FindAllSubmatch(text, -1) {
				n, _ := strconv.Atoi(string(found[2])) // too large for a count is 0
				shown[i][n] = true
			}
			for _, found := range countBefore.FindAllSubmatch(text, -1) {
				n, _ := strconv.Atoi(string(found[1]))
				shown[i][n] = true
			}
		}
	}
	for start := range shown[0] {
		grows := start < 10
		for i := range shown {
			grows = grows && shown[i][start+i]
		}
		if grows {
			return nil, nil
		}
	}
	return &finding{what: "Neither the server's output nor what it says to clients counts them as they come."}, nil
}

var clock = regexp.MustCompile(`(?i)\d{1,2}:\d{2}:\d{2}|\d{4}-\d{2}-\d{2}|\b\d{1,2}:\d{2}\s*[ap]m\b`)

func timestamps(ctx context.Context, g *grader) (*finding, error) {
	t, f, err := g.flow(ctx)
	if f != nil || err != nil {
		return f, err
	}
	if shownTime(t.subscribers[0]) {
		return nil, nil
	}
	r, _, publishers, f, err := g.stageFor(ctx, "timestamps", 0, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	if s, err := r.joinSpelt(ctx, runner.Subscriber, runner.Subscriber+" format=stamped", "", ""); err == nil {
		m := publishers[0].next("")
		soon, cancel := context.WithTimeout(ctx, bonusWait/2)
		defer cancel()
		_ = r.say(soon, m) // what cannot be sent does not arrive
		poll(soon, func() bool { return s.closed() || s.has(0, m.token) })
		if shownTime(s) {
			return nil, nil
		}
	}
	return &finding{what: "Messages come without a time."}, nil
}

func shownTime(s *peer) bool {
	return slices.ContainsFunc(s.seen(), func(seen sighting) bool { return clock.MatchString(seen.decoration) })
}

func history(ctx context.Context, g *grader) (*finding, error) {
	r, subscribers, publishers, f, err := g.stageFor(ctx, "history", 1, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.close()
	m := publishers[0].next("")
	_ = r.say(ctx, m) // what cannot be sent does not arrive
	r.await(ctx, subscribers, []message{m})
	for _, spelt := range []string{runner.Subscriber, runner.Subscriber + " from=first"} {
		late, err := r.joinSpelt(ctx, runner.Subscriber, spelt, "", "")
		if err != nil {
			continue
		}
		soon, cancel := context.WithTimeout(ctx, bonusWait/2)
		got := poll(soon, func() bool { return late.has(0, m.token) || late.closed() })
		cancel()
		if got && late.has(0, m.token) {
			return nil, nil
		}
	}
	return &finding{what: "A subscriber that came later received nothing of what was said before."}, nil
}

// topics looks for a way in which a subscriber to one topic receives what is said under it and not what is said under
// another.
func topics(ctx context.Context, g *grader) (*finding, error) {
	r, err := g.open(ctx, "topics")
	if err != nil {
		return nil, err
	}
	defer r.close()
	for i := range ways("", "", "") {
		if r.topicsWork(ctx, i) {
			return nil, nil
		}
	}
	return &finding{what: "No way of choosing a topic was found."}, nil
}

func (r *room) topicsWork(ctx context.Context, way int) bool {
	mine, other := "t"+r.word(), "t"+r.word()
	join := func(role, topic string) *peer {
		p, err := r.joinSpelt(ctx, role, ways(role, "topic", topic)[way], "topic", topic)
		if err != nil || p.closed() {
			return nil // it does not understand
		}
		return p
	}
	s, witness := join(runner.Subscriber, mine), join(runner.Subscriber, other)
	if s == nil || witness == nil {
		return false
	}
	right, wrong := join(runner.Publisher, mine), join(runner.Publisher, other)
	if right == nil || wrong == nil {
		return false
	}
	soon, cancel := context.WithTimeout(ctx, bonusWait)
	defer cancel()
	for range 2 { // a first message may be lost for a reason that another check is about
		unwanted, wanted := wrong.next(""), right.next("")
		_, _ = r.say(soon, unwanted), r.say(soon, wanted) // what cannot be sent does not arrive
		each, cancel := context.WithTimeout(soon, bonusWait/3)
		arrived := poll(each, func() bool {
			return s.has(0, wanted.token) && witness.has(0, unwanted.token)
		})
		cancel()
		if arrived {
			r.settle(soon)
			return !s.has(0, unwanted.token) && !witness.has(0, wanted.token)
		}
	}
	return false
}
