package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pubsublab/lab/grade/harness"
)

// notToPublishers is the check not-to-publishers:
//
//	publisher 1 ──m──▶ server ──m──▶ each subscriber
//	                   server ──nothing──▶ publisher 1, 2
var notToPublishers = Check{
	ID:     "not-to-publishers",
	Title:  "publishers receive no messages",
	From:   "A7",
	Needs:  []string{"server-delivers", "pair-not-to-publishers"},
	Alone:  true,
	Socket: true,
	Ahead:  makeTrafficAhead,
	Run:    runNotToPublishers,
}

// receipt is how servers tell a publisher that its message was sent: quoting it there is no echo.
var receipt = []string{"sent", "ack", "ok", "deliver", "received", "published"}

func runNotToPublishers(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return judgeTraffic(ctx, g, func(t *traffic) *harness.Finding {
		for _, p := range t.publishers {
			own := map[string]bool{}
			for _, m := range t.of(p) {
				own[m.Token] = true
			}
			for _, seen := range p.Seen() {
				line := strings.ToLower(string(harness.Around(p.Received.Bytes(), seen)))
				if own[seen.Token] && slices.ContainsFunc(receipt, func(word string) bool { return strings.Contains(line, word) }) {
					continue
				}
				whose := "a message"
				if own[seen.Token] {
					whose = "its own message"
				}
				return &harness.Finding{
					What:    fmt.Sprintf("%s received %s; only subscribers should.", harness.Sentence(p.Name)[:len(p.Name)], whose),
					Cause:   "The loop that sends runs over all clients: run it over the subscribers only.",
					Excerpt: t.mark(t.server.Excerpt([]*harness.Participant{p}, []string{seen.Token}), p, seen.Token, 0),
				}
			}
		}
		return nil
	})
}
