package checks

import (
	"context"
	"slices"
	"sync"
	"time"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// How much traffic is made for the checks of the integration.
const (
	trafficPublishers  = 2
	trafficSubscribers = 3
	trafficRounds      = 6  // of one message each, in turn
	trafficBurst       = 20 // messages of each, as quickly as the framing allows
)

// special is what follows the token in messages that must arrive as they are.
var special = []string{
	" two  spaces, and a full stop.",
	` "quotes", 'single', back\slash, {braces}, 100%, <tags> & more`,
	" [FROM nobody] : a message may look like anything;",
	" Grüße, Ελληνικά, 日本語",
}

// traffic is what was sent and received in one run of the server with some publishers and
// subscribers: what the checks of the integration judge.
type traffic struct {
	server      *harness.ServerRun
	publishers  []*harness.Participant
	subscribers []*harness.Participant
	messages    []harness.Message      // of the publishers, in the order of sending
	stray       harness.Message        // what a subscriber said, which is nobody's business
	texts       map[string]bool        // tokens of messages that are more than a token
	deaf        []*harness.Participant // subscribers that received nothing of the grader's own publisher
	crashed     bool
}

// makeTraffic makes the traffic, once.
func (g *Suite) makeTraffic(ctx context.Context) (*traffic, *harness.Finding, error) {
	g.making.Lock()
	defer g.making.Unlock()
	if g.traffic != nil {
		return g.traffic, nil, nil
	}
	first := g.For(0, false)
	first.fresh = true
	r, err := first.Start(ctx, "traffic")
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	t := &traffic{server: r, texts: map[string]bool{}}
	for range trafficSubscribers {
		p, err := r.Join(ctx, runner.Subscriber)
		if err != nil {
			return nil, r.Unreachable("while subscribers came"), nil
		}
		t.subscribers = append(t.subscribers, p)
	}
	for range trafficPublishers {
		p, err := r.Join(ctx, runner.Publisher)
		if err != nil {
			return nil, r.Unreachable("while publishers came"), nil
		}
		t.publishers = append(t.publishers, p)
	}
	t.deaf = r.Ready(ctx, t.subscribers...)
	heard := slices.DeleteFunc(slices.Clone(t.subscribers), func(p *harness.Participant) bool {
		return slices.Contains(t.deaf, p) // that they receive nothing has been waited for already
	})
	t.publish(ctx, heard)
	r.Await(ctx, heard, t.messages)
	t.stray = t.subscribers[0].Next("")
	_ = t.subscribers[0].Publish(t.stray) // a server may have stopped listening to it
	var leaving sync.WaitGroup
	for _, p := range t.publishers { // without terminate
		leaving.Go(func() { p.Close(ctx) })
	}
	leaving.Wait()
	r.Settle(ctx)
	t.crashed = !r.Running()
	g.traffic = t
	return t, nil, nil
}

// makeTrafficAhead is makeTraffic for those that judge it.
func makeTrafficAhead(ctx context.Context, g *Suite) {
	_, _, _ = g.makeTraffic(ctx) // who judges it tries again, and says what is wrong
}

// publish lets one publisher speak at a time: what happens when several do is another check.
func (t *traffic) publish(ctx context.Context, heard []*harness.Participant) {
	say := func(m harness.Message) {
		t.messages = append(t.messages, m)
		_ = t.server.Say(ctx, m) // what cannot be sent is lost, and judged as that
	}
	done := func() {
		limited, cancel := context.WithTimeout(ctx, t.server.Soon())
		defer cancel()
		last := t.messages[len(t.messages)-1].Token
		t.server.Poll(limited, func() bool {
			return !slices.ContainsFunc(heard, func(p *harness.Participant) bool { return !p.Has(0, last) })
		})
		harness.Pause(ctx, 20*time.Millisecond) // the server may have to tidy up behind it
	}
	for range t.server.Count(trafficRounds*trafficPublishers) / trafficPublishers {
		for _, p := range t.publishers {
			say(p.Next(""))
			done()
		}
	}
	for _, p := range t.publishers {
		for range t.server.Count(trafficBurst) {
			say(p.Next(""))
		}
		done()
	}
	for i, text := range special {
		m := t.publishers[i%len(t.publishers)].Next(text)
		t.texts[m.Token] = true
		say(m)
		done()
	}
}

// of are the messages of one publisher.
func (t *traffic) of(p *harness.Participant) []harness.Message {
	var own []harness.Message
	for _, m := range t.messages {
		if m.From == p {
			own = append(own, m)
		}
	}
	return own
}

// judged turns a verdict about the traffic into a check.
func judgeTraffic(ctx context.Context, g *Suite, judge func(*traffic) *harness.Finding) (*harness.Finding, error) {
	t, f, err := g.makeTraffic(ctx)
	if f != nil || err != nil {
		return f, err
	}
	return judge(t), nil
}

// counts is how often a participant received each token.
func counts(p *harness.Participant) map[string]int {
	n := map[string]int{}
	for _, s := range p.Seen() {
		n[s.Token]++
	}
	return n
}

func received(n map[string]int, messages []harness.Message) int {
	got := 0
	for _, m := range messages {
		if n[m.Token] > 0 {
			got++
		}
	}
	return got
}

// mark calls wrong what a participant received of a token, but for the first so many times.
func (t *traffic) mark(steps []harness.Step, p *harness.Participant, token string, right int) []harness.Step {
	for i, s := range steps {
		if s.Kind == harness.Sends && s.To == p.Name && harness.ContainsFold(s.Data, token) {
			if right--; right < 0 {
				steps[i].Kind = harness.Wrong
			}
		}
	}
	return steps
}

// plain are the messages that a participant received which were a token and nothing else, the first
// time each.
func (t *traffic) plain(s *harness.Participant) map[string]harness.Occurrence {
	sent := map[string]bool{}
	for _, m := range t.messages {
		sent[m.Token] = !t.texts[m.Token]
	}
	plain := map[string]harness.Occurrence{}
	for _, seen := range s.Seen() {
		if _, again := plain[seen.Token]; sent[seen.Token] && !again {
			plain[seen.Token] = seen
		}
	}
	return plain
}
