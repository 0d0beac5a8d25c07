package checks

import (
	"context"
	"fmt"
	"strings"

	"pubsublab/lab/grade/harness"
)

// nothingInvented is the check nothing-invented:
//
//	subscriber 1 ──x──▶ server ──x is nobody's message──▶ nobody
var nothingInvented = Check{
	ID:     "nothing-invented",
	Title:  "nothing comes that no publisher sent",
	From:   "A7",
	Needs:  []string{"server-delivers"},
	Alone:  true,
	Socket: true,
	Ahead:  makeTrafficAhead,
	Run:    runNothingInvented,
}

func runNothingInvented(ctx context.Context, g *Suite) (*harness.Finding, error) {
	return judgeTraffic(ctx, g, func(t *traffic) *harness.Finding {
		sent := map[string]bool{}
		for _, m := range t.messages {
			sent[m.Token] = true
		}
		own := ""
		if p := t.server.Prober; p != nil {
			own = fmt.Sprintf("m%d-%s-", p.Number, p.Word)
		}
		for _, s := range t.subscribers {
			for _, seen := range s.Seen() {
				if sent[seen.Token] || own != "" && strings.HasPrefix(seen.Token, own) {
					continue
				}
				f := &harness.Finding{
					What:    fmt.Sprintf("%s received %q, which no publisher sent.", harness.Sentence(s.Name)[:len(s.Name)], seen.Raw),
					Cause:   "A buffer holds something of before: use only the part of it that recv() filled.",
					Excerpt: t.mark(t.server.Excerpt([]*harness.Participant{s}, []string{seen.Token}), s, seen.Token, 0),
				}
				if seen.Token == t.stray.Token {
					f.What = fmt.Sprintf("A subscriber said something, and %s received it as if a publisher had.", s.Name)
					f.Cause = "What any client says is passed on; look at its role first."
					f.Excerpt = t.mark(t.server.Excerpt([]*harness.Participant{t.stray.From, s}, []string{seen.Token}), s, seen.Token, 0)
				}
				return f
			}
		}
		return nil
	})
}
