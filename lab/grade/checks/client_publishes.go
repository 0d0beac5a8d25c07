package checks

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"unicode"

	"pubsublab/lab/grade/harness"
)

// clientPublishes is the check client-publishes:
//
//	typed: m1, m2
//	a publisher ──m1, "Your message:", m2──▶ server      the client's own words
//	a subscriber shows: ... m1, ... Your message:, ... m2
//
// What else a client sends is its own business, as long as nobody is shown it as a message.
var clientPublishes = Check{
	ID:     "client-publishes",
	Title:  "nothing is published but what is typed",
	From:   "A3, A7",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run:    onPair(1, 1, runClientPublishes),
}

func runClientPublishes(ctx context.Context, p *pair) *harness.Finding {
	p.talked(ctx)
	for _, from := range p.publishers {
		for _, text := range between(from.Terminal().Sent()) {
			for _, s := range p.subscribers {
				if !shownAlone(s.Received.Bytes(), text) {
					continue
				}
				wrong := harness.Step{At: p.Now(), Kind: harness.Wrong, From: harness.ServerName, To: s.Name, Data: text}
				return &harness.Finding{
					What:    fmt.Sprintf("%s sent %q between two messages, which nobody had typed, and %s showed it as a message.", upper(from.Name), text, s.Name),
					Cause:   "What is meant for the publisher's own screen, as a question or a prompt, is sent to the server: print it instead.",
					Excerpt: append(p.Excerpt([]*harness.Participant{from, s}, []string{last(from)}), wrong),
				}
			}
		}
	}
	return nil
}

// between is what stands between the messages that a client sent, in parts as lines and zeros divide
// it, as far as it could be words.
func between(sent []byte) (parts [][]byte) {
	all := harness.Occurrences(sent)
	for i := 1; i < len(all); i++ {
		for part := range bytes.FieldsFuncSeq(sent[all[i-1].End:all[i].Start], func(r rune) bool { return r == '\n' || r == '\r' || r == 0 }) {
			part = bytes.TrimSpace(part)
			words := bytes.ContainsFunc(part, unicode.IsLetter)
			if known := slices.ContainsFunc(parts, func(p []byte) bool { return bytes.Equal(p, part) }); words && !known {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// shownAlone reports whether a text is shown as messages are, on a line of its own.
func shownAlone(shown, text []byte) bool {
	leads := leadsOf(shown)
	for line := range bytes.Lines(shown) {
		at := bytes.Index(line, text)
		if at >= 0 && !harness.TokenShape.Match(line) && leads[lead(line, at)] && bytes.Equal(bytes.TrimSpace(line[at:]), text) {
			return true
		}
	}
	return false
}
