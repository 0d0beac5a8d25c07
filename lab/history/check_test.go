package history

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// two publishers: ada sent six lines, bob three with a topic.
func two() []Publisher {
	return []Publisher{
		{Name: "ada", Sent: []string{"one", "two", "three", "four", "five", "six"}, Acked: 6},
		{Name: "bob", Topic: "t.b", Sent: []string{"red", "green", "blue"}, Acked: 3},
	}
}

// received reads messages as a plain subscriber writes them, with "ada: text" for short; bob's
// topic is filled in.
func receivedLines(lines ...string) []Message {
	var messages []Message
	for _, line := range lines {
		name, text, _ := strings.Cut(line, ": ")
		m := Message{From: name, Line: text}
		if name == "bob" {
			m.Topic = "t.b"
		}
		messages = append(messages, m)
	}
	return messages
}

func all() []string {
	return []string{"ada: one", "ada: two", "bob: red", "ada: three", "bob: green", "ada: four", "ada: five", "bob: blue", "ada: six"}
}

func without(lines ...string) []string {
	return slices.DeleteFunc(all(), func(line string) bool { return slices.Contains(lines, line) })
}

func replaced(old, new string) []string {
	lines := all()
	lines[slices.Index(lines, old)] = new
	return lines
}

// complete is a subscriber that must have everything.
func complete(name string, lines ...string) Subscriber {
	return Subscriber{Name: name, FromFirst: true, ToEnd: true, Received: receivedLines(lines...)}
}

const ok = "nothing lost, doubled, reordered, invented or altered; one order"

func changed(s Subscriber, change func(s *Subscriber)) Subscriber {
	change(&s)
	return s
}

// positions are those with which sub-2 received everything.
func positions(pos ...uint64) Subscriber {
	return changed(complete("sub-2", all()...), func(s *Subscriber) {
		for i := range s.Received {
			s.Received[i].Pos = pos[i]
		}
	})
}

// reports are what sub-2 received beside sub-1, which received everything.
var reports = map[string]struct {
	sub  Subscriber
	want string // below "9 lines from 2 publishers to 2 subscribers: "
}{
	"correct":                    {complete("sub-2", all()...), ok},
	"joined late and left early": {Subscriber{Name: "sub-2", Received: receivedLines(all()[2:7]...)}, ok},
	"filter": {Subscriber{Name: "sub-2", Filter: "t.*", FromFirst: true, ToEnd: true,
		Received: receivedLines("bob: red", "bob: green", "bob: blue")}, ok},
	"lost": {complete("sub-2", without("ada: three", "ada: four", "ada: five")...),
		"3 lost\n" + `sub-2: lost 3 lines of "ada": #3 "three" to #5 "five"`},
	"lost at the ends": {complete("sub-2", without("ada: one", "bob: blue")...),
		"2 lost\n" + `sub-2: lost 1 line of "ada": #1 "one"` + "\n" +
			`sub-2: lost 1 line of "bob": #3 "blue"`},
	"lost everything": {complete("sub-2", without("bob: red", "bob: green", "bob: blue")...),
		"3 lost\n" + `sub-2: lost 3 lines of "bob": #1 "red" to #3 "blue"`},
	"lost within the window": {Subscriber{Name: "sub-2", Received: receivedLines("ada: two", "ada: four")},
		"1 lost, 2 skipped\n" + `sub-2: lost 1 line of "ada": #3 "three"` + "\n" +
			`sub-2: skipped 2 messages before line 2, the first is #1 "red" of "bob", which sub-1 received`},
	"duplicated": {complete("sub-2", append(all()[:5], all()[3:]...)...),
		"2 duplicated\n" + `sub-2: received #3 "three" of "ada" once more, as line 6` + "\n" +
			`sub-2: received #2 "green" of "bob" once more, as line 7`},
	"reordered": {complete("sub-2", append(without("ada: two"), "ada: two")...),
		"1 reordered\n" + `sub-2: received #2 "two" of "ada" after #6, as line 9`},
	"invented": {complete("sub-2", append(all(), "ada: boo", "eve: one")...),
		"2 invented\n" + `sub-2: received "boo", which "ada" never sent, as line 10` + "\n" +
			`sub-2: received "one" from "eve", who published nothing, as line 11`},
	"altered": {complete("sub-2", replaced("ada: four", "ada: for")...),
		"1 altered\n" + `sub-2: received #4 of "ada" altered, as line 6: sent "four", got "for" (from byte 3 on)`},
	"altered last line of one that left": {Subscriber{Name: "sub-2", FromFirst: true, Received: receivedLines("ada: one", "ada: tw")},
		"1 invented\n" + `sub-2: received "tw", which "ada" never sent, as line 2`},
	"one of two lost, the other altered": {complete("sub-2", slices.DeleteFunc(replaced("ada: four", "ada: fxur"),
		func(line string) bool { return line == "ada: three" })...),
		"2 lost, 1 invented\n" + `sub-2: lost 2 lines of "ada": #3 "three" to #4 "four"` + "\n" +
			`sub-2: received "fxur", which "ada" never sent, as line 5`},
	"other publisher": {complete("sub-2", replaced("ada: four", "bob: four")...),
		"1 lost, 1 invented\n" + `sub-2: lost 1 line of "ada": #4 "four"` + "\n" +
			`sub-2: received "four", which "bob" never sent, as line 6`},
	"unknown publisher": {complete("sub-2", replaced("ada: four", "10.0.0.1:4242: four")...),
		"1 lost, 1 invented\n" + `sub-2: lost 1 line of "ada": #4 "four"` + "\n" +
			`sub-2: received "four" from "10.0.0.1:4242", who published nothing, as line 6`},
	"other topic": {changed(complete("sub-2", all()...), func(s *Subscriber) { s.Received[2].Topic = "" }),
		"1 misattributed\n" + `sub-2: received #1 "red" of "bob" with the topic "" instead of "t.b", as line 3`},
	"misfiltered": {Subscriber{Name: "sub-2", Filter: "t.>", FromFirst: true, ToEnd: true,
		Received: receivedLines("bob: red", "bob: green", "ada: four", "bob: blue")},
		"1 not matching filter\n" + `sub-2: received #4 "four" of "ada" as line 3, whose topic "" does not match its filter "t.>"`},
	"another order": {complete("sub-2", "bob: red", "ada: one", "ada: two", "ada: three", "bob: green", "ada: four", "ada: five", "bob: blue", "ada: six"),
		"2 in another order\n" + `sub-2: received #1 "one" of "ada" after #1 "red" of "bob", the other way round from sub-1` + "\n" +
			`sub-2: received #2 "two" of "ada" after #1 "red" of "bob", the other way round from sub-1`},
	"another position": {positions(1, 2, 3, 4, 5, 6, 7, 8, 1009),
		"1 in another order\n" + `sub-2: received #6 "six" of "ada" at position 1,009, sub-3 at 9`},
	"positions that do not grow": {positions(1, 2, 3, 4, 4, 6, 7, 0, 9),
		"1 in another order\n" + `sub-2: received #2 "green" of "bob" at position 4, sub-3 at 5`},
	"positions that grow too early": {positions(1, 2, 3, 400, 5, 6, 7, 8, 9),
		"1 in another order\n" + `sub-2: received #3 "three" of "ada" at position 400, sub-3 at 4`},
	"gap": {changed(complete("sub-2", append(without("ada: one", "ada: two"), "ada: lost")...), func(s *Subscriber) {
		s.Received = slices.Insert(s.Received[:7], 0, Message{Gap: 2})
	}), "2 in declared gaps\n" + `sub-2: was told that 2 messages are missing, as line 1`},
	"gap too small": {changed(complete("sub-2", without("ada: one", "ada: two")...), func(s *Subscriber) {
		s.Received, s.GapsAllowed = slices.Insert(s.Received, 0, Message{Gap: 1}), true
	}), "1 skipped\n" + `sub-2: skipped 1 message before line 2, the first is #1 "one" of "ada", which sub-1 received`},
	"gap too large": {changed(complete("sub-2", without("ada: one")...), func(s *Subscriber) {
		s.Received, s.GapsAllowed = slices.Insert(s.Received, 0, Message{Gap: 2}), true
	}), "1 in declared gaps\n" + `sub-2: was told of 2 messages missing, where at most 1 are`},
	"gap in another place": {changed(complete("sub-2", without("ada: five")...), func(s *Subscriber) {
		s.Received, s.GapsAllowed = slices.Insert(s.Received, 1, Message{Gap: 1}), true
	}), "1 lost, 1 in declared gaps\n" + `sub-2: lost 1 line of "ada": #5 "five"` + "\n" +
		`sub-2: was told of 1 message missing, where at most 0 are`},
	"allowed gap": {changed(complete("sub-2", without("ada: one", "ada: two")...), func(s *Subscriber) {
		s.Received, s.GapsAllowed = slices.Insert(s.Received, 0, Message{Gap: 2}), true
	}), "2 missing in declared gaps, otherwise " + ok},
	"gap over what does not match": {Subscriber{Name: "sub-2", Filter: "t.>", FromFirst: true, ToEnd: true, GapsAllowed: true,
		Received: append([]Message{{Gap: 4}}, receivedLines("bob: green", "bob: blue")...)},
		"4 missing in declared gaps, otherwise " + ok},
}

func TestReport(t *testing.T) {
	for name, test := range reports {
		t.Run(name, func(t *testing.T) {
			h := History{Publishers: two(), Subscribers: []Subscriber{complete("sub-1", all()...), test.sub}}
			head := "9 lines from 2 publishers to 2 subscribers: "
			if strings.Contains(name, "position") {
				other := complete("sub-3", all()...)
				for i := range other.Received {
					other.Received[i].Pos = uint64(i + 1)
				}
				h.Subscribers = []Subscriber{other, test.sub}
			}
			report := Check(h)
			require.Equal(t, head+test.want, bare(report))
			require.Equal(t, strings.HasSuffix(test.want, ok), report.OK())
			require.Equal(t, report, Check(h), "not deterministic")
		})
	}
}

func TestOnePositionForTwoLines(t *testing.T) {
	h := History{Publishers: two(), Subscribers: []Subscriber{
		{Name: "sub-1", Received: []Message{{Pos: 1, From: "ada", Line: "one"}, {Pos: 2, From: "ada", Line: "two"}}},
		{Name: "sub-2", Filter: "t.b", Received: []Message{{Pos: 2, From: "bob", Topic: "t.b", Line: "red"}}},
	}}
	require.Equal(t, "9 lines from 2 publishers to 2 subscribers: 1 in another order\n"+
		`sub-2: received #1 "red" of "bob" at position 2, where sub-1 received #2 "two" of "ada"`, bare(Check(h)))
}

// The lines after the sure ones may have been accepted, but the same ones for everyone.
func TestKilledPublisher(t *testing.T) {
	h := History{Publishers: []Publisher{{Name: "ada", Sent: []string{"", "", "", "x"}, Acked: 1}}}
	h.Subscribers = []Subscriber{complete("sub-1", "ada: ", "ada: "), complete("sub-2", "ada: ", "ada: ")}
	require.Equal(t, "2 lines from 1 publisher to 2 subscribers: nothing lost, doubled, reordered, invented or altered; one order",
		bare(Check(h)))

	h.Subscribers[1] = complete("sub-2", "ada: ")
	require.Equal(t, "2 lines from 1 publisher to 2 subscribers: 1 lost\n"+
		`sub-2: lost 1 line of "ada": #2 ""`, bare(Check(h)))

	h.Publishers[0].Acked = 3
	h.Subscribers[1] = complete("sub-2", "ada: ", "ada: ", "ada: ")
	require.Equal(t, "3 lines from 1 publisher to 2 subscribers: 1 lost\n"+
		`sub-1: lost 1 line of "ada": #3 ""`, bare(Check(h)))
}

func TestDetailIsCapped(t *testing.T) {
	h := large(1, 25, 1)
	s := &h.Subscribers[0]
	for i := range s.Received {
		s.Received[i].Line = strings.ToUpper(s.Received[i].Line)
	}
	report := Check(h)
	require.Len(t, report.Faults, 10)
	require.Equal(t, map[Kind]int{Altered: 25}, report.Counts)
	lines := strings.Split(report.String(), "\n")
	require.Equal(t, "25 lines from 1 publisher to 1 subscriber: 25 altered", lines[0])
	require.Equal(t, "and 15 more altered", lines[len(lines)-1])
}

func TestTexts(t *testing.T) {
	long := strings.Repeat("ä", 50)
	h := History{Publishers: []Publisher{{Name: "ada", Sent: []string{long + "b" + long, "\x00\x1b[31m"}, Acked: 2}}}
	h.Subscribers = []Subscriber{complete("sub-1", "ada: "+long+"c"+long, "ada: ")}
	require.Equal(t, "2 lines from 1 publisher to 1 subscriber: 2 altered\n"+
		`sub-1: received #1 of "ada" altered, as line 1: sent "…ääääääääääbäääääääää…" (201 bytes), `+
		`got "…ääääääääääcäääääääää…" (201 bytes) (from byte 101 on)`+"\n"+
		`sub-1: received #2 of "ada" altered, as line 2: sent "\x00\x1b[31m", got "" (from byte 1 on)`, bare(Check(h)))
}

func TestNothingAtAll(t *testing.T) {
	require.True(t, Check(History{}).OK())
	require.True(t, Check(History{Publishers: []Publisher{{}}, Subscribers: []Subscriber{{}}}).OK())
	require.PanicsWithValue(t, `history: two publishers are named "a"`, func() {
		Check(History{Publishers: []Publisher{{Name: "a"}, {Name: "a"}}})
	})
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		filter, topic string
		want          bool
	}{
		{"", "", true}, {"", "a.b", true}, {">", "", false}, {"*", "", false}, {">", "a", true}, {">", "a.b", true},
		{"a", "a", true}, {"a", "a.b", false}, {"a.b", "a", false}, {"a.*", "a.b", true}, {"a.*", "a", false},
		{"a.*", "a.b.c", false}, {"*.b", "a.b", true}, {"a.>", "a", false}, {"a.>", "a.b.c", true}, {"*.>", "a", false},
	} {
		require.Equal(t, test.want, Match(test.filter, test.topic), "%q %q", test.filter, test.topic)
	}
}

// bare is a report without the lines around its first fault.
func bare(r Report) string {
	lines := strings.Split(r.String(), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "    ") }), "\n")
}
