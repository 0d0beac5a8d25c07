package checks

import (
	"context"
	"fmt"
	"slices"

	"pubsublab/lab/grade/harness"
)

// nothingLost is the check nothing-lost:
//
//	publisher ──m1, m2, m3──▶ server ──m1, m2, m3──▶ each subscriber
var nothingLost = Check{
	ID:     "nothing-lost",
	Title:  "no message is lost",
	From:   "A7",
	Needs:  []string{"all-receive-all"},
	Echoes: []string{"pair-together"},
	Alone:  true,
	Ahead:  makeTrafficAhead,
	Run:    runNothingLost,
}

func runNothingLost(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return judgeTraffic(ctx, g, func(t *traffic) *harness.Finding {
		for _, s := range t.subscribers {
			n := counts(s)
			for _, p := range t.publishers {
				// What holds more than a token is nothing-altered's.
				own := slices.DeleteFunc(t.of(p), func(m harness.Message) bool { return t.texts[m.Token] })
				i := slices.IndexFunc(own, func(m harness.Message) bool { return n[m.Token] == 0 })
				if i < 0 {
					continue
				}
				near := own[i:min(i+2, len(own))]
				if i > 0 {
					near = own[i-1 : min(i+2, len(own))]
				}
				return &harness.Finding{
					What:    fmt.Sprintf("%s sent %d messages, and %s received %d of them; number %d is the first that is missing.", harness.Sentence(p.Name)[:len(p.Name)], len(own), s.Name, received(n, own), i+1),
					Cause:   lostCause(i, len(own)-received(n, own)),
					Excerpt: t.server.Excerpt([]*harness.Participant{p, s}, harness.Tokens(near), harness.MissingStep(s, own[i])),
				}
			}
		}
		return nil
	})
}

func lostCause(first, count int) string {
	switch {
	case first == 0 && count == 1:
		return "The first message of a publisher is thrown away: after the role, the server reads once without using what it read."
	default:
		return "Messages that arrive together are not all passed on: one recv is not one message. Split what was received at the newlines, and keep the rest for the next recv."
	}
}
