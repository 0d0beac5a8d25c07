package checks

import (
	"context"
	"fmt"

	"pubsublab/lab/grade/harness"
)

// hasPrefix is the check has-prefix:
//
//	publisher ──m──▶ server ──[FROM publisher] : m──▶ subscriber
var hasPrefix = Check{
	ID:     "has-prefix",
	Title:  "a message comes with who sent it",
	From:   "A8",
	Needs:  []string{"server-delivers"},
	Alone:  true,
	Socket: true,
	Ahead:  makeTrafficAhead,
	Run:    runHasPrefix,
}

func runHasPrefix(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return judgeTraffic(ctx, g, func(t *traffic) *harness.Finding {
		for _, s := range t.subscribers {
			plain := t.plain(s)
			for _, m := range t.messages {
				if seen, ok := plain[m.Token]; ok && seen.Decoration == "" {
					return &harness.Finding{
						What:    fmt.Sprintf("%s received %q, and nothing that says who sent it.", harness.Sentence(s.Name)[:len(s.Name)], m.Token),
						Cause:   "The message is sent on as it came; put [FROM ip:port] before it.",
						Excerpt: t.mark(t.server.Excerpt([]*harness.Participant{m.From, s}, []string{m.Token}), s, m.Token, 0),
					}
				}
			}
		}
		return nil
	})
}
