package grade

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/grade/runner"
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
	" Grüße, Ελληνικά, 日本語",
	" [FROM nobody] : a message may look like anything;",
}

// traffic is what was sent and received in one run of the server with some publishers and subscribers: what the checks of
// the integration judge.
type traffic struct {
	room        *room
	publishers  []*peer
	subscribers []*peer
	messages    []message       // of the publishers, in the order of sending
	stray       message         // what a subscriber said, which is nobody's business
	texts       map[string]bool // tokens of messages that are more than a token
	deaf        []*peer         // subscribers that received nothing of the grader's own publisher
	crashed     bool
}

// flow makes the traffic, once.
func (g *grader) flow(ctx context.Context) (*traffic, *finding, error) {
	if g.traffic != nil {
		return g.traffic, nil, nil
	}
	r, err := g.open(ctx, "traffic")
	if err != nil {
		return nil, nil, err
	}
	defer r.close()
	t := &traffic{room: r, texts: map[string]bool{}}
	for range trafficSubscribers {
		p, err := r.join(ctx, runner.Subscriber)
		if err != nil {
			return nil, r.unreachable("while subscribers came"), nil
		}
		t.subscribers = append(t.subscribers, p)
	}
	for range trafficPublishers {
		p, err := r.join(ctx, runner.Publisher)
		if err != nil {
			return nil, r.unreachable("while publishers came"), nil
		}
		t.publishers = append(t.publishers, p)
	}
	t.deaf = r.ready(ctx, t.subscribers...)
	heard := slices.DeleteFunc(slices.Clone(t.subscribers), func(p *peer) bool {
		return slices.Contains(t.deaf, p) // that they receive nothing has been waited for already
	})
	t.publish(ctx, heard)
	r.await(ctx, heard, t.messages)
	t.stray = t.subscribers[0].next("")
	_ = t.subscribers[0].send(t.stray.text + g.dialect.msgEnd) // a server may have stopped listening to it
	for _, p := range t.publishers {                           // without terminate
		p.close(ctx)
	}
	r.settle(ctx)
	t.crashed = !r.running()
	g.traffic = t
	return t, nil, nil
}

// publish lets one publisher speak at a time: what happens when several do is another check.
func (t *traffic) publish(ctx context.Context, heard []*peer) {
	say := func(m message) {
		t.messages = append(t.messages, m)
		_ = t.room.say(ctx, m) // what cannot be sent is lost, and judged as that
	}
	done := func() {
		limited, cancel := context.WithTimeout(ctx, min(t.room.g.patience, time.Second))
		defer cancel()
		last := t.messages[len(t.messages)-1].token
		poll(limited, func() bool {
			return !slices.ContainsFunc(heard, func(p *peer) bool { return !p.has(0, last) })
		})
		pause(ctx, 20*time.Millisecond) // the server may have to tidy up behind it
	}
	for range trafficRounds {
		for _, p := range t.publishers {
			say(p.next(""))
			done()
		}
	}
	for _, p := range t.publishers {
		for range trafficBurst {
			say(p.next(""))
		}
		done()
	}
	for i, text := range special {
		m := t.publishers[i%len(t.publishers)].next(text)
		t.texts[m.token] = true
		say(m)
		done()
	}
}

// of are the messages of one publisher.
func (t *traffic) of(p *peer) []message {
	var own []message
	for _, m := range t.messages {
		if m.from == p {
			own = append(own, m)
		}
	}
	return own
}

// counts is how often a peer received each token.
func counts(p *peer) map[string]int {
	n := map[string]int{}
	for _, s := range p.seen() {
		n[s.token]++
	}
	return n
}

// arrived says whether a message's text is in data as it was sent, or as JSON writes it.
func arrived(data, text string) bool {
	if strings.Contains(data, text) {
		return true
	}
	quoted, _ := json.Marshal(text) // no string fails
	ascii := escapeASCII(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted)))
	return strings.Contains(data, strings.Trim(string(quoted), `"`)) ||
		strings.Contains(escapeASCII(data), ascii[1:len(ascii)-1])
}

var notASCII = regexp.MustCompile(`[^\x00-\x7f]`)

// escapeASCII writes letters beyond ASCII as JSON does that is plain ASCII.
func escapeASCII(text string) string {
	return notASCII.ReplaceAllStringFunc(text, func(r string) string { return fmt.Sprintf(`\u%04x`, []rune(r)[0]) })
}
