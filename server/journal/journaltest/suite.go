package journaltest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
	"pubsublab/server/journal"
)

// Run runs all tests against journals that newJournal makes: empty, with so many bytes of history.
func Run(t *testing.T, newJournal func(t *testing.T, history int) journal.Journal) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *Rig)
	}{
		{"P9OrderAndPositions", orderAndPositions},
		{"NothingIsNoEntry", nothing},
		{"P12New", fromNew},
		{"P12Last", fromLast},
		{"P12Positions", fromPositions},
		{"P12AcrossBorders", acrossBorders},
		{"P12Missing", missing},
		{"P15EmptyLines", emptyLines},
		{"P16WaitsForTheSlowest", waits},
		{"P17Close", closing},
		{"AgainstAModel", againstAModel},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, NewRig(t, newJournal(t, journal.MinHistory)))
		})
	}
	for _, c := range runCases {
		t.Run("P15Runs/"+c.name, func(t *testing.T) {
			b := NewRig(t, newJournal(t, journal.MinHistory))
			b.Add(c.entries...)
			assert.Equal(t, c.want, b.Kept(protocol.FromFirst(), ""), "P15")
			assert.Equal(t, c.next, b.NextLine("ada", "r"), "P15")
			assert.Equal(t, c.want, Texts(b.Heard()))
		})
	}
}

func orderAndPositions(t *testing.T, b *Rig) {
	bob := Joined("bob")
	b.Add(Lines("ada: one two"), bob, Joined("eve"), Lines("bob#news: three"), Lines("ada: four"))
	assert.Zero(t, bob.Event.Time, "a caller's event is left alone")
	want := []string{"1 ada: one", "2 ada: two", "3 bob joined", "3 eve joined", "3 bob#news: three", "4 ada: four"}
	assert.Equal(t, want, b.Kept(protocol.FromFirst(), ""), "P9: the order of the calls; events in their place")
	assert.Equal(t, want, Texts(b.Heard()), "who watches is told each entry as it can be read")
	var before time.Time
	for _, e := range b.Heard() {
		assert.WithinDuration(t, time.Now(), e.Time, time.Minute)
		assert.False(t, e.Time.Before(before), "P13: times do not run backwards")
		before = e.Time
		assert.Equal(t, time.UTC, e.Time.Location())
		if e.Event != nil {
			assert.Equal(t, e.Time, e.Event.Time)
		}
	}
	assert.NoError(t, protocol.CheckName(b.ID()), "P4: journal= is written like a name")
}

func nothing(t *testing.T, b *Rig) {
	b.Add(journal.Entry{From: "ada", First: 1}, journal.Entry{From: "ada", Run: "r", First: 2})
	assert.Empty(t, b.Kept(protocol.FromFirst(), ""), "a rejected line is acknowledged, and is not in the order")
	assert.Empty(t, b.Heard())
}

func fromNew(t *testing.T, b *Rig) {
	first := b.Open(protocol.From{}, "")
	defer first.Release()
	assert.EqualValues(t, 1, first.Start.Next)
	b.Add(Lines("ada: one two"), Joined("bob"))
	second := b.Open(protocol.From{}, "")
	defer second.Release()
	assert.EqualValues(t, 3, second.Start.Next)
	assert.Empty(t, second.Rest(), "P12: not even the event before it")
	b.Add(Joined("eve"), Lines("ada: three"))
	assert.Equal(t, []string{"1 ada: one", "2 ada: two", "3 bob joined", "3 eve joined", "3 ada: three"}, first.Rest())
	assert.Equal(t, []string{"3 eve joined", "3 ada: three"}, second.Rest())
}

func fromLast(t *testing.T, b *Rig) {
	assert.Empty(t, b.Kept(protocol.FromLast(3), ""), "P12: of nothing")
	b.Add(Lines("ada#a: 1 2 3"), Joined("bob"), Lines("bob#b.c: 4 5"), Lines("eve: 6"), Joined("late"))
	for _, c := range []struct {
		filter string
		n      uint64
		next   uint64
		want   int // how many items come
	}{
		{"", 1, 6, 2},
		{"", 2, 5, 3},
		{"", 3, 4, 5},
		{"", 4, 3, 6},
		{"", 6, 1, 8},
		{"", 100, 1, 8},
		{"a", 1, 3, 6},
		{"a", 3, 1, 8},
		{"a", 9, 1, 8},
		{"b.*", 1, 5, 3},
		{"b.>", 2, 4, 5},
		{"b.>", 9, 4, 5},
		{">", 3, 3, 6},
		{"none", 1, 7, 1},
	} {
		r := b.Open(protocol.FromLast(c.n), c.filter)
		assert.Equal(t, c.next, r.Start.Next, "P12: from=-%d topic=%s", c.n, c.filter)
		assert.Zero(t, r.Start.Missing)
		assert.Len(t, r.Rest(), c.want, "P12: from=-%d topic=%s", c.n, c.filter)
		r.Release()
	}
}

func fromPositions(t *testing.T, b *Rig) {
	b.Add(Lines("ada: 1 2 3"))
	for pos, want := range map[uint64]uint64{1: 1, 3: 3, 4: 4, 5: 4, 1 << 62: 4} {
		r := b.Open(protocol.FromPosition(pos), "")
		assert.Equal(t, want, r.Start.Next, "P12: a position that is still to come is answered with the next one")
		assert.Len(t, r.Rest(), int(4-want))
		r.Release()
	}
}

// acrossBorders has three segments: messages 1 to 4096, 4097 to 8192 and 8193 to 8195, with events
// on both sides of every border and within.
func acrossBorders(t *testing.T, b *Rig) {
	const segment = 4096 // messages
	b.Add(Joined("first"))
	half := strings.Repeat("x ", segment/2)
	for n := range 2 {
		b.Add(Lines("ada#even: "+half), Joined(fmt.Sprint("middle", n)), Lines("bob#odd: "+half))
		b.Add(Joined(fmt.Sprint("after", n)))
	}
	b.Add(Lines("ada#even: y"), Joined("late"), Lines("bob#odd: z z"), Joined("last"))
	all := b.Kept(protocol.FromFirst(), "")
	const next = 2*segment + 4
	require.Len(t, all, next-1+7)
	for _, pos := range []uint64{1, 2, 2048, 2049, 2050, 4096, 4097, 4098, 6145, 8192, 8193, 8194, 8195, next} {
		r := b.Open(protocol.FromPosition(pos), "")
		require.Equal(t, pos, r.Start.Next)
		require.Zero(t, r.Start.Missing)
		got := r.Rest()
		r.Release()
		want := len(all)
		for i, item := range all {
			var at uint64
			fmt.Sscan(item, &at)
			if at >= pos {
				want = i
				break
			}
		}
		require.Equal(t, all[want:], append([]string{}, got...), "P12: from position %d, with the events right before it", pos)
		if pos < next {
			require.Equal(t, got, b.Kept(protocol.FromLast(next-pos), ""), "P12: the last %d", next-pos)
		}
	}
}

func missing(t *testing.T, b *Rig) {
	b.Add(Joined("first"))
	for n := range 20 {
		b.Add(Bulk(Eighth), Joined(fmt.Sprint("after", n)))
	}
	for _, from := range []protocol.From{
		protocol.FromPosition(1), protocol.FromPosition(2), protocol.FromPosition(13), protocol.FromPosition(14),
		protocol.FromPosition(20), protocol.FromPosition(21), protocol.FromFirst(), protocol.FromLast(1000),
	} {
		r := b.Open(from, "")
		begin := from.Position()
		if begin == 0 {
			assert.Zero(t, r.Start.Missing, "P12: what is kept is what was asked for, from=%s", from)
			begin = r.Start.Next
		}
		assert.Equal(t, begin, r.Start.Next-r.Start.Missing, "P12: from=%s", from)
		messages := uint64(0)
		for _, text := range r.Rest() {
			if !strings.HasSuffix(text, " joined") {
				messages++
			}
		}
		assert.Equal(t, 21-r.Start.Next, messages, "P12: missing and coming are all there is, from=%s", from)
		r.Release()
	}
}

func emptyLines(t *testing.T, b *Rig) {
	e := journal.Entry{From: "ada", Lines: []byte("\n\n\n"), Count: 3, Run: "r", First: 1}
	b.Add(e)
	e.First = 3
	b.Add(e)
	assert.Len(t, b.Kept(protocol.FromFirst(), ""), 5, "P15: of lines 3 to 5, line 3 is known")
}

// waits has a reader that takes nothing, and a publisher that has to stop.
func waits(t *testing.T, b *Rig) {
	slow := b.Open(protocol.FromFirst(), "")
	appended := 0
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := b.Append(ctx, Bulk(Eighth), func(error) {})
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			break
		}
		appended++
		require.Less(t, appended, 1000, "P16: there is an end to it")
	}
	require.NotEmpty(t, b.Asked(), "the readers of the oldest segment are asked to leave")
	got := 0
	require.Eventually(t, func() bool { got += len(slow.Rest()); return got == appended }, testTimeout, time.Millisecond,
		"P16: nothing is lost")
	slow.Release()
	b.Add(Lines("ada: last"))
}

func closing(t *testing.T, b *Rig) {
	early := b.Open(protocol.FromFirst(), "")
	acks := make(chan error, 1)
	require.NoError(t, b.Append(context.Background(), Lines("ada: one"), func(err error) { acks <- err }))
	b.Close()
	require.NoError(t, <-acks, "P17: what was accepted is acknowledged")
	b.Close()
	assert.Equal(t, 1, b.Ends(), "told once")
	never := func(error) { assert.Fail(t, "done is only called where Append returned nil") }
	assert.ErrorIs(t, b.Append(context.Background(), Lines("ada: two"), never), journal.ErrClosed)
	assert.ErrorIs(t, b.Append(context.Background(), Joined("ada"), never), journal.ErrClosed)
	_, err := b.Journal.Open(context.Background(), protocol.FromFirst(), protocol.Filter{})
	assert.ErrorIs(t, err, journal.ErrClosed)
	assert.Equal(t, []string{"1 ada: one"}, early.Rest(), "P17: readers find what is there, and then the end")
	assert.True(t, early.Ended())
}

var runCases = []struct {
	name    string
	entries []journal.Entry
	want    []string
	next    uint64 // of ada's run r
}{
	{"nothing", nil, nil, 1},
	{"no run", []journal.Entry{Lines("ada: 1 2"), Lines("ada: 1 2")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 1", "4 ada: 2"}, 1},
	{"new lines", []journal.Entry{OfRun("r", 1, "ada: 1"), OfRun("r", 2, "ada: 2 3")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 3"}, 4},
	{"all sent again", []journal.Entry{OfRun("r", 1, "ada: 1 2"), OfRun("r", 1, "ada: 1 2"), OfRun("r", 2, "ada: 2")}, []string{"1 ada: 1", "2 ada: 2"}, 3},
	{"some sent again", []journal.Entry{OfRun("r", 1, "ada: 1 2"), OfRun("r", 2, "ada: 2 3 4")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 3", "4 ada: 4"}, 5},
	{"more than all sent again", []journal.Entry{OfRun("r", 2, "ada: 2"), OfRun("r", 1, "ada: 1 2 3")}, []string{"1 ada: 2", "2 ada: 3"}, 4},
	{"rejected", []journal.Entry{OfRun("r", 1, "ada: 1"), Rejected("ada", "r", 2), OfRun("r", 3, "ada: 3")}, []string{"1 ada: 1", "2 ada: 3"}, 4},
	{"only rejected", []journal.Entry{Rejected("ada", "r", 1)}, nil, 2},
	{"rejected again", []journal.Entry{Rejected("ada", "r", 1), OfRun("r", 2, "ada: 2"), Rejected("ada", "r", 1)}, []string{"1 ada: 2"}, 3},
	{"rejected at first", []journal.Entry{Rejected("ada", "r", 1), OfRun("r", 1, "ada: 1 2")}, []string{"1 ada: 2"}, 3},
	{"another run", []journal.Entry{OfRun("q", 1, "ada: 1 2"), OfRun("r", 1, "ada: 1")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 1"}, 2},
	{"an old run again", []journal.Entry{OfRun("r", 1, "ada: 1 2"), OfRun("q", 1, "ada: 1"), OfRun("r", 1, "ada: 1")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 1"}, 3},
	{"another run came", []journal.Entry{OfRun("r", 1, "ada: 1 2"), OfRun("q", 1, "ada: 1")}, []string{"1 ada: 1", "2 ada: 2", "3 ada: 1"}, 3},
	{"two runs in turns", []journal.Entry{OfRun("q", 1, "ada: y1 y2"), OfRun("r", 1, "ada: x1"), OfRun("q", 2, "ada: y2 y3"), OfRun("r", 1, "ada: x1 x2"), OfRun("q", 1, "ada: y1 y2 y3 y4")},
		[]string{"1 ada: y1", "2 ada: y2", "3 ada: x1", "4 ada: y3", "5 ada: x2", "6 ada: y4"}, 3},
	{"another's run", []journal.Entry{OfRun("r", 1, "bob: 1 2"), OfRun("r", 1, "ada: 1")}, []string{"1 bob: 1", "2 bob: 2", "3 ada: 1"}, 2},
	{"lines are missing", []journal.Entry{OfRun("r", 7, "ada: 7 8")}, []string{"1 ada: 7", "2 ada: 8"}, 9},
}
