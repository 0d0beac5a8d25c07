package harness

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pubsublab/lab/grade/harness/dialect"
	"pubsublab/lab/grade/harness/recorder"
)

const (
	first  = "m1-k3vq9x-001."
	second = "m2-aaabbb-017."
)

// Messages are found in whatever a server puts around them.
func TestOccurrences(t *testing.T) {
	for _, test := range []struct{ name, data, firstHas, secondHas string }{
		{"the sample", "Waiting for messages...\n[FROM 127.0.0.1:4711] : " + first + " \n[FROM 127.0.0.1:4712] : " + second + " \n",
			"[FROM 127.0.0.1:4711] :", "[FROM 127.0.0.1:4712] :"},
		{"no newlines", "[FROM a]: " + first + "[FROM b]: " + second, "[FROM a]:", "[FROM b]:"},
		{"behind", first + " (from a)\n" + second + " (from b)\n", "(from a)", "(from b)"},
		{"on the line before", "from a:\n" + first + "\nfrom b:\n" + second + "\n", "from a:", "from b:"},
		{"JSON", `{"from":"a","text":"` + first + `"}` + "\n" + `{"from":"b","text":"` + second + `"}` + "\n", `{"from":"a","text":"`, `{"from":"b","text":"`},
		{"nothing", first + "\n" + second + "\n", "", ""},
		{"nothing, no newlines", first + second, "", ""},
		{"other case", "[FROM a] " + strings.ToUpper(first) + "[FROM b] " + second, "[FROM a]", "[FROM b]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := Occurrences([]byte(test.data))
			if assert.Len(t, found, 2) {
				assert.Equal(t, first, found[0].Token)
				assert.Equal(t, second, found[1].Token)
				assert.Equal(t, test.firstHas, found[0].Decoration)
				assert.Equal(t, test.secondHas, found[1].Decoration)
				assert.True(t, strings.EqualFold(found[0].Raw, test.data[found[0].Start:found[0].End]))
			}
		})
	}
	for _, cut := range []string{first[:13], first[1:], "m1-k3vq9x-\n001.", "m1-k3vq9x001."} {
		assert.Empty(t, Occurrences([]byte(cut)), "%q", cut)
	}
}

func TestMerged(t *testing.T) {
	for data, end := range map[string]string{
		"[FROM a] : " + first + "\n" + second + " \n":    "\n",
		"[FROM a] : " + first + "\r\n" + second + "\r\n": "\r\n",
		"[FROM a] : " + first + second:                   "",
		first + second:                                   "",
	} {
		assert.True(t, Merged([]byte(data), first, second, end), "%q", data)
	}
	for data, end := range map[string]string{
		"[FROM a] : " + first + "\n[FROM a] : " + second + "\n": "\n",
		"[FROM a] : " + first + "[FROM a] : " + second:          "",
		first + "\n" + second + "\n":                            "\n", // cannot be told
		"[FROM a] : " + second:                                  "\n",
		"[FROM a] : " + first:                                   "\n",
	} {
		assert.False(t, Merged([]byte(data), first, second, end), "%q", data)
	}
}

// The same seed makes the same words, and each run of a server has its own.
func TestWordsRepeat(t *testing.T) {
	word := func(seed uint64, label string) string {
		h := New(Config{Seed: seed})
		return (&ServerRun{Config: h.Config, Dialect: &h.Dialect, random: h.random(label)}).Word()
	}
	assert.Equal(t, word(1, "traffic"), word(1, "traffic"))
	assert.NotEqual(t, word(1, "traffic"), word(2, "traffic"))
	assert.NotEqual(t, word(1, "traffic"), word(1, "quick"))
	assert.Regexp(t, TokenShape, token(3, word(5, "x"), 1234))
}

func TestStepsAreCutToWhatCanBeRead(t *testing.T) {
	data := []byte(strings.Repeat("x", 1000) + first + strings.Repeat("y", 1000))
	cut := Cut(data, []string{first})
	assert.Len(t, cut, dataLimit)
	assert.Contains(t, string(cut), first)

	received := []byte("[FROM a] : " + first + "[FROM b] : " + second + "\nmore")
	found := Occurrences(received)
	assert.Equal(t, "[FROM a] : "+first+"[FROM b] : ", string(Around(received, found[0])))
	assert.Equal(t, "[FROM b] : "+second, string(Around(received, found[1])))
}

func TestLongSlicesKeepTheirEnds(t *testing.T) {
	var steps []Step
	for i := range 100 {
		steps = append(steps, Step{At: time.Duration(100 - i)})
	}
	short := InOrder(steps)
	assert.Len(t, short, sliceLimit+1)
	assert.Equal(t, time.Duration(1), short[0].At)
	assert.Equal(t, time.Duration(100), short[sliceLimit].At)
	assert.Equal(t, "84 steps left out", string(short[sliceLimit/2].Data))
	assert.True(t, slices.IsSortedFunc(short, func(a, b Step) int { return int(a.At - b.At) }))
	assert.Equal(t, "1 step left out", string(InOrder(steps[:sliceLimit+1])[sliceLimit/2].Data))
}

func TestCount(t *testing.T) {
	assert.Equal(t, []string{"0 clients", "1 client", "2 clients"}, []string{Count(0, "client"), Count(1, "client"), Count(2, "client")})
}

// What a submission sends is hostile: whatever it is, tokens are where they are said to be, and
// nothing panics.
func FuzzOccurrences(f *testing.F) {
	for _, seed := range []string{"", "[FROM a] : " + first + "\n" + second, strings.ToUpper(first) + "\xff\u0130" + second, first[:9] + second} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		end := 0
		for _, s := range Occurrences(data) {
			assert.Equal(t, s.Raw, string(data[s.Start:s.End]))
			assert.True(t, ContainsFold(data, strings.ToLower(s.Raw)) || !isASCII(s.Raw), "%q", s.Raw)
			assert.LessOrEqual(t, end, s.Start)
			assert.LessOrEqual(t, len(Around(data, s)), dataLimit)
			end = s.End
		}
		Merged(Lower(data), first, second, "\n")
		assert.Len(t, Lower(data), len(data))
	})
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 127 }) < 0
}

// A role or a topic that is told in answer to a question is read before the first message comes.
func TestWhatEndsARegistrationIsRead(t *testing.T) {
	role, topic := []byte("PUBLISHER"), []byte("news")
	assert.True(t, unansweredEnd(nil))
	assert.True(t, unansweredEnd([]dialect.Step{{Data: role}}))
	assert.True(t, unansweredEnd([]dialect.Step{{Wait: true, Data: role}, {Wait: true, Data: topic}}))
	assert.False(t, unansweredEnd([]dialect.Step{{Wait: true, Data: role}, {Wait: true}}))
}

// A run of the server into which the grader's own publisher never came can be told of.
func TestExcerptWithoutAProber(t *testing.T) {
	r := &ServerRun{}
	s := newParticipant("subscriber 1", 1, "aaabbb", &Socket{}, recorder.New(100))
	steps := r.Unready(s)
	assert.Len(t, steps, 1)
	assert.Equal(t, Connects, steps[0].Kind)
}
