package grade

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// judged turns a verdict about the traffic into a check.
func judged(ctx context.Context, g *grader, judge func(*traffic) *finding) (*finding, error) {
	t, f, err := g.flow(ctx)
	if f != nil || err != nil {
		return f, err
	}
	return judge(t), nil
}

func allReceiveAll(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		if t.crashed {
			return &finding{
				what:  fmt.Sprintf("The server ended %s while publishers and subscribers were connected.", t.room.program.Exit()),
				cause: "An error was not caught: its output is below.",
				slice: t.room.ended(),
			}
		}
		for i, s := range t.subscribers {
			n := counts(s)
			for _, p := range t.publishers {
				if got := received(n, t.of(p)); got == 0 {
					m := t.of(p)[0]
					return &finding{
						what:  fmt.Sprintf("%d subscribers were connected, and %s received none of the %d messages of %s.", len(t.subscribers), s.name, len(t.of(p)), p.name),
						cause: t.deafCause(i),
						slice: t.room.slice(append([]*peer{p}, t.subscribers...), []string{m.token}, missing(s, m)),
					}
				}
			}
		}
		return nil
	})
}

func missing(to *peer, m message) Step {
	return Step{Kind: Missing, From: serverName, To: to.name, Data: []byte(m.token)}
}

func received(n map[string]int, messages []message) int {
	got := 0
	for _, m := range messages {
		if n[m.token] > 0 {
			got++
		}
	}
	return got
}

func (t *traffic) deafCause(first int) string {
	switch got := len(t.subscribers) - len(t.deaf); {
	case got == 0:
		return "Messages reach a single subscriber and not several: look at how subscribers are kept in a list."
	case first > 0:
		return "The server keeps one subscriber instead of a list of them, or the loop over subscribers ends after the first (a return or break in it, or an error)."
	default:
		return "Each new subscriber takes the place of the one before: keep a list, and append to it."
	}
}

func nothingLost(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		for _, s := range t.subscribers {
			n := counts(s)
			for _, p := range t.publishers {
				own := t.of(p)
				i := slices.IndexFunc(own, func(m message) bool { return n[m.token] == 0 })
				if i < 0 {
					continue
				}
				near := own[i:min(i+2, len(own))]
				if i > 0 {
					near = own[i-1 : min(i+2, len(own))]
				}
				return &finding{
					what:  fmt.Sprintf("%s sent %d messages, and %s received %d of them; number %d is the first that is missing.", sentence(p.name)[:len(p.name)], len(own), s.name, received(n, own), i+1),
					cause: lostCause(i, len(own)-received(n, own), own[i], t.texts[own[i].token]),
					slice: t.room.slice([]*peer{p, s}, tokensOf(near), missing(s, own[i])),
				}
			}
		}
		return nil
	})
}

func lostCause(first, count int, m message, text bool) string {
	switch {
	case first == 0 && count == 1:
		return "The first message of a publisher is thrown away: after the role, the server reads once without using what it read."
	case text:
		return "This message holds more than letters: it is split, decoded or escaped in a way that loses it."
	default:
		return "Messages that arrive together are not all passed on: one recv is not one message. Split what was received at the newlines, and keep the rest for the next recv."
	}
}

func tokensOf(messages []message) []string {
	tokens := make([]string, len(messages))
	for i, m := range messages {
		tokens[i] = m.token
	}
	return tokens
}

func nothingDoubled(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		for _, s := range t.subscribers {
			n := counts(s)
			for _, m := range t.messages {
				if n[m.token] > 1 {
					return &finding{
						what:  fmt.Sprintf("%s sent a message once, and %s received it %d times.", sentence(m.from.name)[:len(m.from.name)], s.name, n[m.token]),
						cause: "The message is sent in two places, a subscriber is in the list twice, or a buffer is not emptied after it was used.",
						slice: t.mark(t.room.slice([]*peer{m.from, s}, []string{m.token}), s, m.token, 1),
					}
				}
			}
		}
		return nil
	})
}

// mark calls wrong what a peer received of a token, but for the first so many times.
func (t *traffic) mark(steps []Step, p *peer, token string, right int) []Step {
	for i, s := range steps {
		if s.Kind == Sends && s.To == p.name && containsFold(s.Data, token) {
			if right--; right < 0 {
				steps[i].Kind = Wrong
			}
		}
	}
	return steps
}

func nothingInvented(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		sent := map[string]bool{}
		for _, m := range t.messages {
			sent[m.token] = true
		}
		own := ""
		if p := t.room.prober; p != nil {
			own = fmt.Sprintf("m%d-%s-", p.num, p.word)
		}
		for _, s := range t.subscribers {
			for _, seen := range s.seen() {
				if sent[seen.token] || own != "" && strings.HasPrefix(seen.token, own) {
					continue
				}
				f := &finding{
					what:  fmt.Sprintf("%s received %q, which no publisher sent.", sentence(s.name)[:len(s.name)], seen.raw),
					cause: "A buffer holds something of before: use only the part of it that recv() filled.",
					slice: t.mark(t.room.slice([]*peer{s}, []string{seen.token}), s, seen.token, 0),
				}
				if seen.token == t.stray.token {
					f.what = fmt.Sprintf("A subscriber said something, and %s received it as if a publisher had.", s.name)
					f.cause = "What any client says is passed on; look at its role first."
					f.slice = t.mark(t.room.slice([]*peer{t.stray.from, s}, []string{seen.token}), s, seen.token, 0)
				}
				return f
			}
		}
		return nil
	})
}

func nothingAltered(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		for _, s := range t.subscribers {
			data := string(s.in.Bytes())
			raw := map[string]string{}
			for _, seen := range s.seen() {
				raw[seen.token] = seen.raw
			}
			for _, m := range t.messages {
				switch got := raw[m.token]; {
				case got == "": // lost
				case got != m.token:
					return t.altered(s, m, "Letters are changed to upper case: compare the role without changing the message.")
				case !arrived(data, m.text):
					return t.altered(s, m, "The message is split, stripped, cut, formatted or decoded on its way: pass it on as it came.")
				}
			}
		}
		return nil
	})
}

func (t *traffic) altered(s *peer, m message, cause string) *finding {
	return &finding{
		what:  fmt.Sprintf("%s sent %q, and %s received something else.", sentence(m.from.name)[:len(m.from.name)], m.text, s.name),
		cause: cause,
		slice: t.mark(t.room.slice([]*peer{m.from, s}, []string{m.token}), s, m.token, 0),
	}
}

func orderPerPublisher(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		place, from := map[string]int{}, map[string]*peer{}
		for i, m := range t.messages {
			place[m.token], from[m.token] = i, m.from
		}
		for _, s := range t.subscribers {
			newest := map[*peer]string{}
			came := map[string]bool{}
			for _, seen := range s.seen() {
				p := from[seen.token]
				if p == nil || came[seen.token] {
					continue
				}
				came[seen.token] = true
				if before := newest[p]; before != "" && place[before] > place[seen.token] {
					return &finding{
						what:  fmt.Sprintf("%s sent %q before %q, and %s received them the other way round.", sentence(p.name)[:len(p.name)], seen.token, before, s.name),
						cause: "Each message has a thread (or task) of its own, and they overtake each other; one thread for each client, which sends one message after the other, keeps the order.",
						slice: t.mark(t.room.slice([]*peer{p, s}, []string{seen.token, before}), s, seen.token, 0),
					}
				}
				newest[p] = seen.token
			}
		}
		return nil
	})
}

// receipt is how servers tell a publisher that its message was sent: quoting it there is no echo.
var receipt = []string{"sent", "ack", "ok", "deliver", "received", "published"}

func notToPublishers(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		for _, p := range t.publishers {
			own := map[string]bool{}
			for _, m := range t.of(p) {
				own[m.token] = true
			}
			for _, seen := range p.seen() {
				line := strings.ToLower(string(around(p.in.Bytes(), seen)))
				if own[seen.token] && slices.ContainsFunc(receipt, func(word string) bool { return strings.Contains(line, word) }) {
					continue
				}
				whose := "a message"
				if own[seen.token] {
					whose = "its own message"
				}
				return &finding{
					what:  fmt.Sprintf("%s received %s; only subscribers should.", sentence(p.name)[:len(p.name)], whose),
					cause: "The loop that sends runs over all clients: run it over the subscribers only.",
					slice: t.mark(t.room.slice([]*peer{p}, []string{seen.token}), p, seen.token, 0),
				}
			}
		}
		return nil
	})
}

// plain are the messages that a peer received which were a token and nothing else, the first time each.
func (t *traffic) plain(s *peer) map[string]sighting {
	sent := map[string]bool{}
	for _, m := range t.messages {
		sent[m.token] = !t.texts[m.token]
	}
	plain := map[string]sighting{}
	for _, seen := range s.seen() {
		if _, again := plain[seen.token]; sent[seen.token] && !again {
			plain[seen.token] = seen
		}
	}
	return plain
}

func hasPrefix(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		for _, s := range t.subscribers {
			plain := t.plain(s)
			for _, m := range t.messages {
				if seen, ok := plain[m.token]; ok && seen.decoration == "" {
					return &finding{
						what:  fmt.Sprintf("%s received %q, and nothing that says who sent it.", sentence(s.name)[:len(s.name)], m.token),
						cause: "The message is sent on as it came; put [FROM ip:port] before it.",
						slice: t.mark(t.room.slice([]*peer{m.from, s}, []string{m.token}), s, m.token, 0),
					}
				}
			}
		}
		return nil
	})
}

func rightSender(ctx context.Context, g *grader) (*finding, error) {
	return judged(ctx, g, func(t *traffic) *finding {
		a, b := t.publishers[0], t.publishers[1]
		for _, s := range t.subscribers {
			plain := t.plain(s)
			var words [2]map[string]int // how often each word decorates messages of one
			var total [2]int
			for i, p := range []*peer{a, b} {
				other := []*peer{b, a}[i]
				words[i] = map[string]int{}
				for _, m := range t.of(p) {
					seen, ok := plain[m.token]
					if !ok {
						continue
					}
					total[i]++
					said := wordsOf(seen.decoration)
					for word := range said {
						words[i][word]++
					}
					if said[other.port()] && !said[p.port()] {
						return t.wrongSender(s, m, fmt.Sprintf("%s received a message of %s, and it says that it is of %s (port %s).", sentence(s.name)[:len(s.name)], p.name, other.name, other.port()))
					}
				}
			}
			if !tells(words[0], total[0], words[1]) || !tells(words[1], total[1], words[0]) {
				return t.wrongSender(s, t.of(a)[1], fmt.Sprintf("What comes with messages at %s does not tell %s and %s apart.", s.name, a.name, b.name))
			}
		}
		return nil
	})
}

func (t *traffic) wrongSender(s *peer, m message, what string) *finding {
	other := t.publishers[0]
	if m.from == other {
		other = t.publishers[1]
	}
	near := t.of(other)[0]
	return &finding{
		what:  what,
		cause: "What stands before messages names nobody (put the sender's address there), or the address is in a variable that all clients share (pass each client's to its own thread).",
		slice: t.mark(t.room.slice([]*peer{m.from, other, s}, []string{m.token, near.token}), s, m.token, 0),
	}
}

// wordsOf are the words of a decoration, without what separates them.
func wordsOf(decoration string) map[string]bool {
	words := map[string]bool{}
	for _, word := range strings.FieldsFunc(decoration, func(r rune) bool { return strings.ContainsRune(" \t\r\n:[](){}<>\"',;=|", r) }) {
		words[word] = true
	}
	return words
}

// tells says whether a word is with all messages of one publisher and with none of the other.
func tells(words map[string]int, total int, other map[string]int) bool {
	for word, n := range words {
		if n == total && other[word] == 0 {
			return true
		}
	}
	return false
}
