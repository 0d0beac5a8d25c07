package checks

import (
	"context"
	"fmt"
	"strings"

	"pubsublab/lab/grade/harness"
)

// rightSender is the check right-sender:
//
//	publisher 1 ──m──▶ server ──[FROM publisher 1] : m──▶ subscriber
//	publisher 2 ──n──▶ server ──[FROM publisher 2] : n──▶ subscriber
var rightSender = Check{
	ID:     "right-sender",
	Title:  "who sent it is right",
	From:   "A8",
	Needs:  []string{"has-prefix", "all-receive-all"},
	Alone:  true,
	Socket: true,
	Ahead:  makeTrafficAhead,
	Run:    runRightSender,
}

func runRightSender(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return judgeTraffic(ctx, g, func(t *traffic) *harness.Finding {
		a, b := t.publishers[0], t.publishers[1]
		for _, s := range t.subscribers {
			plain := t.plain(s)
			var words [2]map[string]int // how often each word decorates messages of one
			var total [2]int
			for i, p := range []*harness.Participant{a, b} {
				other := []*harness.Participant{b, a}[i]
				words[i] = map[string]int{}
				for _, m := range t.of(p) {
					seen, ok := plain[m.Token]
					if !ok {
						continue
					}
					total[i]++
					said := wordsOf(seen.Decoration)
					for word := range said {
						words[i][word]++
					}
					if said[other.Port()] && !said[p.Port()] {
						return t.wrongSender(s, m, fmt.Sprintf("%s received a message of %s, and it says that it is of %s (port %s).", harness.Sentence(s.Name)[:len(s.Name)], p.Name, other.Name, other.Port()))
					}
				}
			}
			if !tells(words[0], total[0], words[1]) || !tells(words[1], total[1], words[0]) {
				return t.wrongSender(s, t.of(a)[1], fmt.Sprintf("What comes with messages at %s does not tell %s and %s apart.", s.Name, a.Name, b.Name))
			}
		}
		return nil
	})
}

func (t *traffic) wrongSender(s *harness.Participant, m harness.Message, what string) *harness.Finding {
	other := t.publishers[0]
	if m.From == other {
		other = t.publishers[1]
	}
	near := t.of(other)[0]
	return &harness.Finding{
		What:    what,
		Cause:   "What stands before messages names nobody (put the sender's address there), or the address is in a variable that all clients share (pass each client's to its own thread).",
		Excerpt: t.mark(t.server.Excerpt([]*harness.Participant{m.From, other, s}, []string{m.Token, near.Token}), s, m.Token, 0),
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

// tells reports whether a word is with all messages of one publisher and with none of the other.
func tells(words map[string]int, total int, other map[string]int) bool {
	for word, n := range words {
		if n == total && other[word] == 0 {
			return true
		}
	}
	return false
}
