package history

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// ticks is a publisher that sends few different texts.
func ticks(name string, lines int, texts ...string) Publisher {
	pub := Publisher{Name: name, Acked: lines}
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
	report := Check(History{Publishers: []Publisher{pub}, Subscribers: []Subscriber{complete("sub-1", lines...)}})
	require.Equal(t, "5,000 lines from 1 publisher to 1 subscriber: 1 lost\n"+
		`sub-1: lost 1 line of "ada": #4,001 "tock"`, bare(report))
}

// Which of several equal lines came to one that joined late and left early, its position says: what
// is at that position somebody knows who has everything. Without it nobody knows.
func TestRepeatsArePlacedByTheirPositions(t *testing.T) {
	pubs := []Publisher{ticks("ada", 6, "tick"), {Name: "eve", Sent: []string{"a", "b", "c"}, Acked: 3}}
	all := complete("sub-1", "ada: tick", "ada: tick", "eve: a", "ada: tick", "ada: tick", "eve: b", "ada: tick", "eve: c", "ada: tick")
	for i := range all.Received {
		all.Received[i].Pos = uint64(i + 1)
	}
	late := slices.Clone(all.Received[3:8])
	h := History{Publishers: pubs, Subscribers: []Subscriber{{Name: "sub-2", Received: late}, all}}
	require.True(t, Check(h).OK(), Check(h))

	h.Subscribers[0].Received = slices.Delete(slices.Clone(late), 3, 4)
	require.Equal(t, "9 lines from 2 publishers to 2 subscribers: 1 skipped\n"+
		`sub-2: skipped 1 message before line 4, the first is #5 "tick" of "ada", which sub-1 received`, bare(Check(h)))

	for i := range late {
		late[i].Pos = 0
	}
	h.Subscribers[0].Received = late
	report := Check(h)
	require.Empty(t, report.Faults)
	require.False(t, report.OK())
	require.Equal(t, "9 lines from 2 publishers to 2 subscribers: "+
		"unknown which lines 3 messages are: texts repeat, and there are no positions", report.String())
}

// What is where is known of the one who was there first. It tells it of the next, and that one of the
// last, who shares no position with the first.
func TestPositionsPlaceOneByOne(t *testing.T) {
	received := func(first, last int) (m []Message) {
		for pos := first; pos <= last; pos++ {
			m = append(m, Message{Pos: uint64(pos), From: "ada", Line: "tick"})
		}
		return m
	}
	report := Check(History{Publishers: []Publisher{ticks("ada", 9, "tick")}, Subscribers: []Subscriber{
		{Name: "last", ToEnd: true, Received: received(6, 9)},
		{Name: "next", Received: received(4, 7)},
		{Name: "first", FromFirst: true, Received: received(1, 5)},
	}})
	require.True(t, report.OK(), report)
}

// One that has everything and lost one of many equal lines: the position says which.
func TestLostAmongEqualLines(t *testing.T) {
	all, less := complete("sub-1"), complete("sub-2")
	for i := range 6 {
		m := Message{Pos: uint64(i + 1), From: "ada", Line: "tick"}
		all.Received = append(all.Received, m)
		if i != 2 {
			less.Received = append(less.Received, m)
		}
	}
	report := Check(History{Publishers: []Publisher{ticks("ada", 6, "tick")}, Subscribers: []Subscriber{less, all}})
	require.Equal(t, "6 lines from 1 publisher to 2 subscribers: 1 lost\n"+`sub-2: lost 1 line of "ada": #3 "tick"`, bare(report))
}

// Two that each saw a part contradict each other: no publisher's lines change their order.
func TestOneOrderOfItsLines(t *testing.T) {
	report := Check(History{Publishers: two(), Others: true, Subscribers: []Subscriber{
		{Name: "sub-1", Received: []Message{{Pos: 7, From: "ada", Line: "one"}}},
		{Name: "sub-2", Received: []Message{{Pos: 5, From: "ada", Line: "two"}}},
	}})
	require.Equal(t, "9 lines from 2 publishers to 2 subscribers: 1 in another order\n"+
		`sub-1: received #1 "one" of "ada" at position 7, and sub-2 received #2 "two" of "ada" before it at position 5`, bare(report))
}

// Beyond the limit of the exact alignment the explanation may not be the shortest one, but there is
// one, soon.
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
	report := Check(History{Publishers: []Publisher{pub}, Subscribers: []Subscriber{complete("sub-1", lines...)}})
	require.False(t, report.OK())
	found := 0
	for _, n := range report.Counts {
		found += n
	}
	require.GreaterOrEqual(t, found, 5_999)
	require.Equal(t, 5_999, report.Counts[Lost]-report.Counts[Duplicated], fmt.Sprint(report.Counts))
}

// A large block is lost: far more differences than the exact alignment takes, but the texts before
// and after it tell.
func TestLargeBlockIsLost(t *testing.T) {
	pub := Publisher{Name: "ada", Acked: 20_000}
	for i := range pub.Acked {
		pub.Sent = append(pub.Sent, fmt.Sprint("line ", i-i%4), "")
	}
	pub.Sent = pub.Sent[:pub.Acked]
	var lines []string
	for _, text := range slices.Concat(pub.Sent[:4000], pub.Sent[14_000:]) {
		lines = append(lines, "ada: "+text)
	}
	report := Check(History{Publishers: []Publisher{pub}, Subscribers: []Subscriber{complete("sub-1", lines...)}})
	require.Equal(t, map[Kind]int{Lost: 10_000}, report.Counts)
	require.Len(t, report.Faults, 1)
}
