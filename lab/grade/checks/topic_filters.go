package checks

import (
	"context"
	"fmt"
	"slices"

	"pubsublab/lab/grade/harness"
	"pubsublab/lab/grade/harness/runner"
)

// topicDelivers is the check topic-delivers:
//
//	publisher of news ──m──▶ server ──m──▶ subscriber of news
var topicDelivers = Check{
	ID:     "topic-delivers",
	Title:  "a subscriber of a topic receives what is published under it",
	From:   "A11",
	Needs:  []string{"server-delivers"},
	Shares: []string{"pair-delivers"},
	Run:    topicCheck("delivers", 1, (*topical).undelivered),
}

// topicFilters is the check topic-filters:
//
//	publisher of news ──m──▶ server ──nothing──▶ subscriber of weather
//	publisher of weather ──n──▶ server ──nothing──▶ subscriber of news
var topicFilters = Check{
	ID:         "topic-filters",
	Title:      "a subscriber of another topic does not",
	From:       "A11",
	Needs:      []string{"topic-delivers"},
	Foundation: true,
	Run:        topicCheck("filters", 1, (*topical).leaked),
}

// topicSeveral is the check topic-several: two publishers and two subscribers of each of two topics.
var topicSeveral = Check{
	ID:     "topic-several",
	Title:  "two topics at once, each with two publishers and two subscribers",
	From:   "A11",
	Needs:  []string{"topic-filters"},
	Shares: []string{"pair-delivers"},
	Run: topicCheck("several", 2, func(t *topical) *harness.Finding {
		if f := t.undelivered(); f != nil {
			return f
		}
		return t.leaked()
	}),
}

// topical is what was said and received under two topics.
type topical struct {
	*harness.ServerRun
	publishers, subscribers [2][]*harness.Participant
	messages                [2][]harness.Message
}

// topicCheck makes a check of two topics with so many publishers and subscribers of each. Where the
// grader does not know how a topic is told, it is told to the submission's own clients.
func topicCheck(label string, each int, judge func(*topical) *harness.Finding) func(context.Context, *Suite) (*harness.Finding, error) {
	return func(ctx context.Context, g *Suite) (*harness.Finding, error) {
		r, err := g.Start(ctx, "topic-"+label)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if !r.TellsTopics() {
			if !g.Runner.HasClient() {
				return notTried("nothing is known of how a topic is told to this server; a dialect in the rubric can say it")
			}
			if f := r.Listens(ctx); f != nil {
				return f, nil
			}
			r.Terminals = true
		}
		t := &topical{ServerRun: r}
		for topic := range t.publishers {
			for range each {
				s, err := r.JoinUnder(ctx, runner.Subscriber, topic)
				if err != nil {
					return r.Unreachable("when a subscriber of a topic came"), nil
				}
				p, err := r.JoinUnder(ctx, runner.Publisher, topic)
				if err != nil {
					return r.Unreachable("when a publisher of a topic came"), nil
				}
				t.subscribers[topic], t.publishers[topic] = append(t.subscribers[topic], s), append(t.publishers[topic], p)
			}
		}
		t.talk(ctx, g)
		return judge(t), nil
	}
}

// talk lets all publishers say something, one at a time and in turn.
func (t *topical) talk(ctx context.Context, g *Suite) {
	for topic, publishers := range t.publishers { // until they are registered
		for _, p := range publishers {
			for _, s := range t.subscribers[topic] {
				t.Reaches(ctx, p, s, g.MessageTimeout())
			}
		}
	}
	for range 3 {
		for topic, publishers := range t.publishers {
			for _, p := range publishers {
				m := p.Next("")
				_ = t.Say(ctx, m) // what cannot be sent is lost, and judged as that
				t.messages[topic] = append(t.messages[topic], m)
				t.Await(ctx, t.subscribers[topic], []harness.Message{m})
			}
		}
	}
	t.Settle(ctx)
}

// undelivered is that nothing of a publisher reached a subscriber of its topic.
func (t *topical) undelivered() *harness.Finding {
	for topic, messages := range t.messages {
		for _, m := range messages {
			for _, s := range t.subscribers[topic] {
				if slices.ContainsFunc(messages, func(one harness.Message) bool { return one.From == m.From && s.Has(0, one.Token) }) {
					continue // what gets lost now and then is another check's
				}
				return &harness.Finding{
					What:    fmt.Sprintf("%s published %q under a topic, and %s, a subscriber of the same topic, did not receive it.", harness.Sentence(m.From.Name)[:len(m.From.Name)], m.Token, s.Name),
					Cause:   "Subscribers are kept under their topic, and the message is sent to those of another one: topics are compared with their newline, in another case, or one replaces the other in the map.",
					Excerpt: t.Excerpt([]*harness.Participant{m.From, s}, []string{m.Token}, harness.MissingStep(s, m)),
				}
			}
		}
	}
	return nil
}

// leaked is a message that reached a subscriber of the other topic.
func (t *topical) leaked() *harness.Finding {
	for topic := range t.subscribers {
		for _, s := range t.subscribers[topic] {
			for _, seen := range s.Seen() {
				for _, p := range t.publishers[1-topic] {
					if !p.Made(seen.Token) {
						continue
					}
					return &harness.Finding{
						What:    fmt.Sprintf("%s published %q under a topic, and %s, a subscriber of another topic, received it.", harness.Sentence(p.Name)[:len(p.Name)], seen.Token, s.Name),
						Cause:   "Messages are sent to all subscribers: compare the topic of each with that of the message.",
						Excerpt: (&traffic{server: t.ServerRun}).mark(t.Excerpt([]*harness.Participant{p, s}, []string{seen.Token}), s, seen.Token, 0),
					}
				}
			}
		}
	}
	return nil
}
