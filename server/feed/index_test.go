package feed

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
	"pubsublab/server/journal/journaltest"
)

// wanting is what index.each finds, the slow way.
func (x *index) wanting(e *journal.Entry) map[*feed]int {
	wanting := map[*feed]int{}
	for _, f := range x.feeds {
		if e.Event == nil && f.filter.Match(e.Topic) || e.Event != nil && (f.format.Events() || e.Event.Kind == protocol.Gap) {
			wanting[f]++
		}
	}
	return wanting
}

// requireIndex asserts that the index finds just the feeds that e is for, each once, and that what
// it remembers is what its numbers say, and bounded.
func requireIndex(t *testing.T, x *index, e *journal.Entry) {
	t.Helper()
	for range 2 { // as found, and as remembered
		found := map[*feed]int{}
		x.each(e, func(f *feed) { found[f]++ })
		require.Equal(t, x.wanting(e), found, "P11: topic %q", e.Topic)
	}
	size := 0
	for _, feeds := range x.known {
		size += len(feeds)
	}
	require.Equal(t, size, x.size)
	require.LessOrEqual(t, size, maxKnownFeeds)
	require.LessOrEqual(t, len(x.known), maxKnownTopics)
}

func TestP11IndexAgainstALookAtEachFeed(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	word := func(words ...string) string { return words[rng.IntN(len(words))] }
	x := newIndex()
	for range 1_000 {
		switch rng.IntN(4) {
		case 0, 1: // a feed comes, or goes
			tokens := make([]string, rng.IntN(5))
			for i := range tokens {
				tokens[i] = word("a", "b", "c", "*")
			}
			if rng.IntN(4) == 0 {
				tokens = append(tokens, ">")
			}
			f := &feed{key: key{journaltest.Filter(t, strings.Join(tokens, ".")), formats[rng.IntN(len(formats))]}}
			if known := x.feeds[f.key]; known != nil {
				x.remove(known)
			} else {
				x.add(f)
			}
		case 2:
			e := journal.Entry{Event: &protocol.Event{Kind: []protocol.EventKind{protocol.Joined, protocol.Left, protocol.Gap}[rng.IntN(3)]}}
			requireIndex(t, &x, &e)
		default:
			topic := make([]string, rng.IntN(7))
			for i := range topic {
				topic[i] = word("a", "b", "c", "d")
			}
			requireIndex(t, &x, &journal.Entry{Topic: strings.Join(topic, ".")})
		}
	}
	for _, f := range x.feeds {
		x.remove(f)
	}
	require.Empty(t, x.shapes)
	require.Empty(t, x.events)
	require.Empty(t, x.wanting(&journal.Entry{}))
}

// What the index remembers does not grow with what clients choose.
func TestIndexIsBounded(t *testing.T) {
	x := newIndex()
	for n := range 1 << 9 { // all of them match
		tokens := make([]string, 9)
		for i := range tokens {
			tokens[i] = []string{"x", "*"}[n>>i&1]
		}
		x.add(&feed{key: key{journaltest.Filter(t, strings.Join(tokens, ".")), protocol.Plain}})
	}
	topic := strings.TrimSuffix(strings.Repeat("x.", 9), ".")
	requireIndex(t, &x, &journal.Entry{Topic: topic})
	require.Equal(t, 1<<9, x.size)
	for n := range 3 * maxKnownTopics {
		requireIndex(t, &x, &journal.Entry{Topic: fmt.Sprint("other.", n)})
		if n%64 == 0 { // is forgotten, and found again
			tokens := strings.Split(topic, ".")
			tokens[n/64%9] = "y"
			requireIndex(t, &x, &journal.Entry{Topic: strings.Join(tokens, ".")})
		}
	}
	for n := range 1 << 5 {
		f := &feed{key: key{journaltest.Filter(t, fmt.Sprintf("more.%d", n)), protocol.TSV}}
		x.add(f)
		x.remove(f)
	}
	require.Equal(t, 1<<9, len(x.shapes))
}
