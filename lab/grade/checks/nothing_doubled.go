package checks

import (
	"context"
	"fmt"

	"pubsublab/lab/grade/harness"
)

// nothingDoubled is the check nothing-doubled:
//
//	publisher ──m──▶ server ──m──▶ each subscriber      once
var nothingDoubled = Check{
	ID:    "nothing-doubled",
	Title: "no message comes twice",
	From:  "A7",
	Needs: []string{"server-delivers", "pair-not-doubled"},
	Alone: true,
	Ahead: makeTrafficAhead,
	Run:   runNothingDoubled,
}

func runNothingDoubled(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return judgeTraffic(ctx, g, func(t *traffic) *harness.Finding {
		for _, s := range t.subscribers {
			n := counts(s)
			for _, m := range t.messages {
				if n[m.Token] > 1 {
					return &harness.Finding{
						What:    fmt.Sprintf("%s sent a message once, and %s received it %d times.", harness.Sentence(m.From.Name)[:len(m.From.Name)], s.Name, n[m.Token]),
						Cause:   "The message is sent in two places, a subscriber is in the list twice, or a buffer is not emptied after it was used.",
						Excerpt: t.mark(t.server.Excerpt([]*harness.Participant{m.From, s}, []string{m.Token}), s, m.Token, 1),
					}
				}
			}
		}
		return nil
	})
}
