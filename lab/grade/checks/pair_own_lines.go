package checks

import (
	"bytes"
	"context"
	"fmt"

	"pubsublab/lab/grade/harness"
)

// pairOwnLines is the check pair-own-lines:
//
//	typed, each when the one before was shown: m1, m2, ...
//	a publisher ──m1, m2, ...──▶ server ──▶ a subscriber shows: m1
//	                                                            m2
//
// What is typed together may come together, and is not judged.
var pairOwnLines = Check{
	ID:     "pair-own-lines",
	Title:  "each message is shown on a line of its own",
	From:   "A3, A7",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run:    onPair(1, 1, runPairOwnLines),
}

func runPairOwnLines(ctx context.Context, p *pair) *harness.Finding {
	t := p.talked(ctx)
	slow := map[string]harness.Message{}
	for _, m := range t.slow {
		slow[m.Token] = m
	}
	for _, s := range p.subscribers {
		data, apart := s.Received.Bytes(), 0
		var before, glued harness.Occurrence
		for _, seen := range s.Seen() {
			if _, ours := slow[seen.Token]; !ours {
				continue
			}
			if before.Token != "" && before.Token != seen.Token {
				if bytes.ContainsAny(data[before.End:seen.Start], "\r\n") {
					apart++
				} else {
					glued = seen
				}
			}
			before = seen
		}
		if glued.Token == "" || apart > 0 { // sometimes is another matter: what was late came with the next
			continue
		}
		line := data[bytes.LastIndexByte(data[:glued.Start], '\n')+1:]
		line = line[:min(len(line), 80)]
		return &harness.Finding{
			What:    fmt.Sprintf("%s showed messages that were typed one after the other on one line: %q.", upper(s.Name), line),
			Cause:   "Nothing ends the line: the subscriber prints what it receives as it comes, and the newline was not sent. Print each message with a newline.",
			Excerpt: p.story(slow[glued.Token].From, s, glued.Token),
		}
	}
	return nil
}
