package checks

import (
	"context"
	"fmt"
	"slices"

	"pubsublab/lab/grade/harness"
)

// pairOrder is the check pair-order:
//
//	typed, every 15 ms: m1, m2, ... m20
//	pasted at once: m21, m22, ... m60
//	a publisher ──▶ server ──▶ each subscriber shows: m1, m2, ... m60
//
// Those that are lost are another check's business: where one read is one message, two that come
// together cannot be told apart.
var pairOrder = Check{
	ID:     "pair-order",
	Title:  "messages of one publisher are shown in their order",
	From:   "A7",
	Needs:  []string{"pair-works"},
	Client: true,
	Pair:   true,
	Run:    onPair(1, 1, runPairOrder),
}

func runPairOrder(ctx context.Context, p *pair) *harness.Finding {
	t := p.talked(ctx)
	place := map[string]int{}
	all := slices.Concat(t.quick, t.paste)
	for i, m := range all {
		place[m.Token] = i
	}
	for _, s := range p.subscribers {
		newest := -1
		came := map[string]bool{}
		for _, seen := range s.Seen() {
			i, ours := place[seen.Token]
			if !ours || came[seen.Token] {
				continue
			}
			came[seen.Token] = true
			if i > newest {
				newest = i
				continue
			}
			before, from := all[newest].Token, all[i].From
			return &harness.Finding{
				What:    fmt.Sprintf("%q was typed at %s before %q, and %s showed them the other way round.", seen.Token, from.Name, before, s.Name),
				Cause:   "Each message gets a thread (or a goroutine, or a task) of its own, and these overtake each other: let one thread handle the messages of one client, one after the other.",
				Excerpt: p.Excerpt([]*harness.Participant{from, s}, []string{seen.Token, before}),
			}
		}
	}
	return nil
}
