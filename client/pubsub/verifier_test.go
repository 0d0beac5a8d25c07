package pubsub

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/protocol"
)

func message(pos uint64, from string) Item {
	return Item{Message: protocol.Message{Pos: pos, From: from, Line: "hi"}}
}

func joined(name string) Item {
	return Item{Event: &protocol.Event{Kind: protocol.Joined, Role: protocol.Publisher, Name: name}}
}

func left(name string, lines uint64, why protocol.Reason) Item {
	return Item{Event: &protocol.Event{Kind: protocol.Left, Role: protocol.Publisher, Name: name, Lines: lines, Reason: why}}
}

func gap(n uint64) Item {
	return Item{Event: &protocol.Event{Kind: protocol.Gap, Missing: n}}
}

func onTopic(topic string, items ...Item) []Item {
	for i := range items {
		items[i].Topic = topic
		if e := items[i].Event; e != nil {
			e.Topic = topic
		}
	}
	return items
}

type verifierCase struct {
	name     string
	filter   string
	items    []Item
	want     Report
	finished int
}

// positionCases are what positions and counts show.
func positionCases() []verifierCase {
	const end, eof, reset = protocol.ReasonTerminate, protocol.ReasonEOF, protocol.ReasonReset
	m, j, l := message, joined, left
	return []verifierCase{
		{name: "nothing"},
		{
			name:     "two publishers, from first to last",
			items:    []Item{j("a"), j("b"), m(1, "a"), m(2, "b"), m(3, "a"), l("a", 2, end), l("b", 1, eof)},
			want:     Report{Lines: 3, Publishers: 2},
			finished: 2,
		},
		{
			name:     "a subscription in the middle",
			items:    []Item{m(7, "a"), j("b"), m(8, "b"), m(9, "a"), l("a", 1000, end), l("b", 1, end)},
			want:     Report{Lines: 3, Publishers: 2},
			finished: 2,
		},
		{
			name:  "a missing position",
			items: []Item{m(1, "a"), m(3, "a")},
			want:  Report{Lines: 2, Publishers: 1, Missing: 1, Faults: []string{"position 2 is missing"}},
		},
		{
			name:  "missing positions, seen twice but counted once",
			items: []Item{j("a"), m(1, "a"), m(5, "a"), l("a", 5, reset)},
			want: Report{Lines: 2, Publishers: 1, Missing: 3,
				Faults: []string{"positions 2 to 4 are missing", "a left with 5 lines, 2 came"}},
		},
		{
			name:     "the last lines missing",
			items:    []Item{j("a"), m(1, "a"), l("a", 3, end)},
			want:     Report{Lines: 1, Publishers: 1, Missing: 2, Faults: []string{"a left with 3 lines, 1 came"}},
			finished: 1,
		},
		{
			name:  "a duplicate",
			items: []Item{m(1, "a"), m(2, "a"), m(2, "a"), m(3, "a")},
			want:  Report{Lines: 4, Publishers: 1, Duplicates: 1, Faults: []string{"position 2 came twice"}},
		},
		{
			name:     "a duplicate that shows twice and is counted once",
			items:    []Item{j("a"), m(1, "a"), m(1, "a"), l("a", 1, end)},
			want:     Report{Lines: 2, Publishers: 1, Duplicates: 1, Faults: []string{"position 1 came twice", "a left with 1 line, 2 came"}},
			finished: 1,
		},
		{
			name:     "a line from nowhere",
			items:    []Item{j("a"), m(1, "a"), m(2, "a"), l("a", 1, end)},
			want:     Report{Lines: 2, Publishers: 1, Duplicates: 1, Faults: []string{"a left with 1 line, 2 came"}},
			finished: 1,
		},
		{
			name:  "two positions in the wrong order",
			items: []Item{m(1, "a"), m(3, "a"), m(2, "a"), m(4, "a")},
			want: Report{Lines: 4, Publishers: 1, Disordered: 1,
				Faults: []string{"position 2 is missing", "position 2 came after 3"}},
		},
		{
			name:  "out of a wide hole, then again",
			items: []Item{m(1, "a"), m(9, "a"), m(5, "a"), m(5, "a"), m(2, "a"), m(8, "a")},
			want: Report{Lines: 6, Publishers: 1, Disordered: 3, Duplicates: 1, Missing: 4,
				Faults: []string{"positions 2 to 8 are missing", "position 5 came after 9", "position 5 came twice", "position 2 came after 9", "position 8 came after 9"}},
		},
	}
}

// sessionCases are gaps, and publishers that come, leave and go on elsewhere.
func sessionCases() []verifierCase {
	const end, reset = protocol.ReasonTerminate, protocol.ReasonReset
	m, j, l := message, joined, left
	return []verifierCase{
		{
			name:  "a gap",
			items: []Item{m(1, "a"), gap(3), m(5, "a")},
			want:  Report{Lines: 2, Publishers: 1, Missing: 3, Faults: []string{"the server no longer had 3 messages"}},
		},
		{
			name:  "a gap at the beginning",
			items: []Item{gap(4), m(5, "a")},
			want:  Report{Lines: 1, Publishers: 1, Missing: 4, Faults: []string{"the server no longer had 4 messages"}},
		},
		{
			name:  "more missing than the gap says",
			items: []Item{m(1, "a"), gap(1), m(5, "a"), m(7, "a")},
			want: Report{Lines: 3, Publishers: 1, Missing: 4,
				Faults: []string{"the server no longer had 1 message", "positions 2 to 4 are missing", "position 6 is missing"}},
		},
		{
			name:  "a restarted server",
			items: []Item{j("a"), m(7, "a"), gap(0), m(1, "b"), m(2, "b"), j("a"), m(3, "a"), l("a", 1, end)},
			want: Report{Lines: 4, Publishers: 2,
				Faults: []string{"the server lost its history, and an unknown number of messages with it"}},
			finished: 1,
		},
		{
			name:  "a publisher that was cut off and came back",
			items: []Item{j("a"), m(1, "a"), l("a", 1, reset), j("a"), m(2, "a"), m(3, "a"), l("a", 2, end)},
			want:  Report{Lines: 3, Publishers: 1}, finished: 1,
		},
		{
			name:  "a publisher that finished and came back",
			items: []Item{j("a"), m(1, "a"), l("a", 1, end), j("a")},
			want:  Report{Lines: 1, Publishers: 1},
		},
		{
			name:  "a name taken over",
			items: []Item{j("a"), m(1, "a"), j("a"), l("a", 1, protocol.ReasonTakeover), m(2, "a"), l("a", 1, end)},
			want:  Report{Lines: 2, Publishers: 1}, finished: 1,
		},
		{
			name:  "a publisher whose broker died and could not tell",
			items: []Item{j("a"), m(1, "a"), j("a"), m(2, "a"), l("a", 1, end)},
			want:  Report{Lines: 2, Publishers: 1}, finished: 1,
		},
		{
			name:  "a publisher whose broker noticed later, and counted what came twice",
			items: []Item{j("a"), m(1, "a"), j("a"), m(2, "a"), l("a", 2, reset), m(3, "a"), l("a", 2, end)},
			want:  Report{Lines: 3, Publishers: 1}, finished: 1,
		},
		{
			name:  "a publisher whose broker noticed after the end",
			items: []Item{j("a"), m(1, "a"), j("a"), m(2, "a"), l("a", 1, end), l("a", 2, reset), l("a", 2, end)},
			want:  Report{Lines: 2, Publishers: 1}, finished: 1,
		},
		{
			name:  "a publisher whose brokers died, and that came back after its end",
			items: []Item{j("a"), j("a"), j("a"), l("a", 0, end), j("a"), m(1, "a"), l("a", 0, reset)},
			want:  Report{Lines: 1, Publishers: 1},
		},
	}
}

// filterCases are what is not, or not all, in sight.
func filterCases() []verifierCase {
	const end = protocol.ReasonTerminate
	m, j, l := message, joined, left
	return []verifierCase{
		{
			name:   "with a filter, holes are no fault",
			filter: "sea.>",
			items: append(onTopic("sea.light", j("a"), m(1, "a"), m(5, "a"), l("a", 2, end)),
				onTopic("rail", j("b"), l("b", 3, end))...),
			want: Report{Lines: 2, Publishers: 1}, finished: 1,
		},
		{
			name:   "with a filter, lines are missed by their publisher",
			filter: "sea.>",
			items:  onTopic("sea.light", j("a"), m(1, "a"), m(5, "a"), l("a", 3, end)),
			want:   Report{Lines: 2, Publishers: 1, Missing: 1, Faults: []string{"a left with 3 lines, 2 came"}}, finished: 1,
		},
		{
			name:   "with a filter, a duplicate and the wrong order",
			filter: ">",
			items:  onTopic("x", m(1, "a"), m(5, "a"), m(3, "a"), m(5, "a")),
			want: Report{Lines: 4, Publishers: 1, Disordered: 1, Duplicates: 1,
				Faults: []string{"position 3 came after 5", "position 5 came twice"}},
		},
		{
			name:  "subscribers are nobody's publishers",
			items: []Item{{Event: &protocol.Event{Kind: protocol.Left, Role: protocol.Subscriber, Name: "s", Lines: 9, Reason: end}}},
		},
		{
			name:  "more faults than one wants to read",
			items: []Item{m(1, "a"), m(3, "a"), m(5, "a"), m(7, "a"), m(9, "a"), m(11, "a"), m(13, "a"), m(15, "a")},
			want: Report{Lines: 8, Publishers: 1, Missing: 7, Faults: []string{"position 2 is missing", "position 4 is missing",
				"position 6 is missing", "position 8 is missing", "position 10 is missing", "and more"}},
		},
	}
}

func TestVerifier(t *testing.T) {
	for _, c := range slices.Concat(positionCases(), sessionCases(), filterCases()) {
		t.Run(c.name, func(t *testing.T) {
			var filter protocol.Filter
			if c.filter != "" {
				var err error
				filter, err = protocol.ParseFilter(c.filter)
				require.NoError(t, err)
			}
			verifier := NewVerifier(filter)
			for _, item := range c.items {
				verifier.Add(&item)
			}
			got := verifier.Report()
			got.SHA256 = ""
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.finished, verifier.Finished(), "publishers that have finished")
			assert.Equal(t, len(c.want.Faults) == 0, got.OK())
			assert.Equal(t, c.want.Lines, verifier.Lines())
		})
	}
}

func TestVerifierDigestIsThatOfThePlainTranscript(t *testing.T) {
	verifier := NewVerifier(protocol.Filter{})
	var transcript []byte
	for i := range uint64(5000) {
		item := Item{Message: protocol.Message{Pos: i + 1, From: "keeper", Topic: "sea", Line: "a lighthouse\r"}}
		if i%1000 == 999 {
			item = gap(i)
			transcript = protocol.Plain.AppendEvent(transcript, item.Event)
		} else {
			transcript = protocol.Plain.AppendMessage(transcript, &item.Message)
		}
		verifier.Add(&item)
	}
	sum := sha256.Sum256(transcript)
	assert.Equal(t, hex.EncodeToString(sum[:]), verifier.Report().SHA256)
	assert.Equal(t, hex.EncodeToString(sum[:]), verifier.Report().SHA256, "when asked again")
}

func TestVerifierForgetsOldHolesRatherThanGrow(t *testing.T) {
	filter, _ := protocol.ParseFilter(">")
	verifier := NewVerifier(filter)
	for i := range uint64(3 * maxHoles) {
		item := message(2*i+1, "a")
		verifier.Add(&item)
	}
	assert.LessOrEqual(t, len(verifier.holes), maxHoles)
	assert.True(t, verifier.Report().OK())
}

func TestReportString(t *testing.T) {
	for want, r := range map[string]Report{
		"80 lines from 2 publishers, in order, 0 missing, 0 duplicates, sha256 ab":   {Lines: 80, Publishers: 2, SHA256: "ab"},
		"1 line from 1 publisher, 3 out of order, 2 missing, 1 duplicate, sha256 ab": {Lines: 1, Publishers: 1, Disordered: 3, Missing: 2, Duplicates: 1, SHA256: "ab"},
	} {
		assert.Equal(t, want, r.String())
	}
}
