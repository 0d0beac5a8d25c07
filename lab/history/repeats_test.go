package history

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// ticks is a publisher that sends few different texts.
func ticks(name string, lines int, texts ...string) Publisher {
	pub := Publisher{Name: name, Sure: lines}
	for i := range lines {
		pub.Sent = append(pub.Sent, texts[i%len(texts)])
	}
	return pub
}

func TestOneOfManyEqualLinesIsLost(t *testing.T) {
	pub := ticks("ada", 5000, "tick", "tock", "")
	var lines []string
	for i, text := range pub.Sent {
		if i != 4000 {
			lines = append(lines, "ada: "+text)
		}
	}
	report := Check(History{[]Publisher{pub}, []Subscriber{complete("sub-1", lines...)}})
	require.Equal(t, "5,000 lines from 1 publisher to 1 subscriber: 1 lost\n"+
		`sub-1: lost 1 line of "ada": #4,001 "tock" (between #4,000 and #4,002)`, report.String())
}

// One that joined late and left early, whose lines repeat, is placed by the order of all publishers together; and if
// that does not fit, as nearly as possible.
func TestRepeatsArePlacedByTheReference(t *testing.T) {
	pubs := []Publisher{ticks("ada", 6, "tick"), {Name: "eve", Sent: []string{"a", "b", "c"}, Sure: 3}}
	all := []string{"ada: tick", "ada: tick", "eve: a", "ada: tick", "ada: tick", "eve: b", "ada: tick", "eve: c", "ada: tick"}
	h := History{pubs, []Subscriber{complete("sub-1", all...), {Name: "sub-2", Received: receivedLines(all[3:8]...)}}}
	require.True(t, Check(h).OK(), Check(h))

	h.Subscribers[1].Received = receivedLines("ada: tick", "eve: b", "eve: c", "ada: tick")
	require.Equal(t, "9 lines from 2 publishers to 2 subscribers: 1 in another order\n"+
		`sub-2: received #3 "c" of "eve", as line 3, before #5 "tick" of "ada", sub-1 the other way round`, Check(h).String())
}

// Beyond the limit of the exact alignment the explanation may not be the shortest one, but there is one, soon.
func TestManyDifferencesOfFewTexts(t *testing.T) {
	pub := ticks("ada", 30_000, "tick", "tock", "tack")
	pub.Sent[15_000] = "noon"
	everyFifth := func(i int) bool { return i%5 == 0 && i != 15_000 }
	var lines []string
	for i, text := range pub.Sent {
		if !everyFifth(i) {
			lines = append(lines, "ada: "+text)
		}
	}
	report := Check(History{[]Publisher{pub}, []Subscriber{complete("sub-1", lines...)}})
	require.False(t, report.OK())
	found := 0
	for _, n := range report.Counts {
		found += n
	}
	require.GreaterOrEqual(t, found, 5_999)
	require.Equal(t, 5_999, report.Counts[Lost]-report.Counts[Duplicated], fmt.Sprint(report.Counts))
}

// A large block is lost: far more differences than the exact alignment takes, but the texts before and after it tell.
func TestLargeBlockIsLost(t *testing.T) {
	pub := Publisher{Name: "ada", Sure: 20_000}
	for i := range pub.Sure {
		pub.Sent = append(pub.Sent, fmt.Sprint("line ", i-i%4), "")
	}
	pub.Sent = pub.Sent[:pub.Sure]
	var lines []string
	for _, text := range slices.Concat(pub.Sent[:4000], pub.Sent[14_000:]) {
		lines = append(lines, "ada: "+text)
	}
	report := Check(History{[]Publisher{pub}, []Subscriber{complete("sub-1", lines...)}})
	require.Equal(t, map[Kind]int{Lost: 10_000}, report.Counts)
	require.Len(t, report.Faults, 1)
}
