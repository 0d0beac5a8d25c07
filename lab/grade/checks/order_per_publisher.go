package checks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pubsublab/lab/grade/harness"
)

// orderPerPublisher is the check order-per-publisher:
//
//	publisher ──m1──▶ server
//	publisher ──m2──▶ server ──m1, m2──▶ each subscriber
//
// At the pace of somebody who types very fast, and without waiting for anything: what waits for the
// message before cannot overtake it.
var orderPerPublisher = Check{
	ID:    "order-per-publisher",
	Title: "messages of one publisher stay in order",
	From:  "A7",
	Needs: []string{"server-delivers", "pair-order"},
	Runs:  3,
	Ahead: makeTrafficAhead,
	First: true,
	Run:   runOrderPerPublisher,
}

// paces are the pauses between messages, in turn.
var paces = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 2 * time.Millisecond, 15 * time.Millisecond, 5 * time.Millisecond}

func runOrderPerPublisher(ctx context.Context, g *Suite) (*harness.Finding, error) {
	if g.round == 0 { // what went on one after the other is in order, too
		if f, err := judgeTraffic(ctx, g, (*traffic).disorder); f != nil || err != nil {
			return f, err
		}
	}
	r, subscribers, publishers, f, err := g.Fixture(ctx, "order", 2, 1)
	if f != nil || err != nil {
		return f, err
	}
	defer r.Close()
	t := &traffic{server: r, subscribers: subscribers, publishers: publishers}
	for i := range r.Count(25) {
		m := publishers[0].Next("")
		t.messages = append(t.messages, m)
		if publishers[0].Publish(m) != nil { // what cannot be sent is not judged here
			break
		}
		harness.Pause(ctx, paces[i%len(paces)])
	}
	r.Await(ctx, subscribers, t.messages) // what two messages that are read together become is not judged here
	return t.disorder(), nil
}

// disorder is what came behind a later message of the same publisher.
func (t *traffic) disorder() *harness.Finding {
	for _, s := range t.subscribers {
		newest := map[*harness.Participant]int{} // place of a message, and 1
		var came []string
		for _, seen := range s.Seen() {
			i := slices.IndexFunc(t.messages, func(m harness.Message) bool { return m.Token == seen.Token })
			if i < 0 || slices.Contains(came, seen.Token) {
				continue
			}
			came = append(came, seen.Token)
			p := t.messages[i].From
			if newest[p] <= i {
				newest[p] = i + 1
				continue
			}
			before := t.messages[newest[p]-1].Token
			return &harness.Finding{
				Final:   true,
				What:    fmt.Sprintf("%s sent %q before %q, and %s received them the other way round.", harness.Sentence(p.Name)[:len(p.Name)], seen.Token, before, s.Name),
				Cause:   "Each message has a thread (or task) of its own, and they overtake each other; one thread for each client, which sends one message after the other, keeps the order.",
				Excerpt: t.mark(t.server.Excerpt([]*harness.Participant{p, s}, []string{seen.Token, before}), s, seen.Token, 0),
			}
		}
	}
	return nil
}
